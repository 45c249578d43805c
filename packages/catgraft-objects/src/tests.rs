//! Tests of what needs no backend: keys, payloads, configuration.

use std::time::Duration;

use bytes::Bytes;
use catgraft_core::{SegmentId, Timestamp};

use crate::{ConfigError, KeyPrefix, ObjectKey, ObjectStoreConfig, Payload, S3Config};

fn segment_id() -> SegmentId {
    SegmentId::from_parts(Timestamp::from_millis(1_700_000_000_000), [1, 2, 3, 4, 5, 6, 7, 8, 9])
}

#[test]
fn a_segment_key_has_the_layout_that_stored_objects_rely_on() {
    assert_eq!(ObjectKey::segment(segment_id()).as_str(), "segments/5v/LkygN9v2aenAVpiLcPDC5v");
}

#[test]
fn a_segment_key_leads_back_to_its_segment() {
    let key = ObjectKey::segment(segment_id());
    assert_eq!(key.as_segment(), Some(segment_id()));
    assert_eq!(ObjectKey::parse(key.as_str()), Some(key.clone()));
    assert!(key.as_str().starts_with(KeyPrefix::SEGMENTS.as_str()));
}

#[test]
fn text_that_is_not_a_key_of_ours_is_none() {
    let name = segment_id().to_string();
    let elsewhere = [
        String::new(),
        name.clone(),
        format!("segments/{name}"),
        format!("segments/xx/{name}"),
        format!("segments/xx/yy/{name}"),
        format!("segments/{}/{name}.tmp", &name[20..]),
        format!("other/{}/{name}", &name[20..]),
    ];
    for text in elsewhere {
        assert_eq!(ObjectKey::parse(&text), None, "{text:?}");
    }
}

#[test]
fn a_payload_knows_its_length_and_drops_empty_chunks() {
    let chunks = ["ab", "", "cde"].map(|text| Bytes::from_static(text.as_bytes()));
    let payload: Payload = chunks.into_iter().collect();
    assert_eq!((payload.len(), payload.chunks().len()), (5, 2));
    assert_eq!(payload.to_bytes(), "abcde");
    assert!(Payload::from(Bytes::new()).is_empty());
}

#[test]
fn a_payload_of_one_chunk_is_not_copied() {
    let chunk = Bytes::from(vec![7; 4096]);
    assert_eq!(Payload::from(chunk.clone()).to_bytes().as_ptr(), chunk.as_ptr());
}

fn parse(json: &str) -> Result<ObjectStoreConfig, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn every_type_of_store_can_be_configured() {
    assert_eq!(parse(r#"{"type":"memory"}"#), Ok(ObjectStoreConfig::Memory));
    assert_eq!(parse(r#"{"type":"fs","root":"/srv"}"#), Ok(ObjectStoreConfig::Fs { root: "/srv".into() }));
    let least = ObjectStoreConfig::S3Compatible(S3Config::new("b"));
    assert_eq!(parse(r#"{"type":"s3_compatible","bucket":"b"}"#), Ok(least));
    let most = S3Config {
        bucket: "b".into(),
        prefix: "p".into(),
        endpoint: Some("http://localhost:9000".into()),
        region: Some("eu-central-1".into()),
        path_style: Some(false),
        instance_credentials: Some(true),
        connect_timeout: Duration::from_secs(1),
        stall_timeout: Duration::from_millis(2500),
        hedge_percent: 0,
    };
    let text = r#"{"type":"s3_compatible","bucket":"b","prefix":"p","endpoint":"http://localhost:9000",
        "region":"eu-central-1","path_style":false,"instance_credentials":true,"connect_timeout":"1s",
        "stall_timeout":"2s 500ms","hedge_percent":0}"#;
    assert_eq!(parse(text), Ok(ObjectStoreConfig::S3Compatible(most)));
}

#[test]
fn keys_that_are_missing_foreign_unknown_or_wrong_are_refused() {
    let cases = [
        (r#"{}"#, "missing field `type`"),
        (r#"{"type":"ftp"}"#, "unknown variant `ftp`"),
        (r#"{"type":"memory","size":1}"#, "unknown field `size`"),
        (r#"{"type":"memory","root":"/srv"}"#, "`root` is not a key of type \"memory\""),
        (r#"{"type":"fs"}"#, "`root` is missing"),
        (r#"{"type":"fs","root":""}"#, "`root` is missing"),
        (r#"{"type":"fs","root":"/srv","bucket":"b"}"#, "`bucket` is not a key of type \"fs\""),
        (r#"{"type":"s3_compatible"}"#, "`bucket` is missing"),
        (r#"{"type":"s3_compatible","bucket":"b","root":"/srv"}"#, "`root` is not a key of type \"s3_compatible\""),
        (r#"{"type":"s3_compatible","bucket":"b","endpoint":"localhost:9000"}"#, "must begin with http"),
        (
            r#"{"type":"s3_compatible","bucket":"b","stall_timeout":"soon"}"#,
            "`stall_timeout` is \"soon\": it must be a time",
        ),
        (r#"{"type":"s3_compatible","bucket":"b","connect_timeout":"0s"}"#, "`connect_timeout` is \"0s\""),
        (
            r#"{"type":"s3_compatible","bucket":"b","hedge_percent":101}"#,
            "`hedge_percent` is 101: it must be a number from",
        ),
        (r#"{"type":"fs","root":"/srv","stall_timeout":"10s"}"#, "`stall_timeout` is not a key of type \"fs\""),
    ];
    for (json, expected) in cases {
        let error = parse(json).unwrap_err();
        assert!(error.contains(expected), "{json} says: {error}");
    }
}

#[test]
fn a_configuration_error_names_the_key_and_the_type() {
    let error = ConfigError::Missing { kind: "fs", key: "root" };
    assert_eq!(error.to_string(), "`root` is missing: type \"fs\" needs it");
}
