//! A million damaged and invented bodies: no panic, and what is taken is what prost takes.

use bytes::Bytes;
use catgraft_core::PAGE_SIZE;
use catgraft_proto::graft::pagestore::v1::WritePagesRequest;
use prost::Message;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::decoder::{page, request, vid};
use crate::ingest::decoder::Decoder;

const BODIES: u64 = 1_000_000;

/// A body that is nearly one: a valid one with some bytes changed, cut or put in, or tags and lengths without sense.
fn body(rng: &mut SmallRng, valid: &[Vec<u8>]) -> Vec<u8> {
    if rng.random_ratio(1, 3) {
        let len = rng.random_range(0..64);
        return (0..len).map(|_| if rng.random() { rng.random() } else { rng.random_range(0..0x20) }).collect();
    }
    let mut body = valid[rng.random_range(0..valid.len())].clone();
    for _ in 0..rng.random_range(1..4) {
        // Heads of fields are where damage matters; a page's content is not.
        let at = if rng.random() { rng.random_range(0..body.len().min(40)) } else { rng.random_range(0..body.len()) };
        match rng.random_range(0..4) {
            0 => body[at] = rng.random(),
            1 => body[at] ^= 1 << rng.random_range(0..8),
            2 => body.insert(at, rng.random()),
            _ => drop(body.remove(at)),
        }
        if body.is_empty() {
            return body;
        }
    }
    if rng.random_ratio(1, 8) {
        body.truncate(rng.random_range(0..body.len()));
    }
    body
}

fn check(body: &[u8], piece_len: usize) {
    let mut decoder = Decoder::new(100, 0);
    let fed = body.chunks(piece_len).try_for_each(|piece| decoder.feed(piece).map(drop));
    let Ok(run) = fed.and_then(|()| decoder.finish()) else { return };
    let by_prost = WritePagesRequest::decode(body).expect("prost takes what the decoder takes");
    assert_eq!(by_prost.vid.as_ref(), run.vid.as_bytes());
    let pages = run.indexes.iter().zip(run.data.chunks_exact(PAGE_SIZE));
    assert_eq!(by_prost.pages.len(), run.indexes.len());
    for ((index, data), other) in pages.zip(by_prost.pages) {
        assert_eq!((index.get(), data), (other.pageidx, other.data.as_ref()));
    }
}

#[test]
fn a_million_bodies_give_no_panic_and_nothing_that_prost_would_not_give() {
    let valid: Vec<Vec<u8>> = vec![
        request(vid(1), vec![]).encode_to_vec(),
        request(vid(1), vec![page(1)]).encode_to_vec(),
        WritePagesRequest { vid: Bytes::new(), pages: vec![] }.encode_to_vec(),
        request(vid(2), vec![page(300), page(2)]).encode_to_vec(),
    ];
    let valid: Vec<Vec<u8>> = valid.into_iter().filter(|body| !body.is_empty()).collect();
    let seed: u64 = std::env::var("CATGRAFT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let valid = &valid;
            scope.spawn(move || {
                for number in (worker..BODIES).step_by(workers as usize) {
                    let mut rng = SmallRng::seed_from_u64(seed.wrapping_add(number));
                    let body = body(&mut rng, valid);
                    let piece_len = rng.random_range(1..6000);
                    let outcome = std::panic::catch_unwind(|| check(&body, piece_len));
                    assert!(outcome.is_ok(), "CATGRAFT_SEED={} finds it again, as body 0", seed.wrapping_add(number));
                }
            });
        }
    });
}
