//! `catgraft vid` and `catgraft cid`: new ids of volumes and clients.

use anyhow::Result;
use catgraft_core::{ClientId, Clock as _, IdSource as _, RandomIds, SystemClock};
use clap::Args;
use serde_json::json;

use crate::output::Output;

/// Print a new volume id
#[derive(Debug, Args)]
pub(crate) struct VidArgs {
    #[command(flatten)]
    output: Output,
}

/// Print a new client id, or the one that belongs to a name
#[derive(Debug, Args)]
pub(crate) struct CidArgs {
    /// The name: it has the same client id on every machine
    #[arg(long, value_name = "NAME")]
    derive: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Prints a new volume id.
pub(crate) fn vid(args: &VidArgs) -> Result<()> {
    let vid = RandomIds.volume_id(SystemClock.now()).to_string();
    args.output.show(&json!({ "vid": vid }), || vid.clone())
}

/// Prints a new client id, or a derived one.
pub(crate) fn cid(args: &CidArgs) -> Result<()> {
    let cid = match &args.derive {
        Some(name) => ClientId::derive(name),
        None => RandomIds.client_id(SystemClock.now()),
    };
    let cid = cid.to_string();
    args.output.show(&json!({ "cid": cid }), || cid.clone())
}
