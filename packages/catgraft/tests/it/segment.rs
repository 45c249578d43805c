//! `segment inspect`: files and stored segments, sound and damaged.

use std::{fs, path::Path};

use bytes::Bytes;
use catgraft_core::{IdSource as _, PAGE_SIZE, PageIndex, RandomIds, SegmentId, Timestamp, VolumeId};
use catgraft_objects::{FsStore, ObjectKey, ObjectStore as _, Payload};
use catgraft_segment::{FOOTER_LEN, SegmentBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, catgraft};

/// A segment with pages 1 to 3 and 7 of one volume and page 5 of another.
struct Fixture {
    folder: TempDir,
    sid: SegmentId,
    vids: [VolumeId; 2],
    object: Vec<u8>,
}

impl Fixture {
    fn new() -> Self {
        let at = |ms| RandomIds.volume_id(Timestamp::from_millis(ms));
        let vids = [at(1), at(2)];
        let mut builder = SegmentBuilder::new();
        for (vid, indexes) in [(vids[0], [1, 2, 3, 7].as_slice()), (vids[1], &[5])] {
            let run: Vec<_> = indexes.iter().map(|index| PageIndex::new(*index).unwrap()).collect();
            builder.push_run(vid, &run, Bytes::from(vec![9; run.len() * PAGE_SIZE])).unwrap();
        }
        let object = builder.finish().chunks.concat();
        let sid = RandomIds.segment_id(Timestamp::from_millis(1_700_000_000_000));
        Self { folder: TempDir::new().unwrap(), sid, vids, object }
    }

    /// The segment in a file, with these bytes flipped.
    fn file(&self, flipped: &[usize]) -> String {
        let mut object = self.object.clone();
        for at in flipped {
            object[*at] ^= 1;
        }
        let path = self.folder.path().join("a.segment");
        fs::write(&path, object).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The segment in an object store.
    fn store(&self) -> String {
        let root = self.folder.path().join("objects");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let payload = Payload::from(Bytes::from(self.object.clone()));
            FsStore::open(&root).await.unwrap().put(&ObjectKey::segment(self.sid), payload).await.unwrap();
        });
        root.to_str().unwrap().to_owned()
    }
}

fn inspect(segment: &str, more: &[&str]) -> Ran {
    Ran::new(Path::new("/"), &[&["segment", "inspect", segment], more].concat())
}

#[test]
fn a_sound_file_is_told_with_its_volumes_and_pages() {
    let fixture = Fixture::new();
    let file = fixture.file(&[]);
    let value = inspect(&file, &["--json"]).json();
    let [first, second] = fixture.vids.map(|vid| vid.to_string());
    assert_eq!(value["segment"], file);
    assert_eq!(value["byte_len"], fixture.object.len());
    assert_eq!(value["page_count"], 5);
    assert_eq!(
        value["volumes"],
        json!([
            { "vid": first, "page_count": 4, "page_ranges": [[1, 3], [7, 7]] },
            { "vid": second, "page_count": 1, "page_ranges": [[5, 5]] },
        ])
    );
    assert_eq!(value["damaged"], json!([]));
    let text = inspect(&file, &[]).ok();
    for words in ["checksums   all match", "1–3, 7", &first, &second] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}

#[test]
fn codecs_are_told_with_what_they_save() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../catgraft-segment/tests/golden/v1-lz4.segment");
    let value = inspect(golden, &["--json"]).json();
    assert_eq!(
        value["codecs"],
        json!({
            "lz4": { "page_count": 3, "byte_len": 820, "ratio": 820.0 / 12_288.0 },
            "raw": { "page_count": 2, "byte_len": 8192, "ratio": 1.0 },
        })
    );
    let text = inspect(golden, &[]).ok();
    assert!(text.contains("lz4 3 in 820 bytes (6.7 %), raw 2 in 8192 bytes (100.0 %)"), "{text}");
}

#[test]
fn a_stored_segment_is_found_in_the_store_that_flag_file_or_variables_name() {
    let fixture = Fixture::new();
    let root = fixture.store();
    let sid = fixture.sid.to_string();
    let folder = fixture.folder.path();
    let config = folder.join("pagestore.toml");
    fs::write(&config, format!("[objectstore]\ntype = \"fs\"\nroot = {root:?}\n")).unwrap();
    let value = inspect(&sid, &["--json", "--root", &root]).json();
    assert_eq!((&value["segment"], &value["page_count"]), (&json!(sid), &json!(5)));
    assert_eq!(inspect(&sid, &["--json", "--config", config.to_str().unwrap()]).json(), value);
    assert_eq!(Ran::new(folder, &["segment", "inspect", &sid, "--json"]).json(), value);
    let mut command = catgraft(Path::new("/"));
    command.env("PAGESTORE_OBJECTSTORE__TYPE", "fs").env("PAGESTORE_OBJECTSTORE__ROOT", &root);
    assert_eq!(Ran::of(command.args(["segment", "inspect", &sid, "--json"])).json(), value);
}

#[test]
fn what_is_not_there_is_named() {
    let fixture = Fixture::new();
    let sid = fixture.sid.to_string();
    assert_eq!(inspect("nothing", &[]).refusal(), "nothing is neither a file nor the id of a segment");
    let line = inspect(&sid, &[]).refusal();
    assert!(line.starts_with("no object store is named: give --root or --config"), "{line}");
    let root = fixture.folder.path().join("none");
    let line = inspect(&sid, &["--root", root.to_str().unwrap()]).refusal();
    assert_eq!(line, format!("there is no folder {}", root.display()));
    assert!(!root.exists());
    let other = RandomIds.segment_id(Timestamp::from_millis(5)).to_string();
    let line = inspect(&other, &["--root", &fixture.store()]).refusal();
    assert!(line.contains(&other) && line.ends_with("does not exist"), "{line}");
}

#[test]
fn a_damaged_page_is_named_and_the_others_are_still_told() {
    let fixture = Fixture::new();
    let file = fixture.file(&[PAGE_SIZE + 10]);
    let ran = inspect(&file, &["--json"]);
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    let page = format!("page 2 of volume {} does not match its hash", fixture.vids[0]);
    assert_eq!((&value["page_count"], &value["damaged"]), (&json!(5), &json!([page])));
    assert_eq!(ran.refusal(), format!("segment {file} is damaged: {page}"));
    let file = fixture.file(&[10, PAGE_SIZE + 10, 4 * PAGE_SIZE]);
    let line = inspect(&file, &[]).refusal();
    assert!(
        line.ends_with(
            "page 1 of volume {} does not match its hash, and 2 more pages"
                .replace("{}", &fixture.vids[0].to_string())
                .as_str()
        ),
        "{line}"
    );
}

#[test]
fn a_damaged_index_footer_or_length_is_named() {
    let fixture = Fixture::new();
    let len = fixture.object.len();
    for (flipped, reason) in [
        (5 * PAGE_SIZE + 3, "the index does not match its hash"),
        (len - FOOTER_LEN + 1, "the footer does not match its checksum"),
        (len - 1, "it does not end with the magic of a segment"),
    ] {
        let file = fixture.file(&[flipped]);
        assert_eq!(inspect(&file, &[]).refusal(), format!("segment {file} cannot be read: {reason}"));
    }
    let file = fixture.file(&[]);
    fs::write(&file, &fixture.object[1..]).unwrap();
    assert!(inspect(&file, &[]).refusal().contains("cannot be read"), "a byte is missing");
    fs::write(&file, b"").unwrap();
    assert!(inspect(&file, &[]).refusal().contains("the footer has 80 bytes, here are 0"), "nothing is there");
}
