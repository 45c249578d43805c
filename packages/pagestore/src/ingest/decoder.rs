//! Decodes the body of `write_pages` while it arrives.
//!
//! The body is one protobuf message (`WritePagesRequest`: 1 vid, 2 pages of `PageAtIdx`: 1 pageidx, 2 data), of
//! any size. Pieces of it are fed in as the socket brings them; page data is copied once, to the place that it is
//! uploaded from. A page that is wrong is refused as soon as it is seen, so that memory holds at most one run of
//! pages, whatever is sent. What protobuf allows is allowed: fields in any order, unknown fields, a field twice
//! (the last one counts). Only groups, which proto3 does not have, are refused.
//!
//! Pure: bytes in, runs of pages out. It must not know of HTTP or of segments.

use bytes::{Bytes, BytesMut};
use catgraft_core::{GidError, PAGE_SIZE, PageError, PageIndex, PageSet, VolumeId};

/// Most bytes of one `PageAtIdx` message: its page and index, and some room for fields that a later protocol adds.
const PAGE_MESSAGE_BYTES_MAX: u64 = PAGE_SIZE as u64 + 256;
const VID_LEN: usize = 16;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the body ends in the middle of a field")]
    Truncated,
    #[error("a varint of the body is longer than 10 bytes")]
    Varint,
    #[error("{0} is no tag of a field")]
    Tag(u64),
    #[error("field {field} has wire type {wire_type}, which its place does not allow")]
    WireType { field: u64, wire_type: u8 },
    #[error("vid: {0}")]
    VolumeId(#[from] GidError),
    #[error("vid: the volume id must come before the pages of a body this large")]
    VolumeIdLate,
    #[error("vid: the volume id changes within the body, from {from} to {to}")]
    VolumeIdChanges { from: VolumeId, to: VolumeId },
    #[error("pages: a page message of {len} bytes: a page has exactly 4096 bytes")]
    PageMessage { len: u64 },
    #[error("pages: a field of a page message reaches beyond its end")]
    PageField,
    #[error("pageidx: {0} is larger than a page index can be")]
    IndexLarge(u64),
    #[error("pages: {0}")]
    Page(#[from] PageError),
    #[error("page {index}: a page has exactly 4096 bytes, this has {len}")]
    PageSize { index: PageIndex, len: usize },
    #[error("page {0} comes twice in one request")]
    PageTwice(PageIndex),
}

/// Pages of one volume that lie behind one another in memory.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    /// The volume.
    pub(crate) vid: VolumeId,
    /// Index of each page, in the order of the data.
    pub(crate) indexes: Vec<PageIndex>,
    /// The pages' data.
    pub(crate) data: Bytes,
    /// Bytes of memory that the data takes, which may be more than its length.
    pub(crate) capacity: usize,
}

/// Where in the message the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum State {
    Tag,
    VidLength,
    Vid {
        left: usize,
    },
    PageLength,
    PageTag,
    PageIndex,
    PageDataLength,
    PageData {
        left: usize,
    },
    /// A field of no interest: a varint, a length, or bytes; inside a page or outside.
    SkipVarint,
    SkipLength,
    Skip {
        left: u64,
    },
}

/// A varint, as far as it has arrived.
#[derive(Debug, Default, Clone, Copy)]
struct Varint {
    value: u64,
    shift: u32,
}

impl Varint {
    /// Takes bytes up to the end of the varint; none where it goes on.
    fn take(&mut self, input: &mut &[u8]) -> Result<Option<u64>, DecodeError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            // The tenth byte has room for one bit.
            if self.shift == 63 && byte > 1 {
                return Err(DecodeError::Varint);
            }
            self.value |= u64::from(byte & 0x7f) << self.shift;
            if byte & 0x80 == 0 {
                return Ok(Some(std::mem::take(self).value));
            }
            self.shift += 7;
        }
        Ok(None)
    }
}

/// The message around a page, as far as it has arrived.
#[derive(Debug, Clone, Copy)]
struct OpenPage {
    /// Bytes of the message that have not arrived.
    left: u64,
    index: u32,
    data_len: usize,
    /// Its length was read in this very step, which counts for nothing of the page.
    fresh: bool,
}

/// Decodes one body.
#[derive(Debug)]
pub(crate) struct Decoder {
    run_pages: usize,
    /// Bytes of the body that are still to come; sizes the next buffer, once there is data for it.
    bytes_expected: usize,
    state: State,
    varint: Varint,
    vid_bytes: Vec<u8>,
    vid: Option<VolumeId>,
    vid_used: Option<VolumeId>,
    page: Option<OpenPage>,
    seen: PageSet,
    indexes: Vec<PageIndex>,
    data: BytesMut,
}

