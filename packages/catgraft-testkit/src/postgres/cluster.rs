//! A Postgres cluster of our own, in a temporary folder.
//!
//! Postgres refuses to run as root, so for root it runs as the user `postgres`. A shell watches a pipe that only
//! this process holds open: when the process ends, by whatever signal, the pipe breaks and the shell ends the cluster.

use std::{
    env,
    fs::{self, File},
    io::Write,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::TestDatabase;

/// Where the small disk is in the folder.
const SMALL_DISK: &str = "small";

/// How long a server may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the server ($0) when it is told to. When instead its stdin is closed, we are gone: then it removes the folder
/// ($1), too.
const WATCHDOG: &str = r#"
    if read -r _; then told=yes; fi
    kill -QUIT "$0"
    [ "${told-}" ] && exit
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$0" || break; sleep 0.2; done
    rm -rf "$1"
"#;

/// A cluster that can be killed and started again.
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    user: Option<(u32, u32)>,
    /// Size of the small disk in MiB, where it has one.
    small_disk: Option<u32>,
    server: Mutex<Option<Server>>,
}

struct Server {
    postgres: Child,
    /// Ends the server when its stdin, which we hold, is closed.
    watchdog: Child,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        let cluster = Self::empty();
        cluster.initialise();
        cluster
    }

    /// The same with a tablespace `small` on a disk of so many MiB. None where this system lets nobody mount one.
    pub async fn start_with_small_disk(mebibytes: u32) -> Option<Self> {
        let mut cluster = Self::empty();
        cluster.small_disk = Some(mebibytes);
        fs::create_dir(cluster.small_disk_folder()).expect("a folder can be made in the folder");
        let mut mount = cluster.server(Path::new("true"));
        if !mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return None;
        }
        cluster.initialise();
        let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", cluster.small_disk_folder().display());
        super::run(&cluster.url(), &tablespace).await.expect("a superuser may make a tablespace");
        Some(cluster)
    }

    fn initialise(&self) {
        self.run(
            self.command("initdb")
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
                .arg(self.data()),
        );
        self.restart();
    }

    /// A standby of this cluster, which follows it until it is promoted, and which it waits for with each commit.
    pub async fn standby(&self) -> Self {
        let standby = Self::empty();
        standby.run(
            standby
                .command("pg_basebackup")
                .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--wal-method=stream"])
                .args(["--username=postgres", "--host"])
                .arg(self.folder())
                .arg("--pgdata")
                .arg(standby.data()),
        );
        standby.restart();
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            super::run(&self.url(), statement).await.expect("a superuser may say who is waited for");
        }
        standby
    }

    /// Has a standby hear nothing more from its primary.
    pub async fn cut_off(&self) {
        for statement in ["ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"] {
            super::run(&self.url(), statement).await.expect("a superuser may say whom a standby follows");
        }
    }

    /// Makes a standby the server that writes.
    pub async fn promote(&self) {
        super::run(&self.url(), "SELECT pg_promote()").await.expect("a standby can be promoted");
    }

    fn empty() -> Self {
        Self { programs: programs(), folder: folder(), user: other_user(), small_disk: None, server: Mutex::new(None) }
    }

    fn run(&self, command: &mut Command) {
        let output = command.stdin(Stdio::null()).output();
        let output =
            output.unwrap_or_else(|error| panic!("running {command:?} in {}: {error}", self.programs.display()));
        assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A new, empty database.
    pub async fn database(&self) -> TestDatabase {
        TestDatabase::create(&self.url()).await
    }

    /// Ends the server at once, as a crash would: connections break and nothing is finished.
    pub fn kill(&self) {
        let server = self.server.lock().expect("nobody panics while holding it").take();
        if let Some(mut server) = server {
            let mut pipe = server.watchdog.stdin.take().expect("it was made with one, and is taken only here");
            pipe.write_all(b"end\n").expect("the watchdog reads until it is told to end");
            server.watchdog.wait().expect("the watchdog can be waited for");
            server.postgres.wait().expect("the server can be waited for");
        }
    }

    /// Starts the server again, and returns when it takes connections.
    pub fn restart(&self) {
        self.kill();
        let log = File::create(self.folder.path().join("log")).expect("a log can be made in the folder");
        let mut postgres = self
            .server(&self.programs.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server can be started");
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .arg(postgres.id().to_string())
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        self.wait_until_up(&mut postgres);
        *self.server.lock().expect("nobody panics while holding it") = Some(Server { postgres, watchdog });
    }

    /// Where its superuser connects to.
    pub fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.path().display())
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn small_disk_folder(&self) -> PathBuf {
        self.folder.path().join(SMALL_DISK)
    }

    /// Runs the server, or whatever is to see what it would see. A small disk is a tmpfs in a namespace of the server's
    /// own, for which nobody needs to be root; Postgres must not be.
    fn server(&self, program: &Path) -> Command {
        let Some(mebibytes) = self.small_disk else { return self.as_user(program) };
        let mut command = Command::new("unshare");
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        let mut mount = |namespaces: &[&str], options: &str| {
            let mount =
                format!("mount -t tmpfs -o size={mebibytes}m,mode=700{options} none \"$1\" && shift && exec \"$@\"");
            command.args(namespaces).args(["sh", "-c", &mount, "sh"]).arg(self.small_disk_folder());
        };
        match self.user {
            Some((user, group)) => {
                mount(&["--mount"], &format!(",uid={user},gid={group}"));
                command.args(["setpriv", "--clear-groups", &format!("--reuid={user}"), &format!("--regid={group}")]);
            }
            None => {
                mount(&["--user", "--map-root-user", "--mount"], "");
                let we = fs::metadata("/proc/self").expect("Linux tells who we are");
                command.args([
                    "unshare",
                    "--user",
                    &format!("--map-user={}", we.uid()),
                    &format!("--map-group={}", we.gid()),
                ]);
            }
        }
        command.arg(program);
        command
    }

    fn command(&self, program: &str) -> Command {
        self.as_user(&self.programs.join(program))
    }

    fn as_user(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// The server writes its state into the last line of its lock file.
    fn wait_until_up(&self, postgres: &mut Child) {
        let began = Instant::now();
        let is_up = || {
            let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = lock.lines();
            lines.next() == Some(postgres.id().to_string().as_str())
                && lines.any(|line| matches!(line.trim(), "ready" | "standby"))
        };
        while !is_up() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let ended = Path::new("/proc").join(postgres.id().to_string()).metadata().is_err();
            assert!(!ended && began.elapsed() < PATIENCE, "Postgres does not start: {}", log());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The folder that holds both programs that are needed.
fn programs() -> PathBuf {
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = debian.into_iter().rev().chain(env::split_paths(&path).collect::<Vec<_>>());
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).exists()))
        .unwrap_or_else(|| {
            panic!(
                "these tests need Postgres: install it (Debian: apt-get install postgresql), or name a running one \
                 with {}=postgres://…",
                super::VARIABLE
            )
        })
}

/// A folder that the server's user can use.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("catgraft-pg-").tempdir().expect("a temporary folder can be made");
    if let Some((user, group)) = other_user() {
        std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
    }
    folder
}

/// Who is to run the server instead of root: user and group. None where we are not root.
fn other_user() -> Option<(u32, u32)> {
    let we = fs::metadata("/proc/self").expect("Linux tells who we are").uid();
    if we != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let ids = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            ["postgres", _, user, group, ..] => Some((user.parse().ok()?, group.parse().ok()?)),
            _ => None,
        }
    });
    Some(ids.expect("Postgres refuses to run as root, and there is no user postgres (Debian's package makes one)"))
}
