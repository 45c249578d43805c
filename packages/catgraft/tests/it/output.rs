//! What holds for every command: completions, help, usage errors, and a reader that leaves.

use std::{io, path::Path};

use crate::support::{Ran, catgraft};

fn run(arguments: &[&str]) -> Ran {
    Ran::new(Path::new("/"), arguments)
}

#[test]
fn every_shell_has_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).ok();
        for word in ["catgraft", "validate-token", "metastore-port"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn the_settings_of_both_services_come_as_the_table_of_the_readme() {
    assert_eq!(run(&["settings", "pagestore"]).ok(), pagestore::config::SETTINGS.markdown());
    assert_eq!(run(&["settings", "metastore"]).ok(), metastore::config::SETTINGS.markdown());
}

#[test]
fn a_command_that_does_not_exist_ends_with_2() {
    let ran = run(&["sprout"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("unrecognized subcommand 'sprout'"), "{}", ran.stderr);
}

#[test]
fn help_and_version_go_to_stdout() {
    assert_eq!(run(&["--version"]).ok(), concat!("catgraft ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = run(&["dev", "--help"]).ok();
    assert!(help.contains("--metastore-port <PORT>"), "{help}");
    assert!(help.contains("[default: 3001]"), "{help}");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = catgraft(Path::new("/")).args(["completions", "zsh"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn no_result_is_coloured_where_it_is_not_read_on_a_terminal() {
    let segment = concat!(env!("CARGO_MANIFEST_DIR"), "/../catgraft-segment/tests/golden/v1.segment");
    assert!(!run(&["segment", "inspect", segment]).ok().contains('\u{1b}'));
}
