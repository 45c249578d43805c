//! The real daemons: what they refuse to start with, what they would run with, and how they end.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    os::unix::net::UnixDatagram,
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::kill::program;

fn run(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program(name));
    command.args(arguments).envs(environment.iter().copied()).current_dir(folder.path()).output().unwrap()
}

fn refused(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(name, arguments, environment);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
    text
}

#[test]
fn what_cannot_be_a_setting_ends_with_code_2_and_one_line() {
    for (name, prefix) in [("metastore", "METASTORE"), ("pagestore", "PAGESTORE")] {
        let typo = format!("{prefix}_PROT");
        let text = refused(name, &[], &[(&typo, "1")]);
        assert!(text.contains(&typo) && text.contains("_PORT?"), "{text}");
        let text = refused(name, &["--port", "70000"], &[]);
        assert!(text.contains("port") && text.contains("--port") && text.contains("65535"), "{text}");
        let text = refused(name, &["--config", "/nowhere.toml"], &[]);
        assert!(text.contains("/nowhere.toml"), "{text}");
        let key = "0123456789";
        let text = refused(name, &[], &[(&format!("{prefix}_AUTH__KEY"), key)]);
        assert!(text.contains("auth.key") && text.contains("64 hex digits") && !text.contains(key), "{text}");
    }
    let text = refused("metastore", &[], &[("METASTORE_CATALOG__PATH", "")]);
    assert!(text.contains("catalog.path"), "{text}");
    let text = refused("pagestore", &["--objectstore-type", "s3_compatible"], &[]);
    assert!(text.contains("bucket"), "{text}");
}

#[test]
fn check_config_prints_what_would_run_and_no_secret() {
    let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    for (name, prefix) in [("metastore", "METASTORE"), ("pagestore", "PAGESTORE")] {
        let output =
            run(name, &["--check-config"], &[(&format!("{prefix}_AUTH__KEY"), key), (&format!("{prefix}_PORT"), "7")]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("port = 7") && text.contains("key = \"[redacted]\""),
            "{text}"
        );
        assert!(!text.contains(key));
    }
}

/// A daemon that has begun to listen, in a folder that is gone with it.
struct Daemon {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    _folder: TempDir,
}

impl Daemon {
    fn start(name: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(program(name))
            .args(["--host", "127.0.0.1", "--port", "0"])
            .envs(environment.iter().copied())
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(log.any(|line| line.unwrap().contains("listens")), "{name} did not start");
        Self { child, log, _folder: folder }
    }

    /// Ends it with SIGTERM: did it end well, and what did it say?
    fn stop(mut self) -> (bool, Vec<String>) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let rest = self.log.map(Result::unwrap).collect();
        (self.child.wait().unwrap().success(), rest)
    }
}

#[test]
fn sigterm_ends_a_daemon_well() {
    for name in ["metastore", "pagestore"] {
        let (well, rest) = Daemon::start(name, &[]).stop();
        assert!(well, "{name} ended with {rest:?}");
    }
}

#[test]
fn a_metastore_without_tls_is_asked_without_any_certificates() {
    let nowhere = [("SSL_CERT_FILE", "/nowhere.pem"), ("SSL_CERT_DIR", "/nowhere")];
    Daemon::start("pagestore", &nowhere).stop();
}

#[test]
fn a_thread_of_the_allocator_gives_free_memory_back() {
    for name in ["metastore", "pagestore"] {
        let daemon = Daemon::start(name, &[]);
        let tasks = fs::read_dir(format!("/proc/{}/task", daemon.child.id())).unwrap();
        // One that has ended meanwhile has no name.
        let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
        let names: Vec<String> = names.collect();
        daemon.stop();
        assert!(names.iter().any(|task| task.trim() == "jemalloc_bg_thd"), "{name} has {names:?}");
    }
}

/// The states that a daemon sends to systemd, until it has sent one that begins like this.
fn hear(socket: &UnixDatagram, wanted: &str) {
    let mut message = [0; 4096];
    loop {
        let len = socket.recv(&mut message).unwrap_or_else(|error| panic!("{wanted} did not come: {error}"));
        let text = String::from_utf8_lossy(&message[..len]).into_owned();
        if text.lines().any(|line| line.starts_with(wanted)) {
            return;
        }
    }
}

#[test]
fn systemd_is_told_of_start_life_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut daemon = Command::new(program("metastore"))
        .args(["--host", "127.0.0.1", "--port", "0"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000")
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    hear(&socket, "READY=1");
    hear(&socket, "WATCHDOG=1");
    assert!(Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status().unwrap().success());
    hear(&socket, "STOPPING=1");
    assert!(daemon.wait().unwrap().success());
}
