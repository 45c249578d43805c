//! `catgraft fsck`: do catalog and store agree? Walks all segments, all commits and all objects, a page of each at a time,
//! so that memory does not grow with what there is. It may run beside living services: what is younger than
//! the grace period is on its way, and no finding.

mod commits;
mod finding;
mod objects;
mod repair;
mod report;
mod segments;

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result};
use catgraft_core::{Clock, SystemClock, Timestamp};
use catgraft_objects::ObjectStore;
use clap::Args;
use metastore::{
    catalog::{self, Catalog, Connections, Location},
    orphans::Grace,
};

use self::{finding::Finding, report::Report};
use crate::{catalog::CatalogArgs, output::Output, store::StoreBesideCatalogArgs};

const AFTER_HELP: &str = "\
Exit codes:
  0  nothing is wrong
  1  something is missing, damaged or dangling, or the check could not be made
  3  there are orphans, and nothing else is wrong

Examples:
  catgraft fsck                                            catalog and store of the services here
  catgraft fsck --path .catgraft/catalog.sqlite --root .catgraft/objects --pages
  catgraft fsck --config metastore.toml --store-config pagestore.toml --repair";

/// Compare the catalog with the object store
///
/// Names every object that is missing or damaged, every commit that names what is not there, every segment that no commit
/// names and every object that the catalog does not know. The first three are losses; the last two are orphans, which
/// the pagestores remove by themselves. With --json, each finding is a line, and the last line is the summary.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct FsckArgs {
    /// Read every page of every segment, not only the indexes
    #[arg(long)]
    pages: bool,
    /// Have orphans removed, and nothing else: commits may no longer name them from now on, and once that has lasted for
    /// the grace period, their objects go, by a pagestore or by the next --repair. Works on the embedded catalog of a
    /// metastore only while that does not run
    #[arg(long)]
    repair: bool,
    /// How long a segment that no commit names is left alone; at least 1h
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_grace)]
    grace: Grace,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    catalog: CatalogArgs,
    #[command(flatten)]
    store: StoreBesideCatalogArgs,
}

fn parse_grace(text: &str) -> Result<Grace, String> {
    let time: humantime::Duration = text.parse().map_err(|_| format!("{text} is no time such as 24h"))?;
    Grace::new(*time).map_err(|error| error.to_string())
}

/// What is compared, and how.
struct Check {
    catalog: Arc<dyn Catalog>,
    store: Arc<dyn ObjectStore>,
    grace: Grace,
    now: Timestamp,
    reads_pages: bool,
    repairs: bool,
}

/// Compares, prints what it finds, and tells it by the exit code.
pub(crate) fn run(args: &FsckArgs) -> Result<ExitCode> {
    let location = args.catalog.location()?;
    crate::block_on(async {
        let catalog = open(&location, args.repair).await.with_context(|| format!("catalog {location}"))?;
        let check = Check {
            catalog,
            store: args.store.open().await?,
            grace: args.grace,
            now: SystemClock.now(),
            reads_pages: args.pages,
            repairs: args.repair,
        };
        let mut report = Report::new(args.output);
        let outcome = check.run(&mut report).await;
        check.catalog.close().await;
        outcome?;
        report.finish(args.repair)
    })?
}

async fn open(location: &Location, to_write: bool) -> Result<Arc<dyn Catalog>, catalog::Error> {
    if !to_write {
        return catalog::open_to_read(location).await;
    }
    if let Location::Sqlite(path) = location {
        // Opening makes the file, and a check should not.
        if let Err(source) = std::fs::metadata(path) {
            return Err(catalog::Error::File { doing: "opening the catalog", path: path.clone(), source });
        }
    }
    let catalog = catalog::open(location, Connections { min: 0, max: 2, ..Connections::default() }).await?;
    catalog.schema_check().await?;
    Ok(catalog)
}

impl Check {
    async fn run(&self, report: &mut Report) -> Result<()> {
        let lost = self.check_commits(report).await?;
        self.check_segments(&lost, report).await?;
        self.check_objects(&lost, report).await?;
        if self.repairs { self.remove_due(report).await } else { Ok(()) }
    }

    /// The moment before which everything is old enough to be an orphan.
    fn old(&self) -> Timestamp {
        self.grace.before(self.now)
    }
}
