//! `secret-key`, `token` and `validate-token`.

use std::{fs, io::Write as _, path::Path, process::Stdio};

use tempfile::TempDir;

use crate::support::{Ran, catgraft};

/// A key that Graft's own tool made a token with; it is public.
const KEY: &str = "053d7dae41ed67f49c0a328c01c1feb4b409b6d1872484966a5ed6c3e6905aa9";
/// The token.
const TOKEN: &str = "v4.local.SU8pQDh_7k7246MI8mklGFAtTopNcYu2mxPWTVzaDuanxEBbEBxA8Vj2bv8KccTkgeuS4J86BxABk4EnhnnGwXUB2h4IEJRCn0PJCYeX0ZVNxJ1qzqmRJ2bpAMJF9TICGKdYrWT8vIrqEPCx0tSc6R57rmTcJHEPbKGed6l5UAXXnyDQA9TagpTK0mbhVHVFijqY7zZ7Ow-AUnZz29ejuxEdv__B";

fn run(arguments: &[&str]) -> Ran {
    Ran::new(Path::new("/"), arguments)
}

/// With this text on stdin.
fn run_with_stdin(arguments: &[&str], text: &str) -> Ran {
    let mut command = catgraft(Path::new("/"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_new_key_makes_tokens_that_only_it_validates() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, run(&["secret-key"]).ok()).unwrap();
    let key = key.to_str().unwrap();
    let token = run(&["token", "--sk-file", key, "--expires", "30d", "--role", "pagestore", "bob"]).ok();
    let claims = run(&["validate-token", "--sk-file", key, "--json", token.trim()]).json();
    assert_eq!(claims, serde_json::json!({ "valid": true, "subject": "bob", "role": "pagestore" }));
    assert_eq!(
        run(&["validate-token", "--sk", KEY, token.trim()]).refusal(),
        "the token is not valid: it was made with another key, or was changed"
    );
}

#[test]
fn a_token_of_grafts_own_tool_is_valid() {
    assert_eq!(run(&["validate-token", "--sk", KEY, TOKEN]).ok(), "subject  catgraft-vector\n");
}

#[test]
fn key_or_token_may_come_from_stdin_but_not_both() {
    let ran = run_with_stdin(&["validate-token", "--sk", KEY, "--json"], &format!("{TOKEN}\n"));
    assert_eq!(ran.json()["subject"], "catgraft-vector");
    let ran = run_with_stdin(&["validate-token", "--sk", "-", "--json", TOKEN], &format!("{KEY}\n"));
    assert_eq!(ran.json()["subject"], "catgraft-vector");
    let line = run_with_stdin(&["validate-token", "--sk", "-"], &format!("{KEY}\n")).refusal();
    assert!(line.starts_with("key and token cannot both come from stdin"), "{line}");
}

#[test]
fn what_is_no_token_is_refused_with_the_reason() {
    assert_eq!(
        run(&["validate-token", "--sk", KEY, "nonsense"]).refusal(),
        "the token is not valid: it is not a PASETO v4.local token"
    );
    let ran = run(&["validate-token", "--sk", KEY, "--json", "nonsense"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(value, serde_json::json!({ "valid": false, "reason": "it is not a PASETO v4.local token" }));
}

#[test]
fn an_expired_token_is_refused() {
    let token = run(&["token", "--sk", KEY, "--expires", "1ms", "bob"]).ok();
    let line = run(&["validate-token", "--sk", KEY, token.trim()]).refusal();
    assert_eq!(line, "the token is not valid: it has expired");
}

#[test]
fn a_bad_key_is_refused_and_not_repeated() {
    let bad = "zz".repeat(32);
    let line = run(&["token", "--sk", &bad, "bob"]).refusal();
    assert_eq!(line, "this is no key: a key is 64 hex digits, this has other characters");
    let line = run(&["token", "--sk-file", "/nowhere/key", "bob"]).refusal();
    assert_eq!(line, "cannot read the key in /nowhere/key: No such file or directory (os error 2)");
}

#[test]
fn a_token_needs_a_key_a_subject_and_a_possible_time() {
    for arguments in [
        &["token", "bob"] as &[&str],
        &["token", "--sk", KEY],
        &["token", "--sk", KEY, ""],
        &["token", "--sk", KEY, "--sk-file", "/nowhere/key", "bob"],
        &["token", "--sk", KEY, "--expires", "0s", "bob"],
        &["token", "--sk", KEY, "--expires", "soon", "bob"],
        &["token", "--sk", KEY, "--role", "admin", "bob"],
    ] {
        assert_eq!(run(arguments).code, Some(2), "{arguments:?}");
    }
}
