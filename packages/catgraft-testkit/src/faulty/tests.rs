//! Tests of the faulty store: it fails when it was told to, and not otherwise.

use std::sync::Arc;

use catgraft_objects::{
    Error, MemoryStore, ObjectStore, Payload,
    conformance::{content, key},
};

use super::Faulty;

fn stores(seed: u64) -> (Arc<MemoryStore>, Faulty) {
    let memory = Arc::new(MemoryStore::new());
    (memory.clone(), Faulty::new(memory, seed))
}

fn payload() -> Payload {
    Payload::from(content(1, 10))
}

fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_put_that_fails_before_its_effect_stores_nothing() {
    let (memory, faulty) = stores(1);
    faulty.fail_puts_before_effect(2);
    assert_unavailable(faulty.put(&key(1), payload()).await);
    assert_unavailable(faulty.put(&key(1), payload()).await);
    assert!(memory.get(&key(1)).await.unwrap_err().is_not_found());
    faulty.put(&key(1), payload()).await.unwrap();
    assert_eq!(memory.get(&key(1)).await.unwrap(), content(1, 10));
    assert_eq!(faulty.faults(), 2);
}

#[tokio::test]
async fn a_put_that_fails_after_its_effect_stores_its_object() {
    let (memory, faulty) = stores(1);
    faulty.fail_puts_after_effect(1);
    assert_unavailable(faulty.put(&key(1), payload()).await);
    assert_eq!(memory.get(&key(1)).await.unwrap(), content(1, 10));
    faulty.put(&key(2), payload()).await.unwrap();
    assert_eq!(faulty.faults(), 1);
}

#[tokio::test]
async fn reads_fail_as_often_as_they_were_told_to() {
    let (_, faulty) = stores(1);
    faulty.put(&key(1), payload()).await.unwrap();
    faulty.fail_gets(2);
    assert_unavailable(faulty.get(&key(1)).await);
    assert_unavailable(faulty.get_range(&key(1), 0..1).await);
    faulty.get(&key(1)).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_away_fails_every_request_until_it_is_back() {
    let (_, faulty) = stores(1);
    faulty.set_unavailable(true);
    assert_unavailable(faulty.probe().await);
    assert_unavailable(faulty.put(&key(1), payload()).await);
    assert_unavailable(faulty.delete(&key(1)).await);
    faulty.set_unavailable(false);
    faulty.probe().await.unwrap();
    assert!(faulty.get(&key(1)).await.unwrap_err().is_not_found());
}

async fn outcomes(seed: u64) -> Vec<(bool, bool)> {
    let (memory, faulty) = stores(seed);
    faulty.fail_by_chance(0.5);
    let mut outcomes = Vec::new();
    for number in 0..64 {
        let is_acknowledged = faulty.put(&key(number), payload()).await.is_ok();
        outcomes.push((is_acknowledged, memory.get(&key(number)).await.is_ok()));
    }
    outcomes
}

#[tokio::test]
async fn chance_draws_every_kind_of_fault_and_the_seed_decides_which() {
    let drawn = outcomes(7).await;
    for kind in [(true, true), (false, false), (false, true)] {
        assert!(drawn.contains(&kind), "{kind:?} in {drawn:?}");
    }
    assert!(!drawn.contains(&(true, false)), "what is acknowledged is stored: {drawn:?}");
    assert_eq!(outcomes(7).await, drawn);
    assert_ne!(outcomes(8).await, drawn);
}
