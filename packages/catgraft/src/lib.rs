//! The `catgraft` command line: a module a command, which reads its arguments, asks the crate that knows, and prints.
//!
//! Results go to stdout, as a table for people or as JSON for programs; errors are one line on stderr. No command decides
//! anything that a service decides: what a catalog, a segment or a token means is said in the crates below.

mod bench;
mod catalog;
mod cli;
mod completions;
mod dev;
mod fsck;
mod ids;
mod migrate;
mod output;
mod segment;
mod settings_table;
mod store;
mod surroundings;
mod tokens;
mod volume;

use std::{ffi::OsString, io::Write as _, process::ExitCode};

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};

/// The command line itself, for completions and manuals.
pub fn command() -> clap::Command {
    cli::Cli::command()
}

/// Does what the arguments say, the program's name first. 0 when it is done, 1 after an error or a negative answer, 2 when
/// the arguments cannot be understood; what else a command ends with is told in its help.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are such errors too, with exit code 0. If nobody reads them, nobody misses them.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match cli.execute() {
        Ok(code) => code,
        Err(error) => {
            // One line, whatever a library put into its words. If stderr is closed there is nobody left to tell.
            let line = format!("catgraft: {error:#}").replace('\n', " ");
            let _ = writeln!(std::io::stderr(), "{line}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what a command asks of a catalog or a store.
fn block_on<F: Future>(asking: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the runtime")?.block_on(asking))
}
