//! What a `put` stores: the bytes of one object, in the chunks they already lie in.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// The bytes of one object as a list of chunks, so that a segment is stored without being joined first. Cloning it
/// copies no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    chunks: Arc<[Bytes]>,
    len: u64,
}

impl Payload {
    /// The chunks in order; none is empty.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Bytes in all chunks together.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Is there no byte in it?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bytes in one piece; copies them unless they are one chunk.
    pub fn to_bytes(&self) -> Bytes {
        match &*self.chunks {
            [] => Bytes::new(),
            [only] => only.clone(),
            chunks => {
                let mut joined = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
                for chunk in chunks {
                    joined.extend_from_slice(chunk);
                }
                joined.freeze()
            }
        }
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let chunks: Arc<[Bytes]> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let len = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks, len }
    }
}

impl From<Vec<Bytes>> for Payload {
    fn from(chunks: Vec<Bytes>) -> Self {
        chunks.into_iter().collect()
    }
}

impl From<Bytes> for Payload {
    fn from(whole: Bytes) -> Self {
        std::iter::once(whole).collect()
    }
}
