//! What the double does wrong, and when. Which request a fault strikes is decided here, without I/O: by rules in the
//! order they were given, the first that fires; chances are drawn from the seed in the order of the requests.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};

/// What is asked of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum S3Call {
    /// PutObject.
    Put,
    /// GetObject, with a range or without.
    Get,
    /// HeadObject.
    Head,
    /// DeleteObject.
    Delete,
    /// ListObjectsV2.
    List,
    /// HeadBucket.
    HeadBucket,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 500 InternalError, and nothing is done.
    InternalError,
    /// 503 SlowDown, and nothing is done.
    SlowDown,
    /// No answer ever comes, and nothing is done.
    TimeoutBefore,
    /// It is done, and no answer ever comes: the acknowledgement is lost.
    TimeoutAfter,
    /// The connection is closed in the middle of the request's body, and nothing is done.
    CutRequest,
    /// It is done, and the connection is closed in the middle of the answer's body; instead of the answer where that has
    /// no body.
    CutAnswer,
    /// It is done, and the answer's body is half of what it should be, and says so: a well-formed answer.
    Truncate,
    /// It is done, and one bit of the answer's body is another.
    FlipBit,
    /// It is done and answered, so many milliseconds later than otherwise.
    Slow(u64),
}

impl Fault {
    /// Its name, as rules spell it.
    pub fn name(self) -> &'static str {
        match self {
            Fault::InternalError => "internal_error",
            Fault::SlowDown => "slow_down",
            Fault::TimeoutBefore => "timeout_before",
            Fault::TimeoutAfter => "timeout_after",
            Fault::CutRequest => "cut_request",
            Fault::CutAnswer => "cut_answer",
            Fault::Truncate => "truncate",
            Fault::FlipBit => "flip_bit",
            Fault::Slow(_) => "slow",
        }
    }
}

/// Which requests a fault strikes. As JSON: `{"fault": "slow_down", "call": "put", "times": 2}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// Only requests of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<S3Call>,
    /// Only requests whose key holds this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// So many requests that it fits are spared first.
    #[serde(default)]
    pub skip: u64,
    /// It strikes so many requests and then no more; without it, it never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The probability with which it strikes a request that it fits.
    #[serde(default = "always")]
    pub chance: f64,
}

fn always() -> f64 {
    1.0
}

impl FaultRule {
    /// Strikes every request.
    pub fn new(fault: Fault) -> Self {
        Self { fault, call: None, key: None, skip: 0, times: None, chance: always() }
    }

    /// Strikes requests of one kind only.
    pub fn on(self, call: S3Call) -> Self {
        Self { call: Some(call), ..self }
    }

    /// Strikes requests whose key holds this text only.
    pub fn key(self, part: impl Into<String>) -> Self {
        Self { key: Some(part.into()), ..self }
    }

    /// Strikes so many requests only.
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Spares so many requests first.
    pub fn skip(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Strikes with this probability only.
    pub fn chance(self, chance: f64) -> Self {
        Self { chance, ..self }
    }

    fn fits(&self, call: S3Call, key: &str) -> bool {
        self.call.is_none_or(|only| only == call) && self.key.as_ref().is_none_or(|part| key.contains(part.as_str()))
    }
}

/// A rule that was given, and how often it struck.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleStatus {
    /// Its number, from 1.
    pub id: u64,
    /// The rule, with what is left of `skip` and `times`.
    pub rule: FaultRule,
    /// Requests that it struck.
    pub struck: u64,
}

/// The rules of a double.
#[derive(Debug)]
pub(super) struct Faults {
    rules: Vec<RuleStatus>,
    next_id: u64,
    random: SmallRng,
    struck: BTreeMap<&'static str, u64>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), next_id: 1, random: SmallRng::seed_from_u64(seed), struck: BTreeMap::new() }
    }

    /// Adds a rule behind the others, and says its number.
    pub(super) fn add(&mut self, rule: FaultRule) -> Result<u64, String> {
        if !(0.0..=1.0).contains(&rule.chance) {
            return Err(format!("chance is {}: it must be a number from 0 to 1", rule.chance));
        }
        let id = self.next_id;
        self.next_id += 1;
        self.rules.push(RuleStatus { id, rule, struck: 0 });
        Ok(id)
    }

    /// Takes a rule away. Was it there?
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|status| status.id != id);
        self.rules.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn rules(&self) -> &[RuleStatus] {
        &self.rules
    }

    /// Faults that struck so far, by name.
    pub(super) fn struck(&self) -> &BTreeMap<&'static str, u64> {
        &self.struck
    }

    /// What goes wrong with this request, if anything.
    pub(super) fn strike(&mut self, call: S3Call, key: &str) -> Option<Fault> {
        for RuleStatus { rule, struck, .. } in &mut self.rules {
            if !rule.fits(call, key) || rule.times == Some(0) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.chance < 1.0 && !self.random.random_bool(rule.chance) {
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            *struck += 1;
            *self.struck.entry(rule.fault.name()).or_default() += 1;
            return Some(rule.fault);
        }
        None
    }

    /// A place among so many.
    pub(super) fn draw_below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }
}
