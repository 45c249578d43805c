//! From the first instruction of a daemon to its last: runtime, logging, signals, and what systemd is told.
//!
//! SIGTERM and SIGINT stop a service gently: it accepts no more, finishes what it accepted, and ends within
//! [`STOP_TIMEOUT`]. A second signal ends it at once.

use std::{
    future::Future,
    io,
    process::ExitCode,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Chain,
    http::DRAIN_TIMEOUT,
    logging::{self, LogConfig},
    readiness::Readiness,
};

/// Longest from a signal to the end of the process.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(30);

// Requests are given up before the process is, so that what comes after them still happens.
const _: () = assert!(DRAIN_TIMEOUT.as_secs() < STOP_TIMEOUT.as_secs());

/// How often a service that is not ready looks again.
const READY_INTERVAL: Duration = Duration::from_secs(1);

/// A second signal that comes sooner than this after the first one is the same one.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Exit code after the second signal, as shells report SIGINT.
const EXIT_IMPATIENT: i32 = 130;

/// Runs a daemon: begins logging, starts the runtime, handles signals and the watchdog, and runs the service with the
/// token that is cancelled when it has to stop. 0 after a gentle stop, 1 if the service fails; the failure is
/// logged with its causes.
pub fn run<S, F, E>(service: &'static str, log: &LogConfig, start: S) -> ExitCode
where
    S: FnOnce(CancellationToken) -> F,
    F: Future<Output = Result<(), E>>,
    E: std::error::Error + 'static,
{
    if let Err(error) = logging::init(service, log) {
        last_words(service, &error);
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let shutdown = match shutdown_signal() {
            Ok(shutdown) => shutdown,
            Err(error) => {
                tracing::error!("cannot listen for signals: {error}");
                return ExitCode::FAILURE;
            }
        };
        watchdog();
        supervise(shutdown.clone(), start(shutdown)).await
    });
    // What still runs on blocking threads has had its time.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Waits for the service, and no longer than [`STOP_TIMEOUT`] after it was told to stop.
async fn supervise<E: std::error::Error + 'static>(
    shutdown: CancellationToken,
    service: impl Future<Output = Result<(), E>>,
) -> ExitCode {
    let too_late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(STOP_TIMEOUT - Duration::from_secs(1)).await;
    };
    tokio::select! {
        outcome = service => match outcome {
            Ok(()) => {
                tracing::info!("stopped");
                ExitCode::SUCCESS
            }
            Err(error) => {
                tracing::error!("stopped by an error: {}", Chain(&error));
                ExitCode::FAILURE
            }
        },
        () = too_late => {
            tracing::error!("did not stop within {} s: giving up what is left", STOP_TIMEOUT.as_secs());
            ExitCode::FAILURE
        }
    }
}

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process. Has to be called on a tokio runtime.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let shutdown = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: stopping");
        notify(&[NotifyState::Stopping]);
        token.cancel();
        // `timeout` and some supervisors send one signal twice, to the process and to its group.
        let first = Instant::now();
        while first.elapsed() < SAME_SIGNAL {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        tracing::warn!("second signal: giving up what was accepted");
        std::process::exit(EXIT_IMPATIENT);
    });
    Ok(shutdown)
}

/// Tells systemd that the service is up. To be called once it is bound, its schema is checked and it had its first look
/// at the store. The status is what `systemctl status` shows.
pub fn notify_ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Waits until every check passes, and then calls [`notify_ready`]. Until then the reason is a log line when it changes,
/// and what `systemctl status` shows. Serving does not wait for it: a service that lacks something answers that it does.
pub async fn notify_when_ready(readiness: Readiness, shutdown: CancellationToken) {
    let mut told = String::new();
    loop {
        let report = readiness.report().await;
        if report.is_ready() {
            tracing::info!("ready");
            return notify_ready("ready");
        }
        let missing = report.to_string().trim_end().replace('\n', "; ");
        if missing != told {
            tracing::warn!("not ready: {missing}");
            notify_status(&missing);
            told = missing;
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(READY_INTERVAL) => {}
        }
    }
}

/// Tells `systemctl status` what goes on.
pub fn notify_status(status: &str) {
    notify(&[NotifyState::Status(status)]);
}

/// Tells systemd twice an interval that the runtime still turns, if the unit asks for it.
fn watchdog() {
    let Some(interval) = sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero()) else { return };
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval / 2);
        loop {
            ticks.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    });
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot notify systemd: {error}");
    }
}

#[expect(clippy::print_stderr, reason = "there is no log yet")]
fn last_words(service: &str, error: &dyn std::error::Error) {
    eprintln!("{service}: {error}");
}
