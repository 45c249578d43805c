//! `catgraft completions`: the script that lets a shell complete this command line.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use crate::output::print_line;

const EXAMPLES: &str = "\
Examples:
  catgraft completions bash > ~/.local/share/bash-completion/completions/catgraft
  catgraft completions zsh > \"${fpath[1]}/_catgraft\"
  catgraft completions fish > ~/.config/fish/completions/catgraft.fish";

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "catgraft", &mut script);
    print_line(&String::from_utf8_lossy(&script))
}
