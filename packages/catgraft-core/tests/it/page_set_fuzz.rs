//! Ten million damaged page sets: none panics, and what is accepted is the one encoding of its set.
//!
//! The same seed gives the same cases on any number of cores. `CATGRAFT_FUZZ_SEED` sets another one; a failure
//! prints the seed, the batch and the input.

use std::{
    collections::HashSet,
    env,
    mem::{Discriminant, discriminant},
    panic,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use catgraft_core::{PageIndex, PageSet, PageSetError};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use splinter_rs::SplinterRef;

const BATCHES: u64 = 200;
const CASES_A_BATCH: u64 = 50_000;
/// Valid encodings that a batch draws from.
const VALID_A_BATCH: usize = 400;
const LEN_MAX: u64 = 1200;
/// Variants of `PageSetError`: damage that fuzzing must have come across, or it does not reach the depths.
const ERRORS: usize = 12;

#[test]
fn ten_million_damaged_page_sets_are_refused_or_encode_to_themselves() {
    let seed = match env::var("CATGRAFT_FUZZ_SEED") {
        Ok(text) => text.parse().expect("CATGRAFT_FUZZ_SEED is a number"),
        Err(_) => 20_261_121,
    };
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let work = || {
            let mut tally = Tally::default();
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    batch if batch < BATCHES => run(seed, batch, &mut tally),
                    _ => return tally,
                }
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause))).collect()
    });
    let cases: u64 = tallies.iter().map(|tally| tally.cases).sum();
    let accepted: u64 = tallies.iter().map(|tally| tally.accepted).sum();
    let errors: HashSet<_> = tallies.iter().flat_map(|tally| &tally.errors).collect();
    assert_eq!(cases, 10_000_000);
    assert!(accepted > cases / 100, "only {accepted} cases were accepted, seed {seed}");
    assert_eq!(errors.len(), ERRORS, "only some kinds of damage came up, seed {seed}");
}

/// What a thread has seen.
#[derive(Default)]
struct Tally {
    cases: u64,
    accepted: u64,
    errors: HashSet<Discriminant<PageSetError>>,
}

fn run(seed: u64, batch: u64, tally: &mut Tally) {
    let mut rng = SmallRng::seed_from_u64(seed.wrapping_mul(BATCHES).wrapping_add(batch));
    let valid: Vec<Vec<u8>> = (0..VALID_A_BATCH).map(|_| page_set(&mut rng).encode().to_vec()).collect();
    let mut input = Vec::new();
    for _ in 0..CASES_A_BATCH {
        fill(&mut input, &valid, &mut rng);
        match panic::catch_unwind(|| check(&input)) {
            Ok(Ok(())) => tally.accepted += 1,
            Ok(Err(error)) => {
                tally.errors.insert(discriminant(&error));
            }
            Err(_) => panic!("CATGRAFT_FUZZ_SEED={seed}, batch {batch}, input {}", hex::encode(&input)),
        }
        tally.cases += 1;
    }
}

/// Accepted input must be within the limit, encode to itself, and mean to the oracle what it means to us.
fn check(input: &[u8]) -> Result<(), PageSetError> {
    let (set, mut pages) = (PageSet::decode(input, LEN_MAX), Vec::new());
    let appended = PageSet::decode_into(input, LEN_MAX, &mut pages);
    assert_eq!(appended.as_ref().err(), set.as_ref().err());
    let set = set?;
    assert!(set.iter().eq(pages), "the pages are not those of the set");
    assert!(set.len() <= LEN_MAX);
    assert_eq!(set.encode(), input, "accepted, but not what the encoder writes");
    let oracle = SplinterRef::from_bytes(input).expect("the oracle takes what we take");
    assert!(oracle.iter().eq(set.iter().map(PageIndex::get)), "the oracle reads another set");
    Ok(())
}

/// A set of one of the shapes that clients send, or of one that has many maps.
fn page_set(rng: &mut SmallRng) -> PageSet {
    let mut set = PageSet::new();
    let spread = *[40, 300, 5000, 1 << 20, u32::MAX].choose(rng).expect("there are five");
    for _ in 0..rng.random_range(0..12) {
        let first = rng.random_range(1..=spread);
        let len = if rng.random_ratio(1, 4) { rng.random_range(0..600) } else { rng.random_range(0..3) };
        let [first, last] =
            [first, first.saturating_add(len)].map(|number| PageIndex::new(number).expect("it is 1 or more"));
        set.insert_range(first..=last);
    }
    set
}

/// Replaces the input by the next case.
fn fill(input: &mut Vec<u8>, valid: &[Vec<u8>], rng: &mut SmallRng) {
    input.clear();
    match rng.random_range(0..8) {
        0 => {
            let len = rng.random_range(0..48);
            input.extend((0..len).map(|_| rng.random::<u8>()));
        }
        1 => {
            // Frame and numbers as they should be, without sense.
            let len = rng.random_range(0..40);
            input.extend([0xDA, 0xAE, 0x12, 0xDF]);
            input.extend((0..len).map(|_| small(rng)));
            input.extend([small(rng), 0, 0, 0]);
        }
        _ => {
            input.extend(valid.choose(rng).expect("a batch has valid sets"));
            for _ in 0..rng.random_range(1..4) {
                mutate(input, valid, rng);
            }
        }
    }
}

/// Mostly a number that a small set is full of.
fn small(rng: &mut SmallRng) -> u8 {
    if rng.random_ratio(1, 8) { rng.random() } else { rng.random_range(0..4) }
}

fn mutate(input: &mut Vec<u8>, valid: &[Vec<u8>], rng: &mut SmallRng) {
    let at = rng.random_range(0..=input.len());
    let until = (at + rng.random_range(0..8)).min(input.len());
    match rng.random_range(0..8) {
        0 if at < input.len() => input[at] ^= 1 << rng.random_range(0..8),
        1 if at < input.len() => input[at] = small(rng),
        2 if at < input.len() => input[at] = input[at].wrapping_add(rng.random_range(0..3)).wrapping_sub(1),
        3 => input.truncate(at),
        4 => input.insert(at, small(rng)),
        5 => drop(input.drain(at..until)),
        6 => input.extend_from_within(at..until),
        _ => {
            // Goes on as another set does, from the same distance to its end.
            let other = valid.choose(rng).expect("a batch has valid sets");
            let keep = input.len() - at;
            input.truncate(at);
            input.extend(&other[other.len().saturating_sub(keep)..]);
        }
    }
}
