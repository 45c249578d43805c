//! Tests of ids.

use super::{ClientId, GidError, SegmentId, VolumeId};
use crate::Timestamp;

const MOMENT: Timestamp = Timestamp::from_millis(0x0123_4567_89AB);

#[test]
fn derived_client_ids_are_the_published_ones() {
    let vectors = [
        ("alice", "Qi81Dp4C512BpJRF7ZMTgX"),
        ("catgraft", "Qi81Dp4C4zNNX4xnU5mrBq"),
        ("ünï", "Qi81Dp4C4zofJJ38o4oDPx"),
    ];
    for (name, text) in vectors {
        let id = ClientId::derive(name);
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(id.created(), Timestamp::from_millis(0));
    }
}

#[test]
fn ids_are_prefix_then_time_then_random_bytes() {
    let id = SegmentId::from_parts(MOMENT, [9; 9]);
    assert_eq!(hex::encode(id.as_bytes()), "a00123456789ab090909090909090909");
    assert_eq!(id.created(), MOMENT);
}

#[test]
fn a_time_beyond_48_bits_becomes_the_last_one() {
    let id = VolumeId::from_parts(Timestamp::from_millis(1 << 48), [0; 9]);
    assert_eq!(id.created(), Timestamp::from_millis((1 << 48) - 1));
    assert_eq!(id.as_bytes()[0], VolumeId::PREFIX);
}

#[test]
fn every_kind_reads_its_own_bytes_and_text() {
    for random in [[0; 9], [0xFF; 9], [1, 2, 3, 4, 5, 6, 7, 8, 9]] {
        for moment in [Timestamp::from_millis(0), MOMENT, Timestamp::from_millis(u64::MAX)] {
            let (volume, segment) = (VolumeId::from_parts(moment, random), SegmentId::from_parts(moment, random));
            let client = ClientId::from_parts(moment, random);
            assert_eq!(VolumeId::try_from(&volume.as_bytes()[..]), Ok(volume));
            assert_eq!(SegmentId::try_from(&segment.as_bytes()[..]), Ok(segment));
            assert_eq!(ClientId::try_from(&client.as_bytes()[..]), Ok(client));
            assert_eq!(volume.to_string().parse(), Ok(volume));
            assert_eq!(segment.to_string().parse(), Ok(segment));
            assert_eq!(client.to_string().parse(), Ok(client));
            assert!([volume.to_string(), segment.to_string(), client.to_string()].iter().all(|text| text.len() == 22));
        }
    }
}

#[test]
fn another_kind_s_prefix_is_refused() {
    let mut bytes = [0; 16];
    for first in 0..=u8::MAX {
        bytes[0] = first;
        let refused = |kind, expected| GidError::Prefix { kind, expected, found: first };
        assert_eq!(VolumeId::try_from(&bytes[..]).err(), (first != 0x80).then(|| refused("volume", 0x80)));
        assert_eq!(SegmentId::try_from(&bytes[..]).err(), (first != 0xA0).then(|| refused("segment", 0xA0)));
        assert_eq!(ClientId::try_from(&bytes[..]).err(), (first != 0xC0).then(|| refused("client", 0xC0)));
    }
    let client = ClientId::derive("alice").to_string();
    let refused = GidError::Prefix { kind: "volume", expected: 0x80, found: 0xC0 };
    assert_eq!(client.parse::<VolumeId>(), Err(refused));
}

#[test]
fn bytes_of_another_length_are_refused() {
    for len in (0..40).filter(|len| *len != 16) {
        let refused = GidError::Length { kind: "client", len };
        assert_eq!(ClientId::try_from(&vec![0xC0; len][..]), Err(refused));
    }
}

#[test]
fn other_text_is_refused() {
    let cases = [
        "",
        "Qi81Dp4C512BpJRF7ZMTg",
        "Qi81Dp4C512BpJRF7ZMTgXX",
        " Qi81Dp4C512BpJRF7ZMTgX",
        // Not of the alphabet: 0, O, I, l, and more than one byte a character.
        "0i81Dp4C512BpJRF7ZMTgX",
        "Oi81Dp4C512BpJRF7ZMTgX",
        "Ii81Dp4C512BpJRF7ZMTgX",
        "li81Dp4C512BpJRF7ZMTgX",
        "äääääääääää",
        // More than 16 bytes, in number and in leading zeros; less than 16 bytes.
        "zzzzzzzzzzzzzzzzzzzzzz",
        "1111111111111111111111",
        "11111Dp4C512BpJRF7ZMTg",
    ];
    for text in cases {
        let refused = text.parse::<ClientId>();
        assert!(matches!(&refused, Err(GidError::Text { kind: "client", .. })), "{text}: {refused:?}");
    }
}

#[test]
fn an_error_shows_long_text_shortened() {
    let refused = GidError::Text { kind: "volume", text: "x".repeat(40) };
    assert_eq!("x".repeat(10_000).parse::<VolumeId>(), Err(refused));
}

#[test]
fn later_ids_of_a_kind_sort_behind_earlier_ones() {
    let later = Timestamp::from_millis(MOMENT.as_millis() + 1);
    let [early, late] = [SegmentId::from_parts(MOMENT, [0xFF; 9]), SegmentId::from_parts(later, [0; 9])];
    assert!(early < late);
    assert!(early.to_string() < late.to_string());
}

#[test]
fn text_is_padded_as_asked() {
    let id = ClientId::derive("alice");
    assert_eq!(format!("{id:<24}|"), "Qi81Dp4C512BpJRF7ZMTgX  |");
    assert_eq!(format!("{id:?}"), id.to_string());
}
