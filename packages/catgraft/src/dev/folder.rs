//! The folder of `catgraft dev`: held by one process at a time, with a catalog, objects, and perhaps a key.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use catgraft_service::{
    Secret,
    token::{TokenKey, generate_key},
};

/// A folder that is this process's until the value is dropped.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and holds it against others of our kind.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder {shown}"))?;
        let lock = path.join("dev.lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock);
        let file = file.with_context(|| format!("cannot open {}", lock.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("{shown} is in use by another `catgraft dev`: stop it, or choose another folder with --dir")
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", lock.display())),
        }
    }

    /// The file of the catalog.
    pub(super) fn catalog(&self) -> PathBuf {
        self.path.join("catalog.sqlite")
    }

    /// The folder of the objects.
    pub(super) fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// The key of the tokens; made the first time, readable by its owner only.
    pub(super) fn auth_key(&self) -> Result<TokenKey> {
        let path = self.path.join("auth.key");
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => Secret::new(text.trim()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = generate_key();
                write_whole(&path, &key).with_context(|| format!("cannot write {shown}"))?;
                key
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
        };
        TokenKey::from_hex(&text).with_context(|| format!("{shown} holds no key"))
    }
}

/// A key in a file is whole or not there, whenever we are killed.
fn write_whole(path: &Path, key: &Secret) -> io::Result<()> {
    let draft = path.with_extension("key.new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", key.expose())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
