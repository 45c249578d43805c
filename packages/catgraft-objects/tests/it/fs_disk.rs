//! A disk that is full or read-only. Each test runs itself again in a process that has a small disk of its own: a
//! tmpfs in namespaces of its own, for which nobody needs to be root. Where the kernel allows none, that process has a limit on
//! the size of its files instead, or a folder that it may not write in.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use catgraft_objects::{
    Error, FsStore, KeyPrefix, ObjectStore, Payload,
    conformance::{content, key},
};

/// Where the small disk is, in the process that has one.
const DISK: &str = "CATGRAFT_TEST_DISK";
/// How big it is.
const DISK_KIB: usize = 256;

/// What keeps the process from writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disk {
    Tmpfs,
    /// No file may be longer than the disk is big.
    FileLimit,
}

const NAMESPACES: [&str; 3] = ["--user", "--map-root-user", "--mount"];

/// In a process with a small disk: that, and its folder. Otherwise runs the test in one, and there is nothing left to do.
fn small_disk(test: &str) -> Option<(Disk, PathBuf)> {
    if let Ok(folder) = env::var(DISK) {
        let is_tmpfs = fs::read_to_string("/proc/self/mounts").unwrap().contains(&format!("{folder} tmpfs"));
        return Some((if is_tmpfs { Disk::Tmpfs } else { Disk::FileLimit }, folder.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size={DISK_KIB}k none \"$1\"");
    let may_mount = Command::new("unshare")
        .args(NAMESPACES)
        .args(["sh", "-c", &mount, "sh"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut command = if may_mount {
        let mut command = Command::new("unshare");
        command.args(NAMESPACES).args(["sh", "-c", &format!("{mount} && shift && exec \"$@\""), "sh"]);
        command
    } else {
        let mut command = Command::new("sh");
        // Blocks of 512 bytes. A write beyond them is an error and no signal.
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; shift; exec \"$@\"", DISK_KIB * 2), "sh"]);
        command
    };
    let output = command
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(DISK, folder.path())
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    None
}

fn names_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "lock").collect()
}

async fn put(store: &FsStore, number: u32, kib: usize) -> Result<(), Error> {
    store.put(&key(number), Payload::from(content(number, kib * 1024))).await
}

fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, Error>, root: &Path) {
    match answer {
        Err(error @ Error::Unavailable { .. }) => {
            let source = std::error::Error::source(&error).unwrap();
            assert!(source.to_string().contains(root.to_str().unwrap()), "it names the file: {source}");
            assert!(source.source().is_some(), "and why: {source:?}");
        }
        other => panic!("the store is unavailable: {other:?}"),
    }
}

async fn listed(store: &FsStore) -> Vec<(catgraft_objects::ObjectKey, u64)> {
    let listed = store.list(KeyPrefix::ALL, None, 10).await.unwrap();
    listed.into_iter().map(|meta| (meta.key, meta.len)).collect()
}

#[tokio::test]
async fn on_a_full_disk_puts_fail_whole_reads_go_on_and_room_is_used_again() {
    let Some((disk, root)) = small_disk("fs_disk::on_a_full_disk_puts_fail_whole_reads_go_on_and_room_is_used_again")
    else {
        return;
    };
    let store = FsStore::open(&root).await.unwrap();
    put(&store, 1, 64).await.unwrap();
    for number in 2..5 {
        assert_unavailable(put(&store, number, 2 * DISK_KIB).await, &root);
    }
    assert_eq!(names_in(&root.join("staging")), [""; 0], "nothing half-written stays behind");
    assert_eq!(listed(&store).await, [(key(1), 64 * 1024)]);
    assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 64 * 1024));
    assert!(store.get(&key(2)).await.unwrap_err().is_not_found());
    put(&store, 2, 64).await.unwrap();
    store.probe().await.unwrap();
    if disk == Disk::Tmpfs {
        // To the last byte, by somebody else.
        let filler = root.join("filler");
        let mut zeros = fs::File::create(&filler).unwrap();
        std::io::copy(&mut std::io::repeat(0), &mut zeros).unwrap_err();
        assert_unavailable(store.probe().await, &root);
        assert_unavailable(put(&store, 3, 4).await, &root);
        assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 64 * 1024));
        fs::remove_file(&filler).unwrap();
    }
    store.delete(&key(1)).await.unwrap();
    put(&store, 3, 64).await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.get(&key(3)).await.unwrap(), content(3, 64 * 1024));
}

#[tokio::test]
async fn on_a_read_only_disk_puts_fail_and_reads_go_on() {
    let Some((disk, root)) = small_disk("fs_disk::on_a_read_only_disk_puts_fail_and_reads_go_on") else { return };
    let store = FsStore::open(&root).await.unwrap();
    put(&store, 1, 16).await.unwrap();
    let folders = [root.join("staging"), root.join("segments")];
    let mount = |arguments: &[&str], folder: &Path| {
        assert!(Command::new(arguments[0]).args(&arguments[1..]).arg(folder).status().unwrap().success());
    };
    let set_writable = |is_writable: bool| match disk {
        Disk::Tmpfs => folders.iter().for_each(|folder| {
            if is_writable {
                mount(&["umount"], folder);
            } else {
                // A mount of its own: one in which a file is open for writing stays as it is.
                mount(&["mount", "--bind", folder.to_str().unwrap()], folder);
                mount(&["mount", "-o", "remount,bind,ro"], folder);
            }
        }),
        // Root may write everywhere, so this process is somebody else, or the kernel allows it a disk.
        Disk::FileLimit => {
            let mode = if is_writable { 0o755 } else { 0o555 };
            folders.iter().for_each(|folder| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap());
        }
    };
    let refused = |answer: Result<(), Error>| match answer {
        Err(Error::Unavailable { .. }) if disk == Disk::Tmpfs => {}
        Err(Error::Denied { .. }) if disk == Disk::FileLimit => {}
        other => panic!("nothing can be written: {other:?}"),
    };
    set_writable(false);
    refused(put(&store, 2, 16).await);
    refused(store.probe().await);
    assert_eq!(listed(&store).await, [(key(1), 16 * 1024)]);
    assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 16 * 1024));
    let second = FsStore::open(&root).await;
    set_writable(true);
    if disk == Disk::Tmpfs {
        assert_unavailable(second, &root);
        assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 16 * 1024), "what was refused changed nothing");
    }
    put(&store, 2, 16).await.unwrap();
    store.delete(&key(1)).await.unwrap();
    assert_eq!(listed(&store).await, [(key(2), 16 * 1024)]);
}
