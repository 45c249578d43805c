//! `volume list`, `show` and `log`, beside a living `catgraft dev`.

use std::path::Path;

use catgraft_core::{PAGE_SIZE, SegmentId};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Dev, Ran, client, new_vid};

fn volume(directory: &Path, arguments: &[&str]) -> Ran {
    Ran::new(directory, &[&["volume"], arguments, &["--path", "data/catalog.sqlite"]].concat())
}

fn lsns(log: &Value) -> Vec<u64> {
    log.as_array().unwrap().iter().map(|commit| commit["lsn"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn volumes_and_their_logs_are_told_beside_a_living_metastore() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let dev = Dev::start(&here.join("data"), &[]);
    assert_eq!(volume(here, &["list"]).ok(), "The catalog has no volumes.\n");
    assert_eq!(volume(here, &["list", "--json"]).json(), json!([]));

    let (vid, other) = (new_vid(here), new_vid(here));
    dev.push(vid, None, &[(1, 1), (2, 2)]).await;
    dev.push(vid, Some(1), &[(2, 3), (5, 4), (6, 4)]).await;
    let sids = dev.push(vid, Some(2), &[(1, 5)]).await;
    dev.push(other, None, &[(1, 1)]).await;
    let vid = vid.to_string();

    let list = volume(here, &["list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let head = list.as_array().unwrap().iter().find(|head| head["vid"] == vid.as_str()).unwrap();
    assert_eq!((&head["lsn"], &head["page_count"], &head["checkpoint_lsn"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!(head["cid"], client().to_string());
    let text = volume(here, &["list"]).ok();
    assert!(text.contains(&vid) && text.contains(&other.to_string()), "{text}");
    let times = |arguments: &[&str]| {
        let list = volume(here, arguments).json();
        list.as_array()
            .unwrap()
            .iter()
            .map(|head| head["committed_at"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let mut newest_first = times(&["list", "--json"]);
    newest_first.sort_by(|a, b| b.cmp(a));
    assert_eq!(times(&["list", "--newest", "9", "--json"]), newest_first);
    assert_eq!(times(&["list", "--newest", "1", "--json"]), newest_first[..1]);

    let stats = volume(here, &["show", &vid, "--json"]).json();
    assert_eq!((&stats["commits"], &stats["pages_stored"]), (&json!(3), &json!(6)));
    assert_eq!(stats["bytes_stored"], json!(6 * PAGE_SIZE));
    let text = volume(here, &["show", &vid]).ok();
    assert!(text.contains("LSN 3 by client") && text.contains("6 pages (24 KiB)"), "{text}");

    let log = volume(here, &["log", &vid, "--json"]).json();
    assert_eq!(lsns(&log), [3, 2, 1]);
    assert_eq!((&log[1]["pages_changed"], &log[1]["page_count"]), (&json!(3), &json!(6)));
    let sid = SegmentId::try_from(sids[0].as_ref()).unwrap().to_string();
    assert_eq!(log[0]["segments"], json!([{ "sid": sid, "pages": 1 }]));
    assert_eq!(lsns(&volume(here, &["log", &vid, "--limit", "2", "--json"]).json()), [3, 2]);
    assert_eq!(lsns(&volume(here, &["log", &vid, "--limit", "1", "--before", "3", "--json"]).json()), [2]);
    assert_eq!(lsns(&volume(here, &["log", &vid, "--before", "1", "--json"]).json()), [] as [u64; 0]);
    assert_eq!(lsns(&volume(here, &["log", &vid, "--before", "100", "--json"]).json()), [3, 2, 1]);
    let text = volume(here, &["log", &vid]).ok();
    assert_eq!(text.lines().count(), 4, "{text}");

    let arguments = ["segment", "inspect", &sid, "--root", "data/objects", "--json"];
    assert_eq!(Ran::new(here, &arguments).json()["volumes"][0]["vid"], vid);
    assert_eq!(dev.stop().code(), Some(0));
    assert_eq!(volume(here, &["show", &vid, "--json"]).json(), stats);
}

#[test]
fn a_volume_or_a_catalog_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let line = volume(here, &["list"]).refusal();
    assert!(line.contains("data/catalog.sqlite"), "{line}");
    assert!(!here.join("data").exists());
    Ran::new(here, &["migrate", "--path", "data/catalog.sqlite"]).ok();
    let vid = new_vid(here).to_string();
    for command in ["show", "log"] {
        assert_eq!(volume(here, &[command, &vid]).refusal(), format!("the catalog has no volume {vid}"));
    }
    assert_eq!(volume(here, &["show", "nonsense"]).code, Some(2));
    assert_eq!(volume(here, &["log", &vid, "--limit", "0"]).code, Some(2));
    assert_eq!(volume(here, &["list", "--newest", "0"]).code, Some(2));
    assert_eq!(volume(here, &["log", &vid, "--before", "0"]).code, Some(2));
}
