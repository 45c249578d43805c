//! Running the binary: once to its end, or as `catgraft dev` until it is told to stop.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use bytes::Bytes;
use catgraft_client::{Endpoint, MetastoreClient, PagestoreClient, Retry};
use catgraft_core::{ClientId, PAGE_SIZE, PageIndex, PageSet, VolumeId};
use catgraft_proto::graft::{
    metastore::v1::CommitRequest,
    pagestore::v1::{PageAtIdx, ReadPagesRequest, WritePagesRequest},
};
use serde_json::Value;

/// The binary, with nothing of the tests' own environment that could be a setting.
pub(crate) fn catgraft(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catgraft"));
    command.current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["METASTORE_", "PAGESTORE_", "GRAFT_", "AWS_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// With these arguments in this directory.
    pub(crate) fn new(directory: &Path, arguments: &[&str]) -> Self {
        Self::of(catgraft(directory).args(arguments))
    }

    /// stdout of a run that went well and complained of nothing.
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// stdout of a run that went well, as JSON.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// The one line that a run ended with which failed.
    pub(crate) fn refusal(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{line}");
        line.strip_prefix("catgraft: ").unwrap().to_owned()
    }
}

/// `catgraft dev` on free ports.
pub(crate) struct Dev {
    child: Child,
    pub(crate) metastore: String,
    pub(crate) pagestore: String,
    pub(crate) token: Option<String>,
}

impl Dev {
    /// Starts it, and waits until it says that it serves. Logs go to `dev.log` in the folder's parent.
    pub(crate) fn start(dir: &Path, more: &[&str]) -> Self {
        let log = File::create(dir.with_extension("log")).unwrap();
        let mut command = catgraft(dir.parent().unwrap());
        command.args(["dev", "--json", "--metastore-port=0", "--pagestore-port=0", "--dir"]).arg(dir).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(greeting) = serde_json::from_str::<Value>(&line) else {
            let log = std::fs::read_to_string(dir.with_extension("log")).unwrap();
            panic!("catgraft dev did not start: {line:?} {log}");
        };
        let text = |key: &str| greeting[key].as_str().map(str::to_owned);
        Self {
            child,
            metastore: text("metastore").unwrap(),
            pagestore: text("pagestore").unwrap(),
            token: text("token"),
        }
    }

    /// A server that prints its one address for both services, once it listens.
    pub(crate) fn of_ceiling(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let greeting: Value = serde_json::from_str(&line).unwrap();
        let url = greeting["url"].as_str().unwrap().to_owned();
        Self { child, metastore: url.clone(), pagestore: url, token: None }
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> ExitStatus {
        self.terminate();
        self.wait()
    }

    fn endpoint(&self, url: &str) -> Endpoint {
        Endpoint::new(url, self.token.as_deref(), Duration::from_secs(20), Retry::NEVER).unwrap()
    }

    pub(crate) fn metastore_client(&self) -> MetastoreClient {
        MetastoreClient::new(self.endpoint(&self.metastore))
    }

    pub(crate) fn pagestore_client(&self) -> PagestoreClient {
        PagestoreClient::new(self.endpoint(&self.pagestore))
    }

    /// Writes these pages, each filled with one byte, and commits them on `base`. Answers the segments.
    pub(crate) async fn push(&self, vid: VolumeId, base: Option<u64>, pages: &[(u32, u8)]) -> Vec<Bytes> {
        let page = |(index, fill): &(u32, u8)| PageAtIdx { pageidx: *index, data: vec![*fill; PAGE_SIZE].into() };
        let request = WritePagesRequest { vid: wire(vid), pages: pages.iter().map(page).collect() };
        let segments = self.pagestore_client().write_pages(&request).await.unwrap().segments;
        let sids = segments.iter().map(|segment| segment.sid.clone()).collect();
        let commit = CommitRequest {
            vid: wire(vid),
            cid: Bytes::copy_from_slice(client().as_bytes()),
            snapshot_lsn: base,
            page_count: pages.iter().map(|(index, _)| *index).max().unwrap(),
            segments,
        };
        let snapshot = self.metastore_client().commit(&commit).await.unwrap().snapshot.unwrap();
        assert_eq!(snapshot.lsn, base.unwrap_or(0) + 1);
        sids
    }

    /// Reads these pages as they were at an LSN: index and first byte of each.
    pub(crate) async fn read(&self, vid: VolumeId, lsn: u64, pages: &[u32]) -> Vec<(u32, u8)> {
        let graft: PageSet = pages.iter().map(|index| PageIndex::new(*index).unwrap()).collect();
        let request = ReadPagesRequest { vid: wire(vid), lsn, graft: graft.encode() };
        let mut pages = self.pagestore_client().read_pages(&request).await.unwrap().pages;
        pages.sort_by_key(|page| page.pageidx);
        pages.iter().map(|page| (page.pageidx, page.data[0])).collect()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Fails where it has ended already, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who pushes in these tests.
pub(crate) fn client() -> ClientId {
    ClientId::derive("alice")
}

pub(crate) fn wire(vid: VolumeId) -> Bytes {
    Bytes::copy_from_slice(vid.as_bytes())
}

/// A new volume id, by the binary's own word.
pub(crate) fn new_vid(directory: &Path) -> VolumeId {
    Ran::new(directory, &["vid"]).ok().trim().parse().unwrap()
}

/// A connection to a service.
pub(crate) fn connect(url: &str) -> io::Result<TcpStream> {
    TcpStream::connect(url.strip_prefix("http://").unwrap())
}

/// The status line and the body that a service answers to a GET.
pub(crate) fn get(url: &str, path: &str) -> (String, String) {
    let mut stream = connect(url).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}
