//! The table of a service's settings, and the names that a key has in each layer.

/// What kind of value a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text; in the file also a bare number (`space_limit = 4096`).
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A text that is never printed, with a twin `…_file` and without a flag.
    Secret,
}

/// One setting. Built in a `static` table: `Setting::text("cache.path", "…", "…").default("cache")`.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Where it stands in the file: `port`, `cache.space_limit`.
    pub key: &'static str,
    /// What it is, in one sentence without a full stop.
    pub help: &'static str,
    /// What may be given, to follow "it must be": `a size such as 1 GB`.
    pub allowed: &'static str,
    /// What holds if nothing is given, as one would write it in an environment variable.
    pub default: Option<&'static str>,
    /// What kind of value it has.
    pub kind: Kind,
}

impl Setting {
    const fn new(kind: Kind, key: &'static str, help: &'static str, allowed: &'static str) -> Self {
        Self { key, help, allowed, default: None, kind }
    }

    /// A setting that is a text.
    pub const fn text(key: &'static str, help: &'static str, allowed: &'static str) -> Self {
        Self::new(Kind::Text, key, help, allowed)
    }

    /// A setting that is a whole number. The range is the field's type to check.
    pub const fn integer(key: &'static str, help: &'static str, allowed: &'static str) -> Self {
        Self::new(Kind::Integer, key, help, allowed)
    }

    /// A setting that is true or false.
    pub const fn boolean(key: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Boolean, key, help, "true or false")
    }

    /// A setting that is secret. Its field is an `Option<Secret>` or a `Secret`.
    pub const fn secret(key: &'static str, help: &'static str, allowed: &'static str) -> Self {
        Self::new(Kind::Secret, key, help, allowed)
    }

    /// The port to listen on.
    pub const fn port(default: &'static str) -> Self {
        Self::integer("port", "Port to listen on, 0 for any free one", "a port number from 0 to 65535").default(default)
    }

    /// The same setting with a default.
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Is its value never printed?
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}

/// What every service has, besides its port.
pub const COMMON: &[Setting] = &[
    Setting::text("host", "Address to listen on", "an IP address").default("0.0.0.0"),
    Setting::text(
        "log.level",
        "What is logged",
        "a level (error, warn, info, debug, trace) or directives such as info,metastore=debug",
    )
    .default("info"),
    Setting::text("log.format", "How it is logged", "auto, console, json or journald").default("auto"),
    Setting::secret(
        "auth.key",
        "Key of the tokens that every call needs; without it, no call needs one",
        "64 hex digits",
    ),
];

/// What clients may take of a server: both services have it.
pub const HTTP: &[Setting] = crate::http::SETTINGS;

/// The object store, which the pagestore needs and the metastore takes without a look: operators of Graft have one
/// `[objectstore]` table for both.
pub const OBJECTSTORE: &[Setting] = &[
    Setting::text("objectstore.type", "Where segments are stored", "memory, fs or s3_compatible").default("memory"),
    Setting::text("objectstore.root", "Folder of the objects, for type fs", "a path"),
    Setting::text("objectstore.bucket", "Name of the bucket, for type s3_compatible", "a bucket's name"),
    Setting::text("objectstore.prefix", "What every key in the bucket begins with", "a text"),
    Setting::text("objectstore.endpoint", "Address of the S3 server, where it is not Amazon's", "a URL"),
    Setting::text("objectstore.region", "Region of the bucket", "a region's name"),
    Setting::boolean("objectstore.path_style", "Is the bucket named in the path instead of the host name?"),
    Setting::boolean(
        "objectstore.instance_credentials",
        "Is the machine's metadata service asked for credentials where none are set (true without an endpoint)",
    ),
    Setting::text("objectstore.connect_timeout", "Longest wait for a connection (3s)", "a time such as 3s"),
    Setting::text(
        "objectstore.stall_timeout",
        "Longest wait for an answer to begin, and for each 64 KiB to move (10s)",
        "a time such as 10s",
    ),
    Setting::integer(
        "objectstore.hedge_percent",
        "Most reads in a hundred that are sent again because their answer is late (5)",
        "a number from 0 to 100",
    ),
];

/// A service and its settings.
#[derive(Debug, Clone, Copy)]
pub struct ServiceSpec {
    /// Name of the program; its capitals are the prefix of its environment variables.
    pub name: &'static str,
    /// What it is, for `--help`.
    pub about: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its settings, in the order of `--help`: usually [`COMMON`] and its own.
    pub settings: &'static [&'static [Setting]],
}

/// One name that can be given: a setting, or the file twin of a secret one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) setting: &'static Setting,
    pub(super) is_file_twin: bool,
}

impl Entry {
    /// `auth.key` or `auth.key_file`.
    pub(super) fn key(&self) -> String {
        let suffix = if self.is_file_twin { "_file" } else { "" };
        format!("{}{suffix}", self.setting.key)
    }

    /// `--cache-space-limit`, without the dashes in front. None for a secret.
    pub(super) fn flag(&self) -> Option<String> {
        let has_flag = self.is_file_twin || !self.setting.is_secret();
        has_flag.then(|| self.key().replace(['.', '_'], "-"))
    }

    /// `PAGESTORE_CACHE__SPACE_LIMIT`.
    pub(super) fn variable(&self, spec: &ServiceSpec) -> String {
        format!("{}{}", spec.prefix(), self.key().replace('.', "__").to_uppercase())
    }

    /// What may be given here.
    pub(super) fn allowed(&self) -> &'static str {
        if self.is_file_twin { "the path of a readable file" } else { self.setting.allowed }
    }

    pub(super) fn kind(&self) -> Kind {
        if self.is_file_twin { Kind::Text } else { self.setting.kind }
    }

    /// May its value be printed?
    pub(super) fn is_secret(&self) -> bool {
        self.kind() == Kind::Secret
    }
}

impl ServiceSpec {
    /// Every setting, in order.
    pub fn settings(&self) -> impl Iterator<Item = &'static Setting> {
        self.settings.iter().flat_map(|group| group.iter())
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.settings().flat_map(|setting| {
            let own = Entry { setting, is_file_twin: false };
            let twin = setting.is_secret().then_some(Entry { setting, is_file_twin: true });
            std::iter::once(own).chain(twin)
        })
    }

    pub(super) fn entry(&self, key: &str) -> Option<Entry> {
        self.entries().find(|entry| entry.key() == key)
    }

    /// `PAGESTORE_`.
    pub(super) fn prefix(&self) -> String {
        format!("{}_", self.name.to_uppercase())
    }

    /// `PAGESTORE_CONFIG`.
    pub(super) fn file_variable(&self) -> String {
        format!("{}CONFIG", self.prefix())
    }

    /// `pagestore.toml`.
    pub(super) fn file_name(&self) -> String {
        format!("{}.toml", self.name)
    }
}
