//! What only the Postgres catalog has: round trips, of which a commit may take two, and one where its segments were just
//! registered. They are counted on the wire, by a proxy that the catalog takes for the server.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use catgraft_testkit::postgres::{TestDatabase, database};
use metastore::catalog::{self, Catalog, CommitOutcome, Connections, Location};
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::{TcpStream, UnixListener, UnixStream},
};

use crate::values::{NOW, commit, commit_of, lsn, must_commit, pages, segment, vid, volume};

/// Both kinds of connection that a server takes.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(options: &PgConnectOptions) -> io::Result<Box<dyn Stream>> {
    let folder = options.get_socket().cloned().or_else(|| {
        let host = options.get_host();
        host.starts_with('/').then(|| host.into())
    });
    match folder {
        Some(folder) => {
            let socket = folder.join(format!(".s.PGSQL.{}", options.get_port()));
            Ok(Box::new(UnixStream::connect(socket).await?))
        }
        None => Ok(Box::new(TcpStream::connect((options.get_host(), options.get_port())).await?)),
    }
}

/// Passes on what clients say, and counts the messages that ask the server for an answer: Sync and Query.
fn proxy(folder: &Path, server: PgConnectOptions) -> Arc<AtomicU64> {
    let listener = UnixListener::bind(folder.join(format!(".s.PGSQL.{}", server.get_port()))).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_server, mut to_server) = split(connect(&server).await.unwrap());
            let (mut from_client, mut to_client) = split(client);
            let counter = Arc::clone(&counter);
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move { pass_on(&mut from_client, &mut to_server, &counter).await });
        }
    });
    asked
}

async fn pass_on(
    client: &mut (impl AsyncRead + Unpin),
    server: &mut (impl AsyncWrite + Unpin),
    asked: &AtomicU64,
) -> io::Result<()> {
    // The first message has no letter in front.
    let mut letter = None;
    loop {
        let length = client.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body).await?;
        if let Some(letter) = letter {
            if letter == b'S' || letter == b'Q' {
                asked.fetch_add(1, Ordering::SeqCst);
            }
            server.write_u8(letter).await?;
        }
        server.write_u32(length).await?;
        server.write_all(&body).await?;
        letter = Some(client.read_u8().await?);
    }
}

/// A database of its own, and how often its server was asked for an answer.
pub(super) struct Watched {
    pub(super) asked: Arc<AtomicU64>,
    location: Location,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Watched {
    pub(super) async fn start() -> Self {
        let database = database().await;
        catalog::migrate(&Location::postgres(database.url()).unwrap(), false).await.unwrap();
        let server: PgConnectOptions = database.url().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (user, name, port) = (server.get_username(), server.get_database().unwrap(), server.get_port());
        let url = format!("postgres:///{name}?host={}&user={user}&port={port}", folder.path().display());
        let asked = proxy(folder.path(), server);
        Self { asked, location: Location::postgres(&url).unwrap(), _database: database, _folder: folder }
    }

    pub(super) async fn open(&self, connections: Connections) -> Arc<dyn Catalog> {
        catalog::open(&self.location, connections).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_takes_one_round_trip_or_two_and_a_read_takes_one() {
    let watched = Watched::start().await;
    let one = Connections { min: 0, max: 1, ..Connections::default() };
    let catalog = watched.open(one).await;
    // The first of each statement is prepared, once a connection.
    let rows = vec![segment(1, &[(vid(1), pages(1..=9)), (vid(3), pages(1..=9))])];
    catalog.segments_register(rows, NOW).await.unwrap();
    volume(&catalog, vid(2), 2).await;
    let reading = || catalog.commits_read(vid(1), catalog::CommitsWanted::default());
    assert_eq!(reading().await.unwrap(), None);
    must_commit(&catalog, commit_of(vid(3), None, 1, [1])).await;
    assert!(matches!(
        catalog.commit_append(commit(vid(2), Some(1)), NOW).await,
        Ok(CommitOutcome::AlreadyCommitted(_))
    ));

    let before = watched.asked.load(Ordering::SeqCst);
    let since = || watched.asked.load(Ordering::SeqCst) - before;
    must_commit(&catalog, commit_of(vid(1), None, 1, 1..=9)).await;
    for number in 1..=9 {
        must_commit(&catalog, commit_of(vid(1), Some(number), 1, [number as u32])).await;
    }
    assert_eq!(since(), 10, "for ten commits");
    let page = reading().await.unwrap().unwrap();
    assert_eq!((page.head.lsn, page.commits.len()), (lsn(10), 10));
    assert_eq!(since(), 11, "and one for a log");
    catalog.commit_append(commit(vid(1), Some(3)), NOW).await.unwrap();
    assert_eq!(since(), 13, "and two for a commit that lost the race");

    // Another metastore registered the segment.
    let other = watched.open(one).await;
    must_commit(&other, commit_of(vid(1), Some(10), 1, [1])).await;
    let prepared = since();
    must_commit(&other, commit_of(vid(1), Some(11), 1, [1])).await;
    assert_eq!(since() - prepared, 2, "for a commit whose segment is not remembered");
}
