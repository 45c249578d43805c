//! `migrate` on embedded catalogs; Postgres has its turn in the metastore's own tests.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, catgraft};

fn migrate(directory: &Path, more: &[&str]) -> Ran {
    Ran::new(directory, &[&["migrate"], more].concat())
}

fn steps(value: &Value) -> usize {
    value["steps"].as_array().unwrap().len()
}

#[test]
fn a_dry_run_tells_the_steps_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let value = migrate(folder.path(), &["--path", "c.sqlite", "--dry-run", "--json"]).json();
    assert_eq!((&value["catalog"], &value["before"], &value["dry_run"]), (&json!("c.sqlite"), &json!(0), &json!(true)));
    assert!(steps(&value) > 0, "{value}");
    assert!(!folder.path().join("c.sqlite").exists());
    let text = migrate(folder.path(), &["--path", "c.sqlite", "--dry-run"]).ok();
    assert!(text.contains("would go from schema version 0 to"), "{text}");
    assert!(text.ends_with("Nothing was written.\n"), "{text}");
}

#[test]
fn migrating_twice_applies_every_step_once() {
    let folder = TempDir::new().unwrap();
    let planned = migrate(folder.path(), &["--path", "c.sqlite", "--dry-run", "--json"]).json();
    let first = migrate(folder.path(), &["--path", "c.sqlite", "--json"]).json();
    assert_eq!((&first["steps"], &first["after"]), (&planned["steps"], &planned["after"]));
    let second = migrate(folder.path(), &["--path", "c.sqlite", "--json"]).json();
    assert_eq!((&second["before"], &second["after"], steps(&second)), (&first["after"], &first["after"], 0));
    let text = migrate(folder.path(), &["--path", "c.sqlite"]).ok();
    assert!(text.ends_with("there is nothing to do.\n"), "{text}");
}

#[test]
fn without_options_the_catalog_is_the_metastores_own() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("metastore.toml"), "[catalog]\npath = \"by-file.sqlite\"\n").unwrap();
    assert_eq!(migrate(folder.path(), &["--json"]).json()["catalog"], "by-file.sqlite");
    let mut command = catgraft(folder.path());
    command.env("METASTORE_CATALOG__PATH", "by-variable.sqlite").args(["migrate", "--json"]);
    assert_eq!(Ran::of(&mut command).json()["catalog"], "by-variable.sqlite");
    fs::write(folder.path().join("other.toml"), "[catalog]\npath = \"by-flag.sqlite\"\n").unwrap();
    assert_eq!(migrate(folder.path(), &["--json", "--config", "other.toml"]).json()["catalog"], "by-flag.sqlite");
    for name in ["by-file.sqlite", "by-variable.sqlite", "by-flag.sqlite"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn without_any_catalog_the_ways_to_name_one_are_told() {
    let folder = TempDir::new().unwrap();
    let line = migrate(folder.path(), &[]).refusal();
    assert!(line.starts_with("no catalog is named: give --path"), "{line}");
}

#[test]
fn a_catalog_that_cannot_be_used_is_named_on_one_line() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("c.sqlite")).unwrap();
    let line = migrate(folder.path(), &["--path", "c.sqlite"]).refusal();
    assert!(line.contains("c.sqlite"), "{line}");
    fs::write(folder.path().join("garbage"), vec![7; 8192]).unwrap();
    migrate(folder.path(), &["--path", "garbage"]).refusal();
    assert_eq!(fs::read(folder.path().join("garbage")).unwrap(), vec![7; 8192]);
}

#[test]
fn a_url_that_is_refused_is_not_repeated() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("url"), "mysql://user:hidden@host/database\n").unwrap();
    let line = migrate(folder.path(), &["--url-file", "url"]).refusal();
    assert!(line.starts_with("the URL in url: ") && !line.contains("hidden"), "{line}");
    let line = migrate(folder.path(), &["--url", "mysql://user:hidden@host/database"]).refusal();
    assert!(line.starts_with("--url: ") && !line.contains("hidden"), "{line}");
}

#[test]
fn one_catalog_at_a_time() {
    assert_eq!(migrate(Path::new("/"), &["--path", "a", "--url-file", "b"]).code, Some(2));
}
