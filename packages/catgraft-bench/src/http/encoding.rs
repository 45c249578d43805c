//! The content codings of answers.

use std::io::{self, Read as _};

/// A content coding that answers may be asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// gzip
    Gzip,
    /// br
    Brotli,
    /// zstd
    Zstd,
}

impl Encoding {
    /// Every coding.
    pub const ALL: [Encoding; 3] = [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];

    /// Its name in headers.
    pub fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding with this name.
    pub fn from_token(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.token() == token)
    }

    /// The bytes that were encoded.
    pub(crate) fn decode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut decoded = Vec::new();
        match self {
            Self::Gzip => flate2::read::GzDecoder::new(body).read_to_end(&mut decoded)?,
            Self::Brotli => brotli::Decompressor::new(body, 4096).read_to_end(&mut decoded)?,
            Self::Zstd => zstd::Decoder::new(body)?.read_to_end(&mut decoded)?,
        };
        Ok(decoded)
    }
}
