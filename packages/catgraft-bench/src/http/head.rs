//! The head of an answer, as little of it as is needed. Pure.

use super::Encoding;

/// More headers than any server sends.
const HEADERS_MAX: usize = 32;

/// What is needed of an answer's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The HTTP status.
    pub(super) status: u16,
    /// Bytes of the head.
    pub(super) len: usize,
    /// Bytes of the body.
    pub(super) body_len: usize,
    /// How the body is encoded.
    pub(super) encoding: Option<Encoding>,
    /// Will the server close the connection?
    pub(super) closes: bool,
}

impl Head {
    /// Reads a head; none where it has not arrived whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(format!("the answer is no HTTP: {error}")),
        };
        let mut head = Self { status: response.code.unwrap_or(0), len, body_len: 0, encoding: None, closes: false };
        let mut body_len = None;
        for header in response.headers.iter() {
            let value = || String::from_utf8_lossy(header.value).into_owned();
            if header.name.eq_ignore_ascii_case("content-length") {
                body_len = value().parse().ok();
            } else if header.name.eq_ignore_ascii_case("content-encoding") {
                let token = value();
                let unknown = || format!("the answer is encoded as {token:?}, which was not asked for");
                head.encoding = Some(Encoding::from_token(&token).ok_or_else(unknown)?);
            } else if header.name.eq_ignore_ascii_case("connection") {
                head.closes = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        let no_len = || "the answer does not say its length, which this load generator needs".to_owned();
        head.body_len = body_len.ok_or_else(no_len)?;
        Ok(Some(head))
    }
}
