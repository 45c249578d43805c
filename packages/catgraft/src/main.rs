//! The `catgraft` program: everything is in the library, where tests and documentation reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    catgraft::run(std::env::args_os())
}
