//! Counts the attempts of the SDK beyond the first of each request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef};

use crate::error::{BoxError, Verb};

/// Repeats by verb.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    by_verb: Arc<[AtomicU64; Verb::ALL.len()]>,
}

impl Repeats {
    /// So far.
    pub(super) fn count(&self, verb: Verb) -> u64 {
        self.by_verb[verb as usize].load(Ordering::Relaxed)
    }

    /// Watches one request.
    pub(super) fn of(&self, verb: Verb) -> Attempts {
        Attempts { repeats: self.clone(), verb, is_begun: AtomicBool::new(false) }
    }
}

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Attempts {
    repeats: Repeats,
    verb: Verb,
    is_begun: AtomicBool,
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.is_begun.swap(true, Ordering::Relaxed) {
            self.repeats.by_verb[self.verb as usize].fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
