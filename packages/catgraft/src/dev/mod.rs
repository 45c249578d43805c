//! `catgraft dev`: both services in one process on this machine, with an embedded catalog and a store of files.
//!
//! What a client needs to be told is printed to stdout; logs go to stderr. Whatever can be refused is refused before
//! anything starts: the folder in use, a port taken, a key that is none.

mod folder;
mod serve;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use catgraft_core::{Clock as _, SystemClock};
use catgraft_service::{
    http::Auth,
    lifecycle,
    logging::{LogConfig, LogLevel},
};
use clap::Args;
use serde_json::json;

use crate::output::Output;
use folder::Folder;
use serve::Plan;

const EXAMPLES: &str = "\
Examples:
  catgraft dev
  catgraft dev --dir /tmp/try --metastore-port 0 --pagestore-port 0
  catgraft dev --auth";

/// Who the token is for that is printed with `--auth`.
const SUBJECT: &str = "dev";

/// Serve on this machine: both services in one process, nothing to set up
///
/// Listens on 127.0.0.1, keeps everything in one folder, and prints what a client has to be told. Ctrl-C ends it;
/// started again on the same folder it goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevArgs {
    /// Folder of the catalog and of the segments; made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".catgraft")]
    dir: PathBuf,
    /// Port of the metastore, 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 3001)]
    metastore_port: u16,
    /// Port of the pagestore, 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pagestore_port: u16,
    /// Ask clients for a token, and print one; its key is kept in DIR/auth.key
    #[arg(long)]
    auth: bool,
    /// What is logged: a level, or directives such as info,metastore=debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    #[command(flatten)]
    output: Output,
}

/// Serves until it is told to stop.
pub(crate) fn run(args: &DevArgs) -> Result<ExitCode> {
    let folder = Folder::open(&args.dir)?;
    let key = if args.auth { Some(folder.auth_key()?) } else { None };
    let metastore = bind("metastore", args.metastore_port)?;
    let pagestore = bind("pagestore", args.pagestore_port)?;
    let greeting = Greeting {
        dir: args.dir.display().to_string(),
        metastore: url(&metastore)?,
        pagestore: url(&pagestore)?,
        token: key.as_ref().map(|key| key.issue(SUBJECT, None, None, SystemClock.now())),
    };
    let plan = Plan {
        metastore_url: greeting.metastore.clone(),
        metastore,
        pagestore,
        catalog: folder.catalog(),
        objects: folder.objects(),
        auth: key.map_or(Auth::Off, |key| Auth::Required(Arc::new(key))),
    };
    let output = args.output;
    let log = LogConfig { level: args.log_level.clone(), ..LogConfig::default() };
    Ok(lifecycle::run("catgraft", &log, |shutdown| serve::serve(plan, shutdown, move || greeting.print(output))))
}

fn bind(service: &str, port: u16) -> Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address)
        .with_context(|| format!("the {service} cannot listen on {address} (--{service}-port chooses another port)"))
}

fn url(listener: &TcpListener) -> Result<String> {
    let address = listener.local_addr().context("a listener has no address")?;
    Ok(format!("http://{address}"))
}

/// What is printed once both services are up.
struct Greeting {
    dir: String,
    metastore: String,
    pagestore: String,
    token: Option<String>,
}

impl Greeting {
    fn print(&self, output: Output) -> Result<()> {
        let Self { dir, metastore, pagestore, token } = self;
        let value = json!({ "dir": dir, "metastore": metastore, "pagestore": pagestore, "token": token });
        output.show(&value, || {
            let token = token.as_ref().map(|token| format!("  export GRAFT_TOKEN={token}\n")).unwrap_or_default();
            format!(
                "CatGraft serves {dir}; Ctrl-C stops it.\n\n  \
                 metastore  {metastore}\n  pagestore  {pagestore}\n\n\
                 For a client:\n\n  \
                 export GRAFT_METASTORE={metastore}\n  export GRAFT_PAGESTORE={pagestore}\n{token}"
            )
        })
    }
}
