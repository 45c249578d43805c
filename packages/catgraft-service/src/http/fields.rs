//! Bodies that are built to expand: two bytes are an empty field, and thirty times as much memory once they are decoded.
//!
//! What the protocol repeats are ids and messages with ids in them, which have 16 bytes. So a message of many shorter
//! fields is none of the protocol's, and is refused before anything is made of it. Pure: bytes in, a decision out.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Fields that are shorter carry no id.
const SHORT_BYTES: usize = 16;
/// So many short fields are in no message of the protocol: at most a few that are not repeated.
const SHORT_FIELDS_MAX: usize = 64;

/// Is this body as large as what becomes of it asks for? Fields are counted down to `depth` levels of messages. What is no
/// message passes: its decoder says so.
pub(super) fn are_worth_their_memory(body: &[u8], depth: u32) -> bool {
    let mut short_fields = 0;
    count(body, depth, &mut short_fields);
    short_fields <= SHORT_FIELDS_MAX
}

fn count(mut rest: &[u8], depth: u32, short_fields: &mut usize) {
    while !rest.is_empty() && *short_fields <= SHORT_FIELDS_MAX {
        let Ok((tag, wire_type)) = decode_key(&mut rest) else { return };
        if wire_type != WireType::LengthDelimited {
            if skip_field(wire_type, tag, &mut rest, DecodeContext::default()).is_err() {
                return;
            }
            continue;
        }
        let Some(len) = decode_varint(&mut rest).ok().and_then(|len| usize::try_from(len).ok()) else { return };
        let Some((field, behind)) = rest.split_at_checked(len) else { return };
        if len < SHORT_BYTES {
            *short_fields += 1;
        } else if depth > 1 {
            count(field, depth - 1, short_fields);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use catgraft_proto::graft::common::v1::SegmentInfo;
    use prost::Message;

    use super::*;

    /// A message with a field 5 for each of these.
    fn message(fields: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
        let mut out = Vec::new();
        for field in fields {
            prost::encoding::bytes::encode(5, &field, &mut out);
        }
        out
    }

    #[test]
    fn ids_and_messages_with_ids_are_taken_however_many() {
        let ids = message((0..10_000).map(|_| vec![0x0a; 16]));
        assert!(are_worth_their_memory(&ids, 1));
        let segment = SegmentInfo { sid: vec![0xa0; 16].into(), graft: vec![1; 29].into() }.encode_to_vec();
        let segments = message((0..10_000).map(|_| segment.clone()));
        assert!(are_worth_their_memory(&segments, 1));
        assert!(are_worth_their_memory(&message([segments.clone(), segments]), 2));
    }

    #[test]
    fn many_empty_fields_are_refused_at_the_depth_that_counts() {
        let empty = message((0..65).map(|_| Vec::new()));
        assert!(!are_worth_their_memory(&empty, 1));
        assert!(are_worth_their_memory(&message((0..64).map(|_| Vec::new())), 1));
        let nested = message([empty]);
        assert!(are_worth_their_memory(&nested, 1));
        assert!(!are_worth_their_memory(&nested, 2));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(0u8.., 0..300), depth in 1u32..3) {
            are_worth_their_memory(&body, depth);
        }
    }
}
