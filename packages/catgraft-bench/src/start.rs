//! How long a program takes from its start to the first 200 on `/ready`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Error, Figures, Outcome, Server,
    latency::{Latencies, nanos},
    result::Latency,
};

/// Between two looks at a port that nobody listens on yet. Nothing announces it, so it has to be looked at; so seldom that
/// looking does not slow the start down, and so often that it adds nothing to what is measured.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);
/// Longest that a program may take to be ready, or to end.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// The program and its arguments.
    pub program: Vec<OsString>,
    /// Where it will answer `/ready`.
    pub server: Server,
    /// How often it is started.
    pub runs: u32,
}

/// Starts a program several times, waits each time until it is ready, and stops it with SIGTERM.
pub fn start(options: &StartOptions) -> Result<Outcome, Error> {
    let Some((program, arguments)) = options.program.split_first() else {
        return Err(Error::Setting("no program is named that could be started".to_owned()));
    };
    let shown = program.to_string_lossy().into_owned();
    let mut latencies = Latencies::new();
    let begun = Instant::now();
    for _ in 0..options.runs {
        if TcpStream::connect(options.server.address()).is_ok() {
            let why = format!("somebody listens at {} already", options.server.url());
            return Err(Error::NotReady { program: shown, why });
        }
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().map_err(|source| Error::Spawn { program: shown.clone(), source })?;
        let mut running = Running { child, shown: &shown };
        running.wait_ready(&options.server, started)?;
        latencies.record(nanos(started.elapsed()));
        running.stop()?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let figures = Figures {
        seconds: (seconds * 1000.0).round() / 1000.0,
        requests: options.runs.into(),
        per_second: (f64::from(options.runs) / seconds * 10.0).round() / 10.0,
        latencies: vec![Latency {
            of: "ready".to_owned(),
            count: latencies.len(),
            percentiles: latencies.percentiles(),
        }],
        ..Figures::default()
    };
    let settings = BTreeMap::from([("program".to_owned(), json!(shown)), ("runs".to_owned(), json!(options.runs))]);
    Ok(Outcome { workload: "start".to_owned(), settings, figures })
}

/// A program that was started. It does not outlive this value.
struct Running<'a> {
    child: Child,
    shown: &'a str,
}

impl Running<'_> {
    fn wait_ready(&mut self, server: &Server, started: Instant) -> Result<(), Error> {
        while !is_ready(server) {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.not_ready(format!("it ended with {status}")));
            }
            if started.elapsed() > TIMEOUT {
                return Err(self.not_ready(format!("no 200 on {}/ready within {TIMEOUT:?}", server.url())));
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn stop(mut self) -> Result<(), Error> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        sent.map_err(|source| Error::Spawn { program: "kill".to_owned(), source })?;
        let asked = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if asked.elapsed() > TIMEOUT {
                return Err(self.not_ready(format!("it did not end within {TIMEOUT:?} of SIGTERM")));
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn not_ready(&self, why: String) -> Error {
        Error::NotReady { program: self.shown.to_owned(), why }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Fails where it has ended, as it should have.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One look: a connection, one request, the first line of the answer.
fn is_ready(server: &Server) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(server.address())?;
        stream.set_nodelay(true)?;
        stream.write_all(&server.get("/ready"))?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer == *b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