impl Decoder {
    /// A decoder at the beginning of a body, for runs of so many pages. `bytes_expected` of body are still to come.
    pub(crate) fn new(run_pages: usize, bytes_expected: usize) -> Self {
        Self {
            run_pages,
            bytes_expected,
            state: State::Tag,
            varint: Varint::default(),
            vid_bytes: Vec::with_capacity(VID_LEN),
            vid: None,
            vid_used: None,
            page: None,
            seen: PageSet::new(),
            indexes: Vec::new(),
            data: BytesMut::new(),
        }
    }

    /// Takes from the next piece of the body until it ends or a run is full, and says how many bytes it took. A full
    /// run has to be taken before the decoder goes on.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<usize, DecodeError> {
        let mut input = piece;
        while !input.is_empty() && !self.run_is_full() {
            let before = input.len();
            self.step(&mut input)?;
            self.leave_page(before - input.len())?;
        }
        Ok(piece.len() - input.len())
    }

    /// Does a full run wait to be taken?
    pub(crate) fn run_is_full(&self) -> bool {
        self.indexes.len() >= self.run_pages
    }

    /// Takes the full run. The volume must be known by now.
    pub(crate) fn take_run(&mut self, bytes_expected: usize) -> Result<Run, DecodeError> {
        let vid = self.vid.ok_or(DecodeError::VolumeIdLate)?;
        self.vid_used = Some(vid);
        self.bytes_expected = bytes_expected;
        let capacity = self.data.capacity();
        let data = std::mem::take(&mut self.data).freeze();
        Ok(Run { vid, indexes: std::mem::take(&mut self.indexes), data, capacity })
    }

    /// Ends the body: the last run, which may be empty.
    pub(crate) fn finish(mut self) -> Result<Run, DecodeError> {
        let at_end = matches!(self.state, State::Tag) && self.varint.shift == 0 && self.page.is_none();
        if !at_end {
            return Err(DecodeError::Truncated);
        }
        if self.vid.is_none() {
            // Reports the length 0 of a field that never came.
            VolumeId::try_from(&[][..])?;
        }
        self.take_run(0)
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<(), DecodeError> {
        match self.state {
            State::Vid { left } => {
                let taken = split_at_most(input, left);
                self.vid_bytes.extend_from_slice(taken);
                self.vid_go_on(left - taken.len())?;
            }
            State::PageData { left } => {
                let taken = split_at_most(input, left);
                self.data.extend_from_slice(taken);
                self.state = match left - taken.len() {
                    0 => State::PageTag,
                    left => State::PageData { left },
                };
            }
            State::Skip { left } => {
                let taken = split_at_most(input, usize::try_from(left).unwrap_or(usize::MAX));
                self.skip_go_on(left - taken.len() as u64);
            }
            _ => {
                if let Some(value) = self.varint.take(input)? {
                    self.varint_read(value)?;
                }
            }
        }
        Ok(())
    }

    fn varint_read(&mut self, value: u64) -> Result<(), DecodeError> {
        match self.state {
            State::Tag | State::PageTag if value > u32::MAX.into() => return Err(DecodeError::Tag(value)),
            State::Tag => self.state = outer_field(value)?,
            State::PageTag => self.state = page_field(value)?,
            State::VidLength => {
                self.vid_bytes.clear();
                match usize::try_from(value) {
                    Ok(VID_LEN) => self.state = State::Vid { left: VID_LEN },
                    len => {
                        return Err(GidError::Length { kind: "volume", len: len.unwrap_or(usize::MAX) }.into());
                    }
                }
            }
            State::PageLength => {
                if value > PAGE_MESSAGE_BYTES_MAX {
                    return Err(DecodeError::PageMessage { len: value });
                }
                self.page = Some(OpenPage { left: value, index: 0, data_len: 0, fresh: true });
                self.state = State::PageTag;
                // A page without fields has no index.
                if value == 0 {
                    self.close_page()?;
                }
            }
            State::PageIndex => {
                let index = u32::try_from(value).map_err(|_| DecodeError::IndexLarge(value))?;
                self.open_page().index = index;
                self.state = State::PageTag;
            }
            State::PageDataLength => self.begin_data(value)?,
            State::SkipVarint => self.skip_go_on(0),
            State::SkipLength => self.skip_go_on(value),
            State::Vid { .. } | State::PageData { .. } | State::Skip { .. } => {}
        }
        Ok(())
    }

    fn begin_data(&mut self, len: u64) -> Result<(), DecodeError> {
        let whole = self.indexes.len() * PAGE_SIZE;
        if whole == 0 {
            // Of whole pages, so that what stands between them in the body takes no memory.
            self.data.reserve((self.bytes_expected / PAGE_SIZE).min(self.run_pages) * PAGE_SIZE);
        }
        self.data.truncate(whole);
        let len = usize::try_from(len).ok().filter(|len| *len as u64 <= PAGE_MESSAGE_BYTES_MAX);
        let len = len.ok_or(DecodeError::PageField)?;
        self.open_page().data_len = len;
        self.state = if len == 0 { State::PageTag } else { State::PageData { left: len } };
        Ok(())
    }

    fn vid_go_on(&mut self, left: usize) -> Result<(), DecodeError> {
        if left > 0 {
            self.state = State::Vid { left };
            return Ok(());
        }
        let vid = VolumeId::try_from(self.vid_bytes.as_slice())?;
        if let Some(from) = self.vid_used.filter(|from| *from != vid) {
            return Err(DecodeError::VolumeIdChanges { from, to: vid });
        }
        self.vid = Some(vid);
        self.state = State::Tag;
        Ok(())
    }

    fn skip_go_on(&mut self, left: u64) {
        self.state = match left {
            0 if self.page.is_some() => State::PageTag,
            0 => State::Tag,
            left => State::Skip { left },
        };
    }

    fn open_page(&mut self) -> &mut OpenPage {
        self.page.as_mut().expect("the states of a page are only entered inside of one")
    }

    /// Counts bytes that were taken inside of a page, and closes the page at its end.
    fn leave_page(&mut self, taken: usize) -> Result<(), DecodeError> {
        let at_field_end = matches!(self.state, State::PageTag) && self.varint.shift == 0;
        let Some(page) = self.page.as_mut() else { return Ok(()) };
        if std::mem::take(&mut page.fresh) {
            return Ok(());
        }
        page.left = page.left.checked_sub(taken as u64).ok_or(DecodeError::PageField)?;
        match page.left {
            0 if at_field_end => self.close_page(),
            0 => Err(DecodeError::PageField),
            _ => Ok(()),
        }
    }

    fn close_page(&mut self) -> Result<(), DecodeError> {
        let OpenPage { index, data_len, .. } = *self.open_page();
        let index = PageIndex::try_from(index)?;
        if data_len != PAGE_SIZE {
            return Err(DecodeError::PageSize { index, len: data_len });
        }
        if !self.seen.insert(index) {
            return Err(DecodeError::PageTwice(index));
        }
        self.indexes.push(index);
        self.page = None;
        self.state = State::Tag;
        Ok(())
    }
}

