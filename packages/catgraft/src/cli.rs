//! The tree of commands. What a command takes and does is in its own module.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{bench, completions, dev, fsck, ids, migrate, segment, settings_table, tokens, volume};

const EXAMPLES: &str = "\
Examples:
  catgraft dev                                     serve from .catgraft on this machine
  catgraft secret-key > auth.key                   a key for tokens
  catgraft token --sk-file auth.key alice          a token for alice
  catgraft migrate --url-file catalog.url          bring a Postgres catalog up to date
  catgraft volume list --path .catgraft/catalog.sqlite
  catgraft fsck                                    compare the catalog with the object store";

/// Runs and looks after CatGraft, a self-hosted backend for replicated SQLite databases.
#[derive(Debug, Parser)]
#[command(name = "catgraft", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::DevArgs),
    Migrate(migrate::MigrateArgs),
    SecretKey(tokens::SecretKeyArgs),
    Token(tokens::TokenArgs),
    ValidateToken(tokens::ValidateArgs),
    Vid(ids::VidArgs),
    Cid(ids::CidArgs),
    Volume(volume::VolumeArgs),
    Segment(segment::SegmentArgs),
    Fsck(fsck::FsckArgs),
    Bench(bench::BenchArgs),
    Completions(completions::CompletionsArgs),
    Settings(settings_table::SettingsArgs),
}

impl Cli {
    /// Does it, and tells how the process ends.
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let done = match self.command {
            Command::Dev(args) => return dev::run(&args),
            Command::ValidateToken(args) => return tokens::validate(&args),
            Command::Bench(args) => return bench::run(args),
            Command::Fsck(args) => return fsck::run(&args),
            Command::Migrate(args) => migrate::run(&args),
            Command::SecretKey(args) => tokens::secret_key(&args),
            Command::Token(args) => tokens::issue(&args),
            Command::Vid(args) => ids::vid(&args),
            Command::Cid(args) => ids::cid(&args),
            Command::Volume(args) => volume::run(args),
            Command::Segment(args) => segment::run(args),
            Command::Completions(args) => completions::run(&args),
            Command::Settings(args) => settings_table::run(&args),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}
