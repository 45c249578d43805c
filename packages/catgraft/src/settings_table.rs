//! `catgraft settings`: the settings of a service as the Markdown table that the README has.

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::output::print_line;

/// Print the settings of a service as a Markdown table
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct SettingsArgs {
    /// The service
    service: Service,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Service {
    Metastore,
    Pagestore,
}

/// Prints the table.
pub(crate) fn run(args: &SettingsArgs) -> Result<()> {
    let spec = match args.service {
        Service::Metastore => &metastore::config::SETTINGS,
        Service::Pagestore => &pagestore::config::SETTINGS,
    };
    print_line(&spec.markdown())
}