fn split_at_most<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(len.min(input.len()));
    *input = rest;
    taken
}

fn outer_field(tag: u64) -> Result<State, DecodeError> {
    match (tag >> 3, wire_type(tag)) {
        (1, LENGTH) => Ok(State::VidLength),
        (2, LENGTH) => Ok(State::PageLength),
        (field @ (1 | 2), wire_type) => Err(DecodeError::WireType { field, wire_type }),
        (field, wire_type) => unknown_field(field, wire_type),
    }
}

fn page_field(tag: u64) -> Result<State, DecodeError> {
    match (tag >> 3, wire_type(tag)) {
        (1, VARINT) => Ok(State::PageIndex),
        (2, LENGTH) => Ok(State::PageDataLength),
        (field @ (1 | 2), wire_type) => Err(DecodeError::WireType { field, wire_type }),
        (field, wire_type) => unknown_field(field, wire_type),
    }
}

fn unknown_field(field: u64, wire_type: u8) -> Result<State, DecodeError> {
    match (field, wire_type) {
        (0, wire_type) => Err(DecodeError::Tag(wire_type.into())),
        (_, VARINT) => Ok(State::SkipVarint),
        (_, FIXED64) => Ok(State::Skip { left: 8 }),
        (_, LENGTH) => Ok(State::SkipLength),
        (_, FIXED32) => Ok(State::Skip { left: 4 }),
        (field, wire_type) => Err(DecodeError::WireType { field, wire_type }),
    }
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED32: u8 = 5;

fn wire_type(tag: u64) -> u8 {
    (tag & 7) as u8
}
