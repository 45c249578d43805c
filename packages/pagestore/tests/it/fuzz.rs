//! A million fuzzed request bodies to every call of both services, those between them too, over real connections: every one is
//! answered in the protocol, and no connection is reset.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use catgraft_core::{Lsn, PageCount, PageIndex};
use catgraft_proto::{
    catgraft::internal::v1::{
        AdoptOrphansRequest, Orphan, ReadDueOrphansRequest, ReadLogRequest, ReadSegmentsRequest,
        RegisterSegmentsRequest, RemoveOrphansRequest, SearchOrphansRequest, SegmentRow, SegmentVolume,
    },
    graft::{
        common::v1::{GraftErr, GraftErrCode},
        metastore::v1::{CommitRequest, PullCommitsRequest, PullGraftRequest, SnapshotRequest},
        pagestore::v1::{PageAtIdx, ReadPagesRequest, WritePagesRequest},
    },
    range_to_wire,
};
use catgraft_testkit::model::page_content;
use prost::Message;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::support::{House, new_vid, pages_of, wire};

const BODIES: u64 = 1_000_000;
const CONNECTIONS: u64 = 8;
/// An answer that takes longer than this is none.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call, with a body that is good.
struct Sample {
    service: Service,
    path: &'static str,
    body: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Service {
    Metastore,
    Pagestore,
}

/// A connection that is kept for as long as the server keeps it.
struct Connection {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    fn new(url: &str) -> Self {
        Self { address: url.trim_start_matches("http://").to_owned(), stream: None }
    }

    fn ask(&mut self, path: &str, body: &[u8]) -> std::io::Result<(u16, String, Vec<u8>)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: fuzz\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        stream.get_mut().write_all(&request)?;
        let (mut status, mut len, mut content_type, mut close) = (0, 0, String::new(), false);
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                len = value.parse().unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-type: ") {
                value.clone_into(&mut content_type);
            } else if line == "connection: close" {
                close = true;
            } else if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; len];
        stream.read_exact(&mut answer)?;
        self.stream = (!close).then_some(stream);
        Ok((status, content_type, answer))
    }
}

