//! `vid` and `cid`.

use std::path::Path;

use catgraft_core::{ClientId, VolumeId};

use crate::support::Ran;

fn run(arguments: &[&str]) -> Ran {
    Ran::new(Path::new("/"), arguments)
}

#[test]
fn a_volume_id_is_new_each_time() {
    let id = || run(&["vid"]).ok().trim_end().parse::<VolumeId>().unwrap();
    assert_ne!(id(), id());
}

#[test]
fn a_client_id_is_new_each_time() {
    let id = || run(&["cid"]).ok().trim_end().parse::<ClientId>().unwrap();
    assert_ne!(id(), id());
}

#[test]
fn a_derived_client_id_is_the_one_that_grafts_own_tool_derives() {
    for (name, cid) in
        [("alice", "Qi81Dp4C512BpJRF7ZMTgX"), ("catgraft", "Qi81Dp4C4zNNX4xnU5mrBq"), ("ünï", "Qi81Dp4C4zofJJ38o4oDPx")]
    {
        assert_eq!(run(&["cid", "--derive", name]).ok(), format!("{cid}\n"));
    }
}

#[test]
fn programs_get_ids_as_json() {
    let vid = run(&["vid", "--json"]).json();
    assert!(vid["vid"].as_str().unwrap().parse::<VolumeId>().is_ok());
    let cid = run(&["cid", "--derive", "alice", "--json"]).json();
    assert_eq!(cid["cid"], "Qi81Dp4C512BpJRF7ZMTgX");
}
