//! Why a benchmark could not run, and why one of its requests failed.

use std::{io, path::PathBuf};

use catgraft_core::VolumeId;

/// Why a benchmark could not run at all. What fails while it runs is counted in its report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of a server is not one that the load generator can reach.
    #[error("{url:?} is no address of a server: write http://host:port")]
    Url {
        /// What was given.
        url: String,
    },
    /// The load generator speaks no TLS.
    #[error("{url} is an https address: the load generator speaks plain http only, so that it costs little")]
    Https {
        /// What was given.
        url: String,
    },
    /// The name of a server's host is unknown.
    #[error("the host of {url} cannot be found")]
    Resolve {
        /// The server's address.
        url: String,
        /// What the system said.
        source: io::Error,
    },
    /// The token has characters that no header can carry.
    #[error("the token has characters that a token can't have")]
    Token,
    /// A setting that cannot be.
    #[error("{0}")]
    Setting(String),
    /// A volume that the benchmark needs could not be made, or a client could not begin.
    #[error("cannot prepare the workload")]
    Prepare(#[from] Failure),
    /// The volume given is not what the settings say.
    #[error("volume {vid} is not what the settings say: {what}")]
    OtherVolume {
        /// The volume.
        vid: VolumeId,
        /// How it differs.
        what: String,
    },
    /// A process cannot be looked at.
    #[error("cannot read {path}")]
    Process {
        /// The file below `/proc`.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program cannot be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program that was started ended, or took too long, before it was ready.
    #[error("{program} was not ready: {why}")]
    NotReady {
        /// The program.
        program: String,
        /// What happened instead.
        why: String,
    },
    /// A file of results cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of results holds something else.
    #[error("{} holds no result of a benchmark", path.display())]
    Result {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The runtime or a server does not start.
    #[error("cannot start")]
    Start(#[source] io::Error),
}

/// Why one request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer came.
    #[error("{server}: {doing} failed: {why}")]
    Transport {
        /// Address of the server.
        server: String,
        /// Connecting, sending or receiving.
        doing: &'static str,
        /// What the system said.
        why: String,
    },
    /// An answer came that is not the right one.
    #[error("{call}: {what}")]
    Answer {
        /// Path of the call.
        call: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

impl Failure {
    /// An answer that is not the right one.
    pub(crate) fn answer(call: &'static str, what: impl Into<String>) -> Self {
        Self::Answer { call, what: what.into() }
    }
}
