//! `catgraft segment inspect`: what a segment holds, with every checksum of it verified.

pub(crate) mod inspect;

use std::{fs::File, io::Read as _, path::PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use catgraft_core::{ByteSize, SegmentId};
use catgraft_objects::ObjectKey;
use catgraft_segment::SEGMENT_BYTES_MAX;
use clap::{Args, Subcommand};

use crate::{
    output::{Column, Output, human_time, record, table},
    store::StoreArgs,
};
use inspect::{Inspection, Stored, inspect};

const EXAMPLES: &str = "\
Examples:
  catgraft segment inspect backup/LkypWy8eVzwbQgwYtQPmCX
  catgraft segment inspect LkypWy8eVzwbQgwYtQPmCX --root .catgraft/objects";

/// Look at segments
#[derive(Debug, Args)]
pub(crate) struct SegmentArgs {
    #[command(subcommand)]
    command: SegmentCommand,
}

#[derive(Debug, Subcommand)]
enum SegmentCommand {
    Inspect(InspectArgs),
}

/// Print what a segment holds, and verify every checksum
///
/// Ends with exit code 1 and names what is damaged, if something is.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct InspectArgs {
    /// A file, or the id of a segment in the object store
    #[arg(value_name = "FILE|SID")]
    segment: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    store: StoreArgs,
}

/// Looks at a segment.
pub(crate) fn run(args: SegmentArgs) -> Result<()> {
    let SegmentCommand::Inspect(args) = args.command;
    let name = args.segment.display().to_string();
    let object = if args.segment.exists() {
        read_file(&args.segment)?
    } else {
        let Ok(sid) = name.parse::<SegmentId>() else {
            bail!("{name} is neither a file nor the id of a segment");
        };
        crate::block_on(read_object(&args.store, sid))??
    };
    let inspection = inspect(&object).with_context(|| format!("segment {name} cannot be read"))?;
    args.output.show(&inspection.to_json(&name), || human(&name, &inspection))?;
    match inspection.damaged.as_slice() {
        [] => Ok(()),
        [first] => bail!("segment {name} is damaged: {first}"),
        [first, more @ ..] => bail!("segment {name} is damaged: {first}, and {} more pages", more.len()),
    }
}

fn read_file(path: &PathBuf) -> Result<Bytes> {
    let read = || {
        let mut object = Vec::new();
        File::open(path)?.take(SEGMENT_BYTES_MAX as u64 + 1).read_to_end(&mut object)?;
        Ok::<_, std::io::Error>(object)
    };
    let object = read().with_context(|| format!("cannot read {}", path.display()))?;
    check_len(&path.display().to_string(), object.len() as u64)?;
    Ok(object.into())
}

async fn read_object(store: &StoreArgs, sid: SegmentId) -> Result<Bytes> {
    let store = store.open().await?;
    let key = ObjectKey::segment(sid);
    check_len(&sid.to_string(), store.head(&key).await?.len)?;
    Ok(store.get(&key).await?)
}

fn check_len(name: &str, len: u64) -> Result<()> {
    ensure!(len <= SEGMENT_BYTES_MAX as u64, "{name} is no segment: it is longer than {SEGMENT_BYTES_MAX} bytes");
    Ok(())
}

fn human(name: &str, inspection: &Inspection) -> String {
    let Inspection { summary, volumes, codecs, damaged } = inspection;
    let size = |bytes: u64| format!("{bytes} bytes ({})", ByteSize::from_bytes(bytes));
    let pages: usize = volumes.iter().map(|volume| volume.page_count).sum();
    let made = name.parse::<SegmentId>().ok().map(|sid| ("made", human_time(sid.created())));
    let codec = |(codec, stored): (&&str, &Stored)| {
        let Stored { page_count, byte_len } = stored;
        format!("{codec} {page_count} in {byte_len} bytes ({:.1} %)", 100.0 * stored.ratio())
    };
    let head = record([("segment", name.to_owned())].into_iter().chain(made).chain([
        ("format", format!("version {}", catgraft_segment::format::VERSION)),
        ("size", size(summary.byte_len)),
        ("pages", format!("{pages} in {}", size(summary.index_offset))),
        ("codecs", codecs.iter().map(codec).collect::<Vec<_>>().join(", ")),
        ("index", format!("{} bytes at {}", summary.index_len, summary.index_offset)),
        ("index hash", hex::encode(summary.index_hash)),
        (
            "checksums",
            if damaged.is_empty() { "all match".to_owned() } else { format!("{} do not match", damaged.len()) },
        ),
    ]));
    let columns = [("volume", Column::Whole), ("pages", Column::Number), ("page indexes", Column::Text)];
    let rows =
        volumes.iter().map(|volume| vec![volume.vid.to_string(), volume.page_count.to_string(), volume.human_ranges()]);
    format!("{head}\n\n{}", table(&columns, rows))
}
