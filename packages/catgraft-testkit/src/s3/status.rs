//! What a double tells of itself, as JSON and as a table.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    fault::RuleStatus,
    latency::Latency,
    tally::{S3Bytes, S3Requests},
    world::{Switches, World},
};

/// The state of a double at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct S3Status {
    /// Where S3 is.
    pub url: String,
    /// The bucket.
    pub bucket: String,
    /// What chances, waits and flipped bits are drawn from.
    pub seed: u64,
    /// What is wrong with the whole double.
    pub switches: Switches,
    /// How slow it is.
    pub latency: Latency,
    /// The rules of its faults.
    pub rules: Vec<RuleStatus>,
    /// Faults that struck, by name.
    pub faults: BTreeMap<String, u64>,
    /// Requests that arrived with a good signature.
    pub requests: S3Requests,
    /// Bytes that moved.
    pub bytes: S3Bytes,
    /// What S3 would charge for the requests, without what is stored and what leaves the region.
    pub dollars: f64,
    /// Objects that are stored.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
}

impl S3Status {
    pub(super) fn of(world: &World, url: &str, seed: u64) -> Self {
        let (objects, object_bytes) = world.stored();
        let faults = world.faults.lock();
        Self {
            url: url.to_owned(),
            bucket: world.bucket.clone(),
            seed,
            switches: world.switches(),
            latency: world.waits.lock().latency,
            rules: faults.rules().to_vec(),
            faults: faults.struck().iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            requests: world.tally.requests(),
            bytes: world.tally.bytes(),
            dollars: world.tally.dollars(),
            objects,
            object_bytes,
        }
    }
}

impl fmt::Display for S3Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, bucket, seed, requests, bytes, dollars, objects, object_bytes, .. } = self;
        writeln!(f, "{url}, bucket {bucket}, seed {seed}")?;
        writeln!(f, "objects   {objects}, {object_bytes} bytes")?;
        let S3Requests { puts, gets, heads, deletes, lists, head_buckets } = requests;
        writeln!(
            f,
            "requests  put {puts}, get {gets}, head {heads}, delete {deletes}, list {lists}, head bucket {head_buckets}"
        )?;
        let S3Bytes { put, got, received, sent } = bytes;
        writeln!(f, "bytes     put {put}, got {got}; over the wire {received} in, {sent} out")?;
        writeln!(f, "bill      ${dollars:.6}")?;
        let Switches { frozen, bucket_gone, credentials_revoked, list_stale } = self.switches;
        writeln!(
            f,
            "switches  frozen {frozen}, bucket gone {bucket_gone}, credentials revoked {credentials_revoked}, \
             list stale {list_stale}"
        )?;
        for RuleStatus { id, rule, struck } in &self.rules {
            writeln!(f, "rule {id}    {} struck {struck} times", rule.fault.name())?;
        }
        for (name, count) in &self.faults {
            writeln!(f, "fault     {name} {count}")?;
        }
        Ok(())
    }
}
