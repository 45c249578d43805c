//! Compression of answers: which one the client can read, and cheap levels of each.

use std::io::Write;

use actix_web::http::header::{self, HeaderMap};

/// Cheap levels: pages compress well, and the client is waiting.
const ZSTD_LEVEL: i32 = 1;
const BROTLI_QUALITY: u32 = 1;
const BROTLI_WINDOW_LOG: u32 = 20;
const GZIP_LEVEL: u32 = 1;
const BROTLI_BUFFER_BYTES: usize = 64 * 1024;

/// The compressions that clients of the protocol can read, the one that we like best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Zstd,
    Brotli,
    Gzip,
}

impl Encoding {
    const BEST_FIRST: [Encoding; 3] = [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub(super) fn token(self) -> &'static str {
        match self {
            Encoding::Zstd => "zstd",
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
        }
    }

    pub(super) fn compress(self, body: &[u8]) -> Vec<u8> {
        const NEVER: &str = "writing to memory does not fail";
        match self {
            Encoding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).expect(NEVER),
            Encoding::Brotli => {
                let out = Vec::with_capacity(body.len() / 2);
                let mut writer =
                    brotli::CompressorWriter::new(out, BROTLI_BUFFER_BYTES, BROTLI_QUALITY, BROTLI_WINDOW_LOG);
                writer.write_all(body).expect(NEVER);
                writer.into_inner()
            }
            Encoding::Gzip => {
                let out = Vec::with_capacity(body.len() / 2);
                let mut writer = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
                writer.write_all(body).expect(NEVER);
                writer.finish().expect(NEVER)
            }
        }
    }
}

/// The compression that the client likes best, and of equals the one that we do. None where it reads none of ours,
/// or likes the plain body better.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Encoding> {
    let accepted = || headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    let quality = |token: &str| accepted().flat_map(|value| value.split(',')).find_map(|item| quality_of(item, token));
    let any = quality("*");
    let plain = quality("identity");
    let mut best: Option<(Encoding, u16)> = None;
    for encoding in Encoding::BEST_FIRST {
        let likes = quality(encoding.token()).or(any).unwrap_or(0);
        if likes > best.map_or(0, |(_, likes)| likes) {
            best = Some((encoding, likes));
        }
    }
    best.filter(|(_, likes)| plain.is_none_or(|plain| plain <= *likes)).map(|(encoding, _)| encoding)
}

/// The quality, in thousandths, of an item such as `br;q=0.8` if it names this token. A broken quality is 0.
fn quality_of(item: &str, token: &str) -> Option<u16> {
    let mut parts = item.split(';');
    if !parts.next()?.trim().eq_ignore_ascii_case(token) {
        return None;
    }
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
    });
    Some((quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16)
}
