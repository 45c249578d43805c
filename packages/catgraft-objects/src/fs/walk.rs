//! Listing: walks the folders in the order of keys and skips what lies before the start.

use std::{
    fs::{self, DirEntry},
    path::Path,
};

use super::{StepError, failed, folder::Folder};
use crate::{
    key::{KeyPrefix, ObjectKey},
    store::ObjectMeta,
};

/// At most `limit` objects under the prefix, ascending, from the first key past `after` on.
pub(super) fn list(
    folder: &Folder,
    prefix: KeyPrefix,
    after: Option<&ObjectKey>,
    limit: usize,
) -> Result<Vec<ObjectMeta>, StepError> {
    fs::metadata(folder.root()).map_err(failed("look at", folder.root()))?;
    let mut walk =
        Walk { prefix: prefix.as_str(), after: after.map_or("", ObjectKey::as_str), limit, found: Vec::new() };
    walk.visit(folder.root(), "")?;
    Ok(walk.found)
}

struct Walk<'a> {
    prefix: &'a str,
    /// Empty where the listing begins at the beginning: every key sorts after it.
    after: &'a str,
    limit: usize,
    found: Vec<ObjectMeta>,
}

impl Walk<'_> {
    /// Visits a folder whose keys all begin with `text`, which is empty or ends with `/`.
    fn visit(&mut self, path: &Path, text: &str) -> Result<(), StepError> {
        for name in self.sorted_names(path, text)? {
            if self.found.len() >= self.limit {
                break;
            }
            let path = path.join(&name);
            if name.ends_with('/') {
                self.visit(&path, &format!("{text}{name}"))?;
                continue;
            }
            let Some(key) = ObjectKey::parse(&format!("{text}{name}")) else { continue };
            match fs::metadata(&path).map_err(failed("look at", &path)) {
                Ok(metadata) => self.found.push(ObjectMeta { key, len: metadata.len() }),
                Err(error) if error.is_not_found() => {} // deleted in this moment
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The names in a folder that may matter, in the order of their keys: a folder's name counts with the `/` after it.
    fn sorted_names(&self, path: &Path, text: &str) -> Result<Vec<String>, StepError> {
        let entries = match fs::read_dir(path).map_err(failed("list", path)) {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => return Ok(Vec::new()), // deleted in this moment
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("list", path))?;
            // Names that are not UTF-8 are not ours.
            let Some(name) = key_part(&entry).map_err(failed("look at", path))? else { continue };
            if self.matters(&format!("{text}{name}")) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// May the key with this text, or one below the folder with this text, belong to the answer?
    fn matters(&self, text: &str) -> bool {
        let is_folder = text.ends_with('/');
        let under_prefix = text.starts_with(self.prefix) || (is_folder && self.prefix.starts_with(text));
        let past_start = text > self.after || (is_folder && self.after.starts_with(text));
        under_prefix && past_start
    }
}

fn key_part(entry: &DirEntry) -> std::io::Result<Option<String>> {
    let Ok(mut name) = entry.file_name().into_string() else { return Ok(None) };
    if entry.file_type()?.is_dir() {
        name.push('/');
    }
    Ok(Some(name))
}
