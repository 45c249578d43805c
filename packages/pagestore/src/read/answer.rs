//! Encodes the answer of `read_pages` straight from cached pages: one buffer of the right size, one copy of each page.

use bytes::{BufMut, Bytes, BytesMut};
use catgraft_core::{PAGE_SIZE, Page, PageIndex, limits::PAGE_ON_WIRE_BYTES_MAX};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// Field of `ReadPagesResponse`.
const PAGES: u32 = 1;
/// Fields of `PageAtIdx`.
const PAGEIDX: u32 = 1;
const DATA: u32 = 2;

/// The encoded `ReadPagesResponse`.
pub(super) fn encode(pages: &[(PageIndex, Page)]) -> Bytes {
    let mut out = BytesMut::with_capacity(pages.len() * PAGE_ON_WIRE_BYTES_MAX);
    for (index, page) in pages {
        let number = u64::from(index.get());
        let data_len = key_len(DATA) + encoded_len_varint(PAGE_SIZE as u64) + PAGE_SIZE;
        let message_len = key_len(PAGEIDX) + encoded_len_varint(number) + data_len;
        encode_key(PAGES, WireType::LengthDelimited, &mut out);
        encode_varint(message_len as u64, &mut out);
        encode_key(PAGEIDX, WireType::Varint, &mut out);
        encode_varint(number, &mut out);
        encode_key(DATA, WireType::LengthDelimited, &mut out);
        encode_varint(PAGE_SIZE as u64, &mut out);
        out.put_slice(page.as_bytes());
    }
    out.freeze()
}
