//! Encodes the answer of `read_pages` straight from cached pages: only what stands between them is written anew.

use bytes::{Bytes, BytesMut};
use catgraft_core::{PAGE_SIZE, Page, PageIndex, limits::PAGE_ON_WIRE_BYTES_MAX};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

/// Field of `ReadPagesResponse`.
const PAGES: u32 = 1;
/// Fields of `PageAtIdx`.
const PAGEIDX: u32 = 1;
const DATA: u32 = 2;
/// Most bytes that stand before a page.
const HEAD_BYTES_MAX: usize = PAGE_ON_WIRE_BYTES_MAX - PAGE_SIZE;

/// The encoded `ReadPagesResponse` in pieces: before each page what stands before it, and the page itself.
pub(super) fn encode(pages: Vec<(PageIndex, Page)>) -> Vec<Bytes> {
    let mut heads = BytesMut::with_capacity(pages.len() * HEAD_BYTES_MAX);
    let mut pieces = Vec::with_capacity(pages.len() * 2);
    for (index, page) in pages {
        encode_head(index, &mut heads);
        pieces.push(heads.split().freeze());
        pieces.push(page.into_bytes());
    }
    pieces
}

fn encode_head(index: PageIndex, out: &mut BytesMut) {
    let number = u64::from(index.get());
    let data_len = key_len(DATA) + encoded_len_varint(PAGE_SIZE as u64) + PAGE_SIZE;
    let message_len = key_len(PAGEIDX) + encoded_len_varint(number) + data_len;
    encode_key(PAGES, WireType::LengthDelimited, out);
    encode_varint(message_len as u64, out);
    encode_key(PAGEIDX, WireType::Varint, out);
    encode_varint(number, out);
    encode_key(DATA, WireType::LengthDelimited, out);
    encode_varint(PAGE_SIZE as u64, out);
}
