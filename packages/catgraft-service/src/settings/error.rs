//! What can be wrong with settings. Each Display is one line that names the key, where it came from and what is allowed.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The table.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// The flag of this name, without dashes.
    Flag(String),
    /// The program that started the service.
    Program,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("the defaults"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Environment(name) => write!(f, "environment variable {name}"),
            Source::Flag(name) => write!(f, "flag --{name}"),
            Source::Program => f.write_str("the program that started it"),
        }
    }
}

/// Settings that cannot work together, as found by a service's own conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub(super) key: String,
    pub(super) problem: String,
}

impl Invalid {
    /// What is wrong with the value of this key, or with its absence: `type s3_compatible needs a bucket`.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

/// Why a service cannot start with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A key that is not in the table.
    #[error("{place} sets {key:?}, which does not exist; {hint}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        place: Source,
        /// The nearest key that exists, or all of them.
        hint: String,
    },
    /// A variable with our prefix that belongs to no key.
    #[error("environment variable {name} belongs to no setting; {hint}")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The nearest variable that exists, or all of them.
        hint: String,
    },
    /// A variable with our prefix whose name or value is not UTF-8.
    #[error("environment variable {name} is not UTF-8 text")]
    NotText {
        /// The variable.
        name: String,
    },
    /// The command line cannot be read.
    #[error("{message}; --help lists every flag")]
    Flag {
        /// What is wrong, naming the flag.
        message: String,
    },
    /// A value that its key does not take.
    #[error("{key}{} in {place} is not allowed: it must be {allowed}", shown(value))]
    BadValue {
        /// The key.
        key: String,
        /// The value; none for a secret.
        value: Option<String>,
        /// Where it stands.
        place: Source,
        /// What would be allowed.
        allowed: &'static str,
    },
    /// A key that has no default and was not given.
    #[error("{key} is not set: it must be {allowed}; set it as {places}")]
    Missing {
        /// The key.
        key: String,
        /// What is allowed.
        allowed: &'static str,
        /// Its names in file, environment and flags.
        places: String,
    },
    /// Settings that do not work together.
    #[error("{key}{}: {problem}", in_place(place))]
    Refused {
        /// The key that would have to change.
        key: String,
        /// Where its value stands, if it has one.
        place: Option<Source>,
        /// What is wrong.
        problem: String,
    },
    /// A secret that is given twice, as itself and as a file.
    #[error("{key} in {place} and {key}_file in {file_place} are both set: only one of the two is allowed")]
    BothGiven {
        /// The key of the secret.
        key: String,
        /// Where the secret stands.
        place: Source,
        /// Where the name of its file stands.
        file_place: Source,
    },
    /// A file that is named and cannot be read.
    #[error("cannot read {}, named by {named_by}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The key, flag or variable that names it.
        named_by: String,
        /// What the system says.
        reason: io::Error,
    },
    /// A configuration file that is not TOML.
    #[error("{}, line {line}: not TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The table and the struct that mirrors it disagree: a bug of the service.
    #[error("the settings table is wrong: {0}")]
    Table(String),
}

impl SettingsError {
    pub(super) fn unreadable(path: &Path, named_by: impl fmt::Display, reason: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), named_by: named_by.to_string(), reason }
    }
}

fn shown(value: &Option<String>) -> String {
    value.as_ref().map(|value| format!(" = {value:?}")).unwrap_or_default()
}

fn in_place(place: &Option<Source>) -> String {
    place.as_ref().map(|place| format!(" in {place}")).unwrap_or_default()
}