/// A good body with some damage: bytes changed, cut, put in or repeated; now and then noise alone.
fn damage(rng: &mut SmallRng, good: &[u8]) -> Vec<u8> {
    if rng.random_ratio(1, 10) {
        return (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
    }
    let mut body = good.to_vec();
    for _ in 0..rng.random_range(0..4) {
        if body.is_empty() {
            break;
        }
        let near = body.len().min(64);
        let at = if rng.random() { rng.random_range(0..near) } else { rng.random_range(0..body.len()) };
        match rng.random_range(0..5) {
            0 => body[at] = rng.random(),
            1 => body[at] ^= 1 << rng.random_range(0..8),
            2 => body.insert(at, rng.random()),
            3 => drop(body.remove(at)),
            _ => body.truncate(at),
        }
    }
    body
}

async fn samples(house: &House) -> Vec<Sample> {
    let client = house.client();
    let vid = new_vid();
    let pages = [1, 2, 900].map(|number| (PageIndex::new(number).unwrap(), u64::from(number)));
    let segments = client.write(vid, pages).await.unwrap();
    client.commit(vid, None, PageCount::new(900), segments.clone()).await.unwrap();
    let id = || wire(vid.as_bytes());
    let range = Some(range_to_wire(Lsn::FIRST, Lsn::FIRST));
    let commit = |base, segments| CommitRequest {
        vid: id(),
        cid: wire(client.cid.as_bytes()),
        snapshot_lsn: base,
        page_count: 900,
        segments,
    };
    let page = PageAtIdx { pageidx: 3, data: page_content(3) };
    let read = ReadPagesRequest { vid: id(), lsn: 1, graft: pages_of(&[1, 2, 5, 900]).encode() };
    let sids = || segments.iter().map(|segment| segment.sid.clone()).collect::<Vec<_>>();
    let row = SegmentRow {
        sid: sids()[0].clone(),
        byte_len: 10_000,
        index_offset: 9000,
        index_len: 1000,
        index_hash: vec![7; 32].into(),
        volumes: vec![SegmentVolume { vid: id(), graft: pages_of(&[1, 2]).encode() }],
    };
    let orphan = Orphan { sid: sids()[0].clone(), byte_len: 10_000, vids: vec![id()] };
    let grace_ms = 3_600_000;
    let metastore = |path, body| Sample { service: Service::Metastore, path, body };
    let pagestore = |path, body| Sample { service: Service::Pagestore, path, body };
    vec![
        metastore("/metastore/v1/snapshot", SnapshotRequest { vid: id(), lsn: Some(1) }.encode_to_vec()),
        metastore("/metastore/v1/pull_graft", PullGraftRequest { vid: id(), range }.encode_to_vec()),
        metastore("/metastore/v1/pull_commits", PullCommitsRequest { vid: id(), range }.encode_to_vec()),
        metastore("/metastore/v1/commit", commit(None, segments.clone()).encode_to_vec()),
        metastore(
            "/metastore/internal/v1/read_log",
            ReadLogRequest { vid: id(), after_lsn: 0, commits_max: 0 }.encode_to_vec(),
        ),
        metastore("/metastore/internal/v1/read_segments", ReadSegmentsRequest { sids: sids() }.encode_to_vec()),
        metastore(
            "/metastore/internal/v1/register_segments",
            RegisterSegmentsRequest { segments: vec![row] }.encode_to_vec(),
        ),
        metastore("/metastore/internal/v1/search_orphans", SearchOrphansRequest { grace_ms }.encode_to_vec()),
        metastore(
            "/metastore/internal/v1/adopt_orphans",
            AdoptOrphansRequest { grace_ms, orphans: vec![orphan] }.encode_to_vec(),
        ),
        metastore("/metastore/internal/v1/read_due_orphans", ReadDueOrphansRequest { grace_ms }.encode_to_vec()),
        metastore(
            "/metastore/internal/v1/remove_orphans",
            RemoveOrphansRequest { grace_ms, sids: sids() }.encode_to_vec(),
        ),
        metastore("/metastore/v1/commit", commit(Some(7), segments).encode_to_vec()),
        pagestore("/pagestore/v1/read_pages", read.encode_to_vec()),
        pagestore("/pagestore/v1/write_pages", WritePagesRequest { vid: id(), pages: vec![page] }.encode_to_vec()),
    ]
}

/// Sends its share, and counts the answers by status.
fn bombard(seed: u64, count: u64, metastore_url: &str, pagestore_url: &str, samples: &[Sample]) -> BTreeMap<u16, u64> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut metastore = Connection::new(metastore_url);
    let mut pagestore = Connection::new(pagestore_url);
    let mut statuses = BTreeMap::new();
    for number in 0..count {
        let sample = &samples[rng.random_range(0..samples.len())];
        let connection = if sample.service == Service::Metastore { &mut metastore } else { &mut pagestore };
        let body = damage(&mut rng, &sample.body);
        let at = || format!("seed {seed}, body {number} to {}", sample.path);
        let (status, content_type, answer) =
            connection.ask(sample.path, &body).unwrap_or_else(|error| panic!("{}: {error}", at()));
        assert_eq!(content_type, "application/x-protobuf", "{}", at());
        let code = match status {
            200 => None,
            400 => Some(GraftErrCode::Client),
            404 => Some(GraftErrCode::SnapshotMissing),
            409 => Some(GraftErrCode::CommitRejected),
            other => panic!("{}: status {other}", at()),
        };
        if let Some(code) = code {
            let error = GraftErr::decode(Bytes::from(answer)).unwrap_or_else(|error| panic!("{}: {error}", at()));
            assert_eq!((error.code(), error.message.is_empty()), (code, false), "{}", at());
        }
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_bodies_are_answered_and_no_connection_is_reset() {
    let house = House::start().await;
    let samples = Arc::new(samples(&house).await);
    let seed: u64 = std::env::var("CATGRAFT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (samples, metastore, pagestore) =
                (Arc::clone(&samples), house.metastore_url.clone(), house.pagestore_url.clone());
            let count = BODIES / CONNECTIONS;
            std::thread::spawn(move || bombard(seed + number, count, &metastore, &pagestore, &samples))
        })
        .collect();
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for worker in workers {
        let counts = tokio::task::spawn_blocking(move || worker.join()).await.unwrap().unwrap();
        for (status, count) in counts {
            *statuses.entry(status).or_default() += count;
        }
    }
    assert_eq!(statuses.values().sum::<u64>(), BODIES);
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [200, 400, 404, 409], "{statuses:?}");
}
