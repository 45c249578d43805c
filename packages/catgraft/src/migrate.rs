//! `catgraft migrate`: brings a catalog to the schema of this program.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use clap::Args;
use metastore::catalog::{self, Location, MigrateReport};
use serde_json::json;

use crate::{catalog::CatalogArgs, output::Output};

const EXAMPLES: &str = "\
Examples:
  catgraft migrate                                     the catalog of the metastore here
  catgraft migrate --url-file catalog.url --dry-run    what would be done to another
  catgraft migrate --path .catgraft/catalog.sqlite";

/// Bring a catalog to the schema of this program
///
/// Migrations go forward only, each in one transaction, under a lock: running it twice, or on two machines at once, is safe.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MigrateArgs {
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    catalog: CatalogArgs,
}

/// Migrates, and prints what was applied.
pub(crate) fn run(args: &MigrateArgs) -> Result<()> {
    let location = args.catalog.location()?;
    let report = crate::block_on(catalog::migrate(&location, args.dry_run))?;
    let report = report.with_context(|| format!("catalog {location}"))?;
    let steps: Vec<_> =
        report.steps.iter().map(|step| json!({ "version": step.version, "description": step.description })).collect();
    let value = json!({
        "catalog": location.to_string(),
        "before": report.before.get(),
        "after": report.after.get(),
        "dry_run": report.dry_run,
        "steps": steps,
    });
    args.output.show(&value, || human(&location, &report))
}

fn human(location: &Location, report: &MigrateReport) -> String {
    let MigrateReport { before, after, steps, dry_run } = report;
    if steps.is_empty() {
        return format!("The catalog {location} has schema version {after}: there is nothing to do.");
    }
    let (would, from) = if *dry_run { ("would go", "Nothing was written.") } else { ("went", "") };
    let mut text = format!("The catalog {location} {would} from schema version {before} to {after}:\n");
    for step in steps {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}  {}", step.version, step.description);
    }
    text.push_str(from);
    text
}
