//! Tests of the clock and the id source.

use std::time::{Duration, UNIX_EPOCH};

use super::{Clock, IdSource, RandomIds, SystemClock, Timestamp};
use crate::gid::{ClientId, RANDOM_LEN, SegmentId, VolumeId};

/// Gives the same bytes for ever.
struct SameIds;

impl IdSource for SameIds {
    fn random(&self) -> [u8; RANDOM_LEN] {
        [5; RANDOM_LEN]
    }
}

#[test]
fn timestamps_are_milliseconds_since_the_epoch() {
    let moment = Timestamp::from_millis(1_700_000_000_123);
    assert_eq!(moment.as_millis(), 1_700_000_000_123);
    assert_eq!(moment.to_system_time(), UNIX_EPOCH + Duration::new(1_700_000_000, 123_000_000));
}

#[test]
fn the_last_timestamp_is_a_system_time_too() {
    let moment = Timestamp::from_millis(u64::MAX);
    assert_eq!(moment.to_system_time().duration_since(UNIX_EPOCH).unwrap().as_millis(), u128::from(u64::MAX));
}

#[test]
fn the_machine_s_clock_is_past_the_day_this_was_written() {
    assert!(SystemClock.now() > Timestamp::from_millis(1_760_000_000_000));
}

#[test]
fn an_id_source_fills_ids_of_every_kind_with_its_bytes_and_the_moment() {
    let moment = Timestamp::from_millis(77);
    assert_eq!(SameIds.volume_id(moment), VolumeId::from_parts(moment, [5; RANDOM_LEN]));
    assert_eq!(SameIds.segment_id(moment), SegmentId::from_parts(moment, [5; RANDOM_LEN]));
    assert_eq!(SameIds.client_id(moment), ClientId::from_parts(moment, [5; RANDOM_LEN]));
}

#[test]
fn random_ids_of_one_moment_differ() {
    let moment = Timestamp::from_millis(0);
    assert_ne!(RandomIds.segment_id(moment), RandomIds.segment_id(moment));
}

#[test]
fn no_moment_is_before_the_epoch() {
    let moment = Timestamp::from_millis(1500);
    assert_eq!(moment.minus(Duration::from_millis(1)), Timestamp::from_millis(1499));
    for time in [Duration::from_secs(2), Duration::MAX] {
        assert_eq!(moment.minus(time), Timestamp::from_millis(0));
    }
}
