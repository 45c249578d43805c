//! What a seed decides before anything happens: who takes part, how often what goes wrong, how the services are set.

use std::time::Duration;

use catgraft_core::ByteSize;
use catgraft_segment::Compression;

use crate::dice::Dice;

/// Metastores, and pagestores.
pub(crate) const SERVERS: usize = 2;
/// Pages of one push to one pagestore. Batches of four volumes are then still sealed on the thread that answers: another
/// thread would not come back at the same moment in every run.
pub(crate) const PUSH_PAGES_MAX: u64 = 8;
const VOLUMES_MAX: u64 = 4;
/// Pages of the largest volume.
pub(crate) const VOLUME_PAGES: u64 = 24;

/// Everything that is decided beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) volumes: usize,
    pub(crate) pushers: usize,
    pub(crate) readers: usize,
    /// Pushes of each pusher.
    pub(crate) pushes: u64,
    /// Longest that a client does nothing between two steps.
    pub(crate) think: Duration,
    /// Longest way of a message.
    pub(crate) latency: Duration,
    /// Probabilities, each at one passage of a door.
    pub(crate) crash: f64,
    pub(crate) freeze: f64,
    pub(crate) store_fault: f64,
    pub(crate) catalog_fault: f64,
    pub(crate) network_fault: f64,
    pub(crate) twice: f64,
    /// Longest time between two mishaps of a whole process, the store or the catalog; none for none of them.
    pub(crate) mishaps: Option<Duration>,
    /// By how much clocks differ at most.
    pub(crate) clocks_differ: Duration,
    /// A pagestore asks any metastore, and not always the same one.
    pub(crate) is_balanced: bool,
    /// Segments that no commit names are removed, and clients are away for hours.
    pub(crate) orphans: Option<Duration>,
    pub(crate) pagestore: PagestorePlan,
    pub(crate) heads_max: usize,
}

/// How pagestores are set.
#[derive(Debug, Clone)]
pub(crate) struct PagestorePlan {
    pub(crate) uploads: usize,
    pub(crate) ingest_interval: Duration,
    pub(crate) cache: ByteSize,
    pub(crate) segment_index: ByteSize,
    pub(crate) volume_index: ByteSize,
    pub(crate) compression: Compression,
}

impl Plan {
    /// Draws it.
    pub(crate) fn draw(dice: &Dice) -> Self {
        let minutes = |minutes| Duration::from_secs(60 * minutes);
        let rates = [0.0, 0.0, 0.005, 0.02, 0.06];
        let orphans = dice.one_in(5).then(|| minutes(dice.number(5..=40)));
        Self {
            volumes: dice.number(1..=VOLUMES_MAX) as usize,
            pushers: dice.number(2..=5) as usize,
            readers: dice.number(1..=2) as usize,
            pushes: dice.number(3..=12),
            think: Duration::from_millis(dice.pick(&[2, 50, 1_000, 8_000])),
            latency: Duration::from_millis(dice.pick(&[0, 2, 20, 200])),
            crash: dice.pick(&[0.0, 0.0, 0.002, 0.005, 0.015]),
            freeze: dice.pick(&[0.0, 0.0, 0.001, 0.004]),
            store_fault: dice.pick(&rates),
            catalog_fault: dice.pick(&rates),
            network_fault: dice.pick(&rates),
            twice: dice.pick(&[0.0, 0.01, 0.05]),
            // Of hours, a mishap every second would be too many.
            mishaps: dice
                .pick(&[None, Some(2), Some(10), Some(60)])
                .map(|seconds| Duration::from_secs(if orphans.is_some() { seconds * 300 } else { seconds })),
            clocks_differ: minutes(dice.pick(&[0, 0, 1, 5])),
            is_balanced: dice.one_in(2),
            orphans,
            pagestore: PagestorePlan::draw(dice),
            heads_max: dice.pick(&[1, 1_000_000]),
        }
    }
}

impl PagestorePlan {
    fn draw(dice: &Dice) -> Self {
        // What evicts goes by hashes that differ from run to run, so a cache keeps everything or nothing.
        let memory = |all: bool| if all { ByteSize::from_mib(64) } else { ByteSize::from_bytes(0) };
        Self {
            uploads: dice.pick(&[1, 2, 8]),
            ingest_interval: Duration::from_millis(dice.pick(&[0, 0, 250])),
            cache: memory(dice.one_in(2)),
            segment_index: memory(dice.one_in(2)),
            volume_index: memory(dice.one_in(2)),
            compression: dice.pick(&[Compression::Lz4, Compression::None]),
        }
    }
}
