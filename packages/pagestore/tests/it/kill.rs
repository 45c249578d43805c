//! `kill -9` of either service at random moments during pushes: every acknowledged commit is readable afterwards,
//! byte for byte, and no LSN is missing.
//!
//! Each writer owns a volume and pushes without pause; a push whose answer was lost is pushed again until it is
//! answered, as real clients do. The model of each volume holds what was acknowledged and nothing else.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use catgraft_client::Retry;
use catgraft_core::{Lsn, PageCount, PageIndex, PageSet, VolumeId};
use catgraft_proto::graft::metastore::v1::PullCommitsRequest;
use catgraft_testkit::{
    model::{VolumeModel, page_content},
    ports::free_port,
    postgres,
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::support::{Client, new_vid, wire};

const WRITERS: u64 = 4;
const PAGES: u32 = 40;
/// Longest pause before a kill, so that it strikes at any moment of a push.
const PAUSE_MAX_US: u64 = 20_000;
/// Waits for a service that is being started: 1,000 times 50 ms at most.
const PATIENT: Retry =
    Retry { attempts_max: 1_000, wait_first: Duration::from_millis(2), wait_max: Duration::from_millis(50) };

/// One service that is killed and started again on the same port.
struct Service {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    folder: PathBuf,
    child: Option<Child>,
}

impl Service {
    fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!("{} can't be started ({error}); `cargo build --workspace` builds it", self.program.display())
        }));
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            eprintln!(
                "{} ended with:\n{}",
                self.program.display(),
                log.lines().rev().take(30).collect::<Vec<_>>().join("\n")
            );
        }
    }
}

/// The programs lie beside each other in the target folder.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_pagestore")).with_file_name(name)
}

fn service(name: &str, folder: &Path, arguments: &[&str]) -> Service {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Service { program: program(name), arguments, environment: Vec::new(), folder, child: None }
}

/// Pushes until it is told to stop; returns what was acknowledged.
async fn write(
    client: Client,
    vid: VolumeId,
    seed: u64,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> VolumeModel {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut model = VolumeModel::default();
    while !stop.load(Ordering::Relaxed) {
        let page_count = PageCount::new(rng.random_range(PAGES / 2..=PAGES));
        let pages: BTreeMap<PageIndex, u64> = (0..rng.random_range(1..20))
            .filter_map(|_| Some((PageIndex::new(rng.random_range(1..=page_count.get()))?, rng.random())))
            .collect();
        let segments = client.write(vid, pages.clone()).await.expect("pages are stored in the end");
        let lsn = client.commit(vid, model.head(), page_count, segments).await.expect("a commit lands in the end");
        assert_eq!(lsn, model.commit(page_count, &pages), "the LSNs have a gap");
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    model
}

async fn check(client: &Client, vid: VolumeId, model: &VolumeModel) {
    let head = model.head().expect("every writer pushed something");
    let range = catgraft_proto::range_to_wire(Lsn::FIRST, head);
    let request = PullCommitsRequest { vid: wire(vid.as_bytes()), range: Some(range) };
    let commits = client.metastore.pull_commits(&request).await.unwrap().commits;
    let lsns: Vec<u64> = commits.iter().filter_map(|commit| Some(commit.snapshot.as_ref()?.lsn)).collect();
    assert_eq!(lsns, (1..=head.get()).collect::<Vec<_>>());
    let all: PageSet = (1..=PAGES).filter_map(PageIndex::new).collect();
    for number in 1..=head.get() {
        let lsn = Lsn::new(number).unwrap();
        let read: BTreeMap<_, _> = client.read(vid, lsn, &all).await.unwrap().into_iter().collect();
        let expected: BTreeMap<_, _> =
            model.pages(lsn).into_iter().map(|(page, seed)| (page, page_content(seed))).collect();
        assert!(read == expected, "volume {vid} is not what was acknowledged at LSN {lsn}");
    }
}

async fn torture(catalog: (&'static str, String), kills: u64, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let (metastore_port, pagestore_port) = (free_port().to_string(), free_port().to_string());
    let metastore_url = format!("http://127.0.0.1:{metastore_port}");
    let pagestore_url = format!("http://127.0.0.1:{pagestore_port}");
    let objects = folder.path().join("objects");
    let mut services = [
        service(
            "metastore",
            folder.path(),
            &["--host", "127.0.0.1", "--port", &metastore_port, "--catalog-migrate", "true"],
        ),
        service(
            "pagestore",
            folder.path(),
            &[
                "--host",
                "127.0.0.1",
                "--port",
                &pagestore_port,
                "--metastore",
                &metastore_url,
                "--objectstore-type",
                "fs",
                "--objectstore-root",
                objects.to_str().unwrap(),
            ],
        ),
    ];
    services[0].environment.push(catalog);
    services.iter_mut().for_each(Service::start);

    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let client = Client::new(&metastore_url, &pagestore_url, PATIENT);
    let volumes: Vec<VolumeId> = (0..WRITERS).map(|_| new_vid()).collect();
    let writers: Vec<_> = (0u64..)
        .zip(&volumes)
        .map(|(number, vid)| {
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            tokio::spawn(write(client.clone(), *vid, seed + number, stop, acknowledged))
        })
        .collect();

    let mut rng = SmallRng::seed_from_u64(seed);
    for _ in 0..kills {
        // Somebody was answered since the last kill, so pushes are under way.
        let before = acknowledged.load(Ordering::Relaxed);
        while acknowledged.load(Ordering::Relaxed) == before {
            assert!(writers.iter().all(|writer| !writer.is_finished()), "a writer gave up");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..PAUSE_MAX_US))).await;
        let victim = &mut services[rng.random_range(0..2)];
        victim.kill();
        victim.start();
    }
    stop.store(true, Ordering::Relaxed);
    for (writer, vid) in writers.into_iter().zip(&volumes) {
        let model = writer.await.unwrap();
        check(&client, *vid, &model).await;
    }
    println!("{kills} kills, {} acknowledged commits, none lost", acknowledged.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_the_embedded_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.db");
    torture(("METASTORE_CATALOG__PATH", catalog.to_str().unwrap().to_owned()), 200, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_postgres() {
    let database = postgres::database().await;
    torture(("METASTORE_CATALOG__URL", database.url().to_owned()), 200, 2).await;
}
