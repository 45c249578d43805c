//! Starts the daemons, and starts them again when they have ended: the real ones, on doors instead of sockets.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use catgraft_core::ByteSize;
use catgraft_service::http::{Auth, Limits, in_process::InProcess};
use metastore::heads::follow::Pace;
use tokio::sync::mpsc;

use crate::{
    doors::{CatalogDoor, StoreDoor, Wire},
    plan::SERVERS,
    process::{Daemon, Process},
    violation::Violation,
    world::World,
};

/// How long it takes at most until a daemon that ended is started again.
const RESTART_MAX: Duration = Duration::from_secs(8);
/// Grace period of orphans: the least that there may be.
const GRACE: Duration = catgraft_core::limits::ORPHAN_GRACE_MIN;

/// All metastores.
pub(crate) fn metastores() -> Vec<Daemon> {
    (0..SERVERS).map(Daemon::Metastore).collect()
}

/// All pagestores.
pub(crate) fn pagestores() -> Vec<Daemon> {
    (0..SERVERS).map(Daemon::Pagestore).collect()
}

/// Lets a daemon live, one life after the other.
pub(crate) async fn keep_alive(world: Arc<World>, daemon: Daemon) {
    for life in 1.. {
        let (requests, incoming) = mpsc::unbounded_channel();
        let process = Arc::new(Process::new(daemon, life, requests));
        world.trace.tell(format_args!("{process} starts"));
        world.enter(Arc::clone(&process));
        // What a dead process goes on to do stays behind its doors, so its tasks are left alone.
        tokio::task::spawn_local(live(Arc::clone(&world), Arc::clone(&process), InProcess(incoming)));
        process.dead().await;
        let pause = world.dice.time(RESTART_MAX);
        tokio::select! {
            biased;
            () = world.calm() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn live(world: Arc<World>, process: Arc<Process>, requests: InProcess) {
    let stop = process.stop.clone();
    let outcome = match process.daemon {
        Daemon::Metastore(_) => run_metastore(&world, &process, requests).await,
        Daemon::Pagestore(number) => run_pagestore(&world, &process, number, requests).await,
    };
    match outcome {
        _ if process.is_dead() => {}
        Ok(()) if stop.is_cancelled() => {}
        outcome => world.broke(Violation::Ended(format!("{process} ended by itself: {outcome:?}"))),
    }
    process.ended();
}

async fn run_metastore(world: &Arc<World>, process: &Arc<Process>, requests: InProcess) -> Result<(), String> {
    let door = CatalogDoor { world: Arc::clone(world), process: Arc::clone(process) };
    let mut pace = Pace::default();
    if world.plan.orphans.is_some() {
        // Over hours, signs of life would be most of what happens.
        let Pace { sign_of_life, silence_max, compare, .. } = pace;
        pace = Pace { sign_of_life: sign_of_life * 12, silence_max: silence_max * 12, compare: compare * 12, ..pace };
    }
    let deps = metastore::Deps { clock: Arc::new(world.clock()), pace, catalog: Some(Arc::new(door)) };
    let config = metastore::Config { heads_max: world.plan.heads_max, ..metastore::Config::default() };
    let metastore = metastore::build(config, deps).await.map_err(|error| error.to_string())?;
    metastore.run(requests, process.stop.clone()).await.map_err(|error| error.to_string())
}

async fn run_pagestore(
    world: &Arc<World>,
    process: &Arc<Process>,
    number: usize,
    requests: InProcess,
) -> Result<(), String> {
    let to = if world.plan.is_balanced { metastores() } else { vec![Daemon::Metastore(number)] };
    let (wired_world, from) = (Arc::clone(world), Arc::clone(process));
    let connect = move |timeout| -> Arc<dyn catgraft_client::Transport> {
        Arc::new(Wire { world: Arc::clone(&wired_world), from: Some(Arc::clone(&from)), to: to.clone(), timeout })
    };
    let deps = pagestore::Deps {
        clock: Arc::new(world.clock()),
        ids: Arc::clone(&world.dice) as Arc<dyn catgraft_core::IdSource>,
        objects: Arc::new(StoreDoor { world: Arc::clone(world), process: Arc::clone(process) }),
        metastore: Some(Arc::new(connect)),
    };
    let pagestore = pagestore::build(pagestore_config(world), deps).await.map_err(|error| error.to_string())?;
    pagestore.run(requests, process.stop.clone()).await.map_err(|error| error.to_string())
}

fn pagestore_config(world: &World) -> pagestore::Config {
    let plan = &world.plan.pagestore;
    let at_a_time = |number: usize| NonZeroUsize::new(number).expect("nobody does nothing at a time");
    pagestore::Config {
        metastore: "http://simulated".to_owned(),
        token: None,
        metastore_timeout: Duration::from_secs(20),
        catalog_update_concurrency: at_a_time(16),
        download_concurrency: at_a_time(32),
        write_concurrency: at_a_time(plan.uploads),
        cache_disk: None,
        cache_memory: plan.cache,
        segment_index_memory: plan.segment_index,
        volume_index_memory: plan.volume_index,
        read_memory: ByteSize::from_mib(16),
        ingest_interval: plan.ingest_interval,
        ingest_memory: ByteSize::from_mib(1),
        compression: plan.compression,
        orphans_interval: world.plan.orphans,
        orphans_grace: GRACE,
        auth: Auth::Off,
        http: Limits::default(),
    }
}
