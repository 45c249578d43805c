//! Reading a whole segment with nothing but its bytes. Pure: bytes in, findings out.

use std::collections::BTreeMap;

use bytes::Bytes;
use catgraft_core::{PAGE_SIZE, PageSet, VolumeId};
use catgraft_segment::{Error, FOOTER_LEN, Footer, SegmentIndex, SegmentSummary};
use serde_json::{Value, json};

/// Ranges of page indexes that people are shown of one volume.
const HUMAN_RANGES_MAX: usize = 20;

/// What a segment holds.
pub(super) struct Inspection {
    pub(super) summary: SegmentSummary,
    /// In the order of the index.
    pub(super) volumes: Vec<Volume>,
    /// What each codec took, by its name.
    pub(super) codecs: BTreeMap<&'static str, Stored>,
    /// What is wrong with each page whose checksum does not match, or that is no page.
    pub(super) damaged: Vec<Error>,
}

/// What became of some pages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(super) page_count: usize,
    /// Bytes that they take in the segment.
    pub(super) byte_len: u64,
}

/// What a segment holds of one volume.
pub(super) struct Volume {
    pub(super) vid: VolumeId,
    pub(super) page_count: usize,
    /// First and last index of each run of pages.
    ranges: Vec<(u32, u32)>,
}

/// Reads footer and index, which have to be sound, and verifies every page.
pub(super) fn inspect(object: &Bytes) -> Result<Inspection, Error> {
    let len = object.len() as u64;
    let footer = &object[object.len().saturating_sub(FOOTER_LEN)..];
    let summary = Footer::decode(footer, len)?;
    let index = SegmentIndex::from_object_tail(object, len)?;
    let volumes = index
        .volumes()
        .map(|(vid, pages)| Volume { vid, page_count: pages.iter().count(), ranges: ranges(&pages) })
        .collect();
    let (codecs, damaged) = verify(object, &index);
    Ok(Inspection { summary, volumes, codecs, damaged })
}

/// What each codec took, and what is wrong with each page that is damaged.
pub(crate) fn verify(object: &Bytes, index: &SegmentIndex) -> (BTreeMap<&'static str, Stored>, Vec<Error>) {
    let mut codecs: BTreeMap<_, Stored> = BTreeMap::new();
    let mut damaged = Vec::new();
    for (vid, pages) in index.volumes() {
        for page in pages.iter() {
            let location = index.find(vid, page).expect("an index finds the pages that it lists");
            let range = location.range();
            let stored = codecs.entry(location.codec.name()).or_default();
            stored.page_count += 1;
            stored.byte_len += u64::from(location.len);
            // A sound index names no byte outside of the object, which is no longer than memory.
            let payload = object.slice(range.start as usize..range.end as usize);
            if let Err(error) = location.open(vid, page, payload) {
                damaged.push(error);
            }
        }
    }
    (codecs, damaged)
}

fn ranges(pages: &PageSet) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for page in pages.iter() {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(page.get()) => *last = page.get(),
            _ => ranges.push((page.get(), page.get())),
        }
    }
    ranges
}

impl Volume {
    /// `1–31, 40, 52–60`, cut where it would be very long.
    pub(super) fn human_ranges(&self) -> String {
        let shown = self
            .ranges
            .iter()
            .take(HUMAN_RANGES_MAX)
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}–{last}") });
        let mut text = shown.collect::<Vec<_>>().join(", ");
        if self.ranges.len() > HUMAN_RANGES_MAX {
            text.push_str(", …");
        }
        text
    }
}

impl Stored {
    /// The part of their size that the pages take.
    #[expect(clippy::cast_precision_loss, reason = "a segment has far fewer bytes than a float is exact for")]
    pub(super) fn ratio(self) -> f64 {
        self.byte_len as f64 / (self.page_count.max(1) * PAGE_SIZE) as f64
    }
}

impl Inspection {
    /// All of it, for programs.
    pub(super) fn to_json(&self, name: &str) -> Value {
        let Self { summary, volumes, codecs, damaged } = self;
        let volume = |volume: &Volume| json!({ "vid": volume.vid.to_string(), "page_count": volume.page_count, "page_ranges": volume.ranges });
        let stored = |stored: &Stored| json!({ "page_count": stored.page_count, "byte_len": stored.byte_len, "ratio": stored.ratio() });
        json!({
            "segment": name,
            "format_version": catgraft_segment::format::VERSION,
            "byte_len": summary.byte_len,
            "index_offset": summary.index_offset,
            "index_len": summary.index_len,
            "index_hash": hex::encode(summary.index_hash),
            "page_count": volumes.iter().map(|volume| volume.page_count).sum::<usize>(),
            "codecs": codecs.iter().map(|(codec, pages)| (*codec, stored(pages))).collect::<BTreeMap<_, _>>(),
            "volumes": volumes.iter().map(volume).collect::<Vec<_>>(),
            "damaged": damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}
