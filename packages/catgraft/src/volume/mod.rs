//! `catgraft volume`: what the catalog knows of volumes. It only reads, and may do so beside living metastores.

mod log;

use std::cmp::Reverse;

use anyhow::{Context as _, Result};
use catgraft_core::{ByteSize, Lsn, PAGE_SIZE, PageCount, VolumeId};
use clap::{Args, Subcommand};
use metastore::catalog::{self, Catalog, Snapshot, VolumeStats};
use serde_json::{Value, json};

use crate::{
    catalog::CatalogArgs,
    output::{Column, Output, human_time, json_time, record, table},
};
use log::{Commit, newest_commits};

/// Volumes that are asked for at a time.
const LIST_PAGE_LEN: u32 = 1000;

/// Look at volumes in the catalog
#[derive(Debug, Args)]
pub(crate) struct VolumeArgs {
    #[command(subcommand)]
    command: VolumeCommand,
}

#[derive(Debug, Subcommand)]
enum VolumeCommand {
    /// Print every volume with its head
    List {
        /// Only these many, those with the newest commits, the newest first
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        newest: Option<u32>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        catalog: CatalogArgs,
    },
    /// Print what a volume amounts to
    Show {
        /// The volume
        #[arg(value_name = "VID")]
        vid: VolumeId,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        catalog: CatalogArgs,
    },
    /// Print the commits of a volume, the newest first
    Log {
        /// The volume
        #[arg(value_name = "VID")]
        vid: VolumeId,
        /// Most commits to print
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Begin with the commit before this LSN
        #[arg(long, value_name = "LSN", value_parser = parse_lsn)]
        before: Option<Lsn>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        catalog: CatalogArgs,
    },
}

/// Looks at volumes.
pub(crate) fn run(args: VolumeArgs) -> Result<()> {
    match args.command {
        VolumeCommand::List { newest, catalog, output } => {
            let heads = with_catalog(&catalog, async |catalog| match newest {
                Some(limit) => heads_newest(catalog, limit).await,
                None => heads(catalog).await,
            })?;
            let value: Vec<_> = heads.iter().map(head_json).collect();
            output.show(&value, || list_human(&heads))
        }
        VolumeCommand::Show { vid, catalog, output } => {
            let stats = with_catalog(&catalog, async |catalog| {
                catalog.volume_stats(vid).await?.with_context(|| no_such_volume(vid))
            })?;
            output.show(&stats_json(&stats), || stats_human(&stats))
        }
        VolumeCommand::Log { vid, limit, before, catalog, output } => {
            let commits = with_catalog(&catalog, async |catalog| newest_commits(catalog, vid, before, limit).await)?;
            let commits: Vec<_> = commits.iter().map(Commit::read).collect::<Result<_>>()?;
            let value: Vec<_> = commits.iter().map(Commit::to_json).collect();
            output.show(&value, || log::human(&commits))
        }
    }
}

fn with_catalog<T>(args: &CatalogArgs, ask: impl AsyncFnOnce(&dyn Catalog) -> Result<T>) -> Result<T> {
    let location = args.location()?;
    crate::block_on(async {
        let catalog = catalog::open_to_read(&location).await.with_context(|| format!("catalog {location}"))?;
        let answer = ask(catalog.as_ref()).await;
        catalog.close().await;
        answer
    })?
}

async fn heads(catalog: &dyn Catalog) -> Result<Vec<Snapshot>> {
    let mut heads: Vec<Snapshot> = Vec::new();
    loop {
        let after = heads.last().map(|head| head.vid);
        let page = catalog.volumes_list(after, LIST_PAGE_LEN).await?;
        if page.is_empty() {
            return Ok(heads);
        }
        heads.extend(page);
    }
}

/// Looks at the head of every volume, but keeps no more of them than are wanted and one page.
async fn heads_newest(catalog: &dyn Catalog, limit: u32) -> Result<Vec<Snapshot>> {
    let mut newest: Vec<Snapshot> = Vec::new();
    let mut after = None;
    loop {
        let page = catalog.volumes_list(after, LIST_PAGE_LEN).await?;
        let Some(last) = page.last() else { return Ok(newest) };
        after = Some(last.vid);
        newest.extend(page);
        newest.sort_by_key(|head| Reverse(head.timestamp));
        newest.truncate(limit as usize);
    }
}

fn no_such_volume(vid: VolumeId) -> String {
    format!("the catalog has no volume {vid}")
}

fn parse_lsn(text: &str) -> Result<Lsn, String> {
    let number: u64 = text.parse().map_err(|_| "an LSN is a number".to_owned())?;
    Lsn::try_from(number).map_err(|error| error.to_string())
}

fn human_size(pages: PageCount) -> String {
    ByteSize::from_bytes(u64::from(pages.get()) * PAGE_SIZE as u64).to_string()
}

fn head_json(head: &Snapshot) -> Value {
    json!({
        "vid": head.vid.to_string(),
        "lsn": head.lsn.get(),
        "checkpoint_lsn": head.checkpoint.get(),
        "page_count": head.page_count.get(),
        "cid": head.cid.to_string(),
        "committed_at": json_time(head.timestamp),
    })
}

fn list_human(heads: &[Snapshot]) -> String {
    if heads.is_empty() {
        return "The catalog has no volumes.".to_owned();
    }
    let columns = [
        ("volume", Column::Whole),
        ("LSN", Column::Number),
        ("pages", Column::Number),
        ("size", Column::Number),
        ("last commit", Column::Whole),
        ("by client", Column::Whole),
    ];
    let rows = heads.iter().map(|head| {
        vec![
            head.vid.to_string(),
            head.lsn.to_string(),
            head.page_count.to_string(),
            human_size(head.page_count),
            human_time(head.timestamp),
            head.cid.to_string(),
        ]
    });
    table(&columns, rows)
}

fn stats_json(stats: &VolumeStats) -> Value {
    let mut value = head_json(&stats.head);
    value["commits"] = stats.commits.into();
    value["segments"] = stats.segments.into();
    value["pages_stored"] = stats.pages_stored.into();
    value["bytes_stored"] = stats.bytes_stored.into();
    value["first_commit_at"] = json_time(stats.first_commit).into();
    value
}

fn stats_human(stats: &VolumeStats) -> String {
    let head = &stats.head;
    let stored = ByteSize::from_bytes(stats.bytes_stored);
    record([
        ("volume", head.vid.to_string()),
        ("head", format!("LSN {} by client {}, {}", head.lsn, head.cid, human_time(head.timestamp))),
        ("length", format!("{} pages ({})", head.page_count, human_size(head.page_count))),
        (
            "history",
            format!(
                "{} commits from LSN {} on, since {}",
                stats.commits,
                head.checkpoint,
                human_time(stats.first_commit)
            ),
        ),
        (
            "stored",
            format!("{} pages ({stored}) in {} segments, every version counted", stats.pages_stored, stats.segments),
        ),
    ])
}
