//! Readiness: is everything there that a service needs to answer? Told to `/ready`, and asked once at start.
//!
//! Checks run with a time-out each, together, and at most once a second however many ask: a load balancer must
//! not become load on the database.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::{sync::Mutex, time::Instant};

/// Longest that one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an outcome is told again without checking.
const FRESH: Duration = Duration::from_secs(1);

/// One thing that a service cannot work without.
#[async_trait]
pub trait ReadinessCheck: Send + Sync + 'static {
    /// Its name in the answer of `/ready`: `catalog`, `objectstore`, `metastore`.
    fn name(&self) -> &'static str;

    /// Is it there? Otherwise one line that says what is wrong, without secrets. A time-out of two seconds is set
    /// around it.
    async fn check(&self) -> Result<(), String>;
}

/// What the checks said.
#[derive(Debug, Clone)]
pub struct Report {
    outcomes: Vec<(&'static str, Result<(), String>)>,
}

impl Report {
    /// Did every check pass?
    pub fn is_ready(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| outcome.is_ok())
    }
}

/// One line a check: `catalog: ok`, `objectstore: unavailable: connection refused`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.outcomes {
            match outcome {
                Ok(()) => writeln!(f, "{name}: ok")?,
                Err(reason) => writeln!(f, "{name}: unavailable: {}", reason.replace('\n', " "))?,
            }
        }
        Ok(())
    }
}

/// The checks of a service. Cheap to clone; clones share what was found out.
#[derive(Clone)]
pub struct Readiness {
    checks: Arc<[Arc<dyn ReadinessCheck>]>,
    last: Arc<Mutex<Option<(Instant, Report)>>>,
}

impl Readiness {
    /// A service that needs these.
    pub fn new(checks: Vec<Arc<dyn ReadinessCheck>>) -> Self {
        Self { checks: checks.into(), last: Arc::default() }
    }

    /// What the checks say, not older than a second. Who asks while they run waits for the same run.
    pub async fn report(&self) -> Report {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let outcomes = join_all(self.checks.iter().map(|check| run(check.as_ref()))).await;
        let report = Report { outcomes };
        *last = Some((Instant::now(), report.clone()));
        report
    }
}

async fn run(check: &dyn ReadinessCheck) -> (&'static str, Result<(), String>) {
    let outcome = match tokio::time::timeout(CHECK_TIMEOUT, check.check()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    };
    (check.name(), outcome)
}
