//! The life of a daemon, from outside: what systemd hears, what signals do, and how it ends.
//!
//! The daemon is this test binary again, started with [`ROLE`] set, which makes the one test of this file play it.

use std::{
    env, io,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use catgraft_service::{lifecycle, logging::LogConfig};
use tokio::net::UnixDatagram;

const ROLE: &str = "CATGRAFT_TEST_DAEMON";

/// Plays the daemon: `gentle` stops when told, `stuck` never does, `failing` does not get far.
fn play(role: &str) -> ! {
    let code = lifecycle::run("played", &LogConfig::default(), |shutdown| async move {
        if role == "failing" {
            return Err(io::Error::other("it cannot start"));
        }
        lifecycle::notify_ready("playing");
        shutdown.cancelled().await;
        if role == "stuck" {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    std::process::exit(if code == ExitCode::SUCCESS { 0 } else { 1 })
}

struct Daemon {
    child: Child,
    systemd: UnixDatagram,
    _folder: tempfile::TempDir,
}

impl Daemon {
    fn start(role: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&socket).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "daemon::a_daemon_tells_systemd_and_obeys_signals", "--nocapture"])
            .env(ROLE, role)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "50000")
            .env_remove("WATCHDOG_PID")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, systemd, _folder: folder }
    }

    /// Waits until systemd hears this.
    async fn hear(&self, line: &str) {
        let mut message = [0; 1000];
        loop {
            let len = self.systemd.recv(&mut message).await.unwrap();
            if std::str::from_utf8(&message[..len]).unwrap().lines().any(|heard| heard == line) {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end; its exit code and what it logged.
    fn end(self) -> (Option<i32>, String) {
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), None);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

#[tokio::test]
async fn a_daemon_tells_systemd_and_obeys_signals() {
    if let Ok(role) = env::var(ROLE) {
        std::thread::spawn(move || play(&role)).join().unwrap();
    }
    for signal in ["-TERM", "-INT"] {
        let daemon = Daemon::start("gentle");
        daemon.hear("READY=1").await;
        daemon.hear("WATCHDOG=1").await;
        daemon.signal(signal);
        daemon.hear("STOPPING=1").await;
        let (code, log) = daemon.end();
        assert_eq!(code, Some(0), "{log}");
    }

    let mut daemon = Daemon::start("stuck");
    daemon.hear("READY=1").await;
    daemon.signal("-TERM");
    daemon.hear("STOPPING=1").await;
    // At once, it is the same signal twice; later, it is somebody who does not want to wait.
    while daemon.lives() {
        daemon.signal("-TERM");
        // Its signs of life are heard meanwhile, as systemd does; once it is dead, none comes.
        let _ = tokio::time::timeout(Duration::from_millis(200), daemon.hear("WATCHDOG=1")).await;
    }
    let (code, log) = daemon.end();
    assert_eq!(code, Some(130), "{log}");

    let (code, log) = Daemon::start("failing").end();
    assert_eq!(code, Some(1));
    assert!(log.contains("stopped by an error: it cannot start"), "{log}");
}
