//! Tests of the parts that need no server.

use std::io::Read;

use actix_web::{
    body::{BodySize, MessageBody, to_bytes},
    http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue},
    test::TestRequest,
    web::Bytes,
};

use super::{
    Pieces,
    compression::{Encoding, negotiate},
    request_id::{self, RequestIds},
    respond_pieces,
};

fn accepting(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
    }
    headers
}

#[test]
fn the_compression_is_the_one_that_the_client_likes_best() {
    use Encoding::{Brotli, Gzip, Zstd};
    for (accept, expected) in [
        (&[][..], None),
        (&[""], None),
        (&["gzip, br, zstd"], Some(Zstd)),
        (&["gzip", "br"], Some(Brotli)),
        (&["GZip"], Some(Gzip)),
        (&["gzip;q=1.0, br;q=0.8, zstd;q=0.5"], Some(Gzip)),
        (&["gzip ; q=0.2 , br ; Q=0.9"], Some(Brotli)),
        (&["zstd;q=0, gzip;q=0.001"], Some(Gzip)),
        (&["zstd;q=0"], None),
        (&["*"], Some(Zstd)),
        (&["*;q=0.5, gzip"], Some(Gzip)),
        (&["zstd;q=0, *"], Some(Brotli)),
        (&["*;q=0"], None),
        (&["identity, gzip;q=0.5"], None),
        (&["identity;q=0.5, gzip"], Some(Gzip)),
        (&["deflate, snappy"], None),
        (&["gzip;q=lots"], None),
        (&["gzip;q=NaN"], None),
        (&[";;;,,q=1"], None),
    ] {
        assert_eq!(negotiate(&accepting(accept)), expected, "{accept:?}");
    }
}

fn unfold(encoding: Encoding, compressed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        Encoding::Zstd => plain = zstd::stream::decode_all(compressed).unwrap(),
        Encoding::Brotli => drop(brotli::Decompressor::new(compressed, 4096).read_to_end(&mut plain).unwrap()),
        Encoding::Gzip => drop(flate2::read::GzDecoder::new(compressed).read_to_end(&mut plain).unwrap()),
    }
    plain
}

/// A message in pieces of 1000 bytes.
fn pieces(message: &Bytes) -> Pieces {
    Pieces::new(message.chunks(1000).map(Bytes::copy_from_slice).collect())
}

/// Bytes that compress well.
fn pages(len: usize) -> Bytes {
    (0..len).map(|place| (place / 100) as u8).collect::<Vec<_>>().into()
}

#[actix_web::test]
async fn an_answer_unfolds_to_what_was_said_in_every_compression_and_size() {
    for encoding in [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip] {
        for len in [4096, 64 * 1024 + 1, 5_000_000] {
            let request = TestRequest::default().insert_header((ACCEPT_ENCODING, encoding.token())).to_http_request();
            let (head, body) = respond_pieces(&request, pieces(&pages(len))).await.into_parts();
            assert_eq!(head.headers().get(CONTENT_ENCODING).unwrap(), encoding.token());
            assert_eq!(head.headers().get("vary").unwrap(), "Accept-Encoding");
            assert_eq!(head.headers().get("content-type").unwrap(), "application/x-protobuf");
            let body = body.try_into_bytes().expect("the body is in memory");
            assert!(body.len() < len / 10, "{encoding:?} {len}: {}", body.len());
            assert_eq!(unfold(encoding, &body), pages(len));
        }
    }
}

#[actix_web::test]
async fn an_answer_that_is_small_or_does_not_compress_is_sent_as_it_is() {
    use rand::{RngCore, SeedableRng};
    let mut noise = vec![0u8; 10_000];
    rand::rngs::SmallRng::seed_from_u64(1).fill_bytes(&mut noise);
    for plain in [pages(4095), Bytes::from(noise)] {
        let request = TestRequest::default().insert_header((ACCEPT_ENCODING, "zstd")).to_http_request();
        let (head, body) = respond_pieces(&request, pieces(&plain)).await.into_parts();
        assert!(!head.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(body.size(), BodySize::Sized(plain.len() as u64));
        assert!(to_bytes(body).await.expect("the body is in memory") == plain);
    }
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let ids = RequestIds::new();
    let of = |value: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(request_id::HEADER, HeaderValue::from_bytes(value).unwrap());
        ids.of(&headers).to_string()
    };
    let longest = [b'x'; 64];
    for sane in [b"a".as_slice(), b"Root=1-67-abc;{}", &longest] {
        assert_eq!(of(sane).as_bytes(), sane);
    }
    for other in [b"".as_slice(), b"two words", b"caf\xc3\xa9", &[b'x'; 65]] {
        let id = of(other);
        assert!(id.len() == 16 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    }
    assert_ne!(ids.of(&HeaderMap::new()).to_string(), ids.of(&HeaderMap::new()).to_string());
}

proptest::proptest! {
    #[test]
    fn any_accept_encoding_is_survived(text in "[ -~]{0,60}") {
        negotiate(&accepting(&[&text]));
    }

    #[test]
    fn a_compression_is_chosen_exactly_if_it_is_liked(thousandths in 0u16..1000) {
        let accept = format!("br;q=0.{thousandths:03}");
        let expected = (thousandths > 0).then_some(Encoding::Brotli);
        proptest::prop_assert_eq!(negotiate(&accepting(&[&accept])), expected);
    }
}
