//! Tests of the settings: every layer, and every refusal as the exact line that a user reads.

mod secrets;

use std::{fs, path::Path};

use catgraft_core::ByteSize;
use serde::Deserialize;

use super::*;
use crate::logging::{LogConfig, LogFormat};

static SPEC: ServiceSpec = ServiceSpec {
    name: "pagestore",
    about: "Stores pages.",
    version: "1.2.3",
    settings: &[
        COMMON,
        &[
            Setting::port("3000"),
            Setting::text("metastore", "Where the metastore is", "a URL"),
            Setting::secret("token", "Token for the metastore", "a token"),
            Setting::text("cache.space_limit", "Most bytes on disk", "a size such as 1 GB").default("1 GB"),
            Setting::text("cache.path", "Folder of the cache", "a path"),
            Setting::boolean("cache.sync", "Sync the cache").default("false"),
        ],
    ],
};

#[derive(Debug, Deserialize)]
struct Raw {
    host: String,
    port: u16,
    metastore: String,
    token: Option<Secret>,
    log: LogConfig,
    auth: AuthConfig,
    cache: Cache,
}

#[derive(Debug, Deserialize)]
struct Cache {
    #[serde(deserialize_with = "from_text")]
    space_limit: ByteSize,
    path: Option<String>,
    sync: bool,
}

/// Surroundings in a fresh folder, with the one setting that must be given.
struct Case {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Case {
    fn bare() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), arguments: vec!["pagestore".into()], environment: Vec::new() }
    }

    fn new() -> Self {
        Self::bare().variable("PAGESTORE_METASTORE", "http://m")
    }

    fn flag(mut self, text: &str) -> Self {
        self.arguments.push(text.into());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self) -> Result<Start<Raw>, SettingsError> {
        let surroundings = Surroundings {
            arguments: self.arguments.iter().map(Into::into).collect(),
            environment: self.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            directory: self.path().to_owned(),
        };
        load(&SPEC, &surroundings, Ok)
    }

    fn run(&self) -> Raw {
        match self.start().unwrap() {
            Start::Run(raw) => raw,
            Start::Print(text) => panic!("printed {text}"),
        }
    }

    fn print(&self) -> String {
        match self.start().unwrap() {
            Start::Run(raw) => panic!("runs with {raw:?}"),
            Start::Print(text) => text,
        }
    }

    fn refusal(&self) -> String {
        let line = self.start().unwrap_err().to_string();
        assert!(!line.contains('\n'), "more than a line: {line}");
        line
    }
}

#[test]
fn defaults_come_from_the_table() {
    let raw = Case::new().run();
    assert_eq!(raw.host, "0.0.0.0");
    assert_eq!(raw.port, 3000);
    assert_eq!(raw.cache.space_limit, "1 GB".parse().unwrap());
    assert_eq!(raw.cache.path, None);
    assert!(!raw.cache.sync);
    assert_eq!(raw.log, LogConfig::default());
    assert_eq!((raw.token, raw.auth.key), (None, None));
}

#[test]
fn each_layer_wins_over_the_ones_before_it() {
    let file = "port = 1\nhost = \"1.1.1.1\"\n[cache]\nspace_limit = 4096\nsync = true\n[log]\nformat = \"json\"\n";
    let case = Case::new().file("pagestore.toml", file);
    let raw = case.run();
    assert_eq!((raw.port, raw.host.as_str()), (1, "1.1.1.1"));
    assert_eq!((raw.cache.space_limit, raw.cache.sync), (ByteSize::from_bytes(4096), true));
    assert_eq!(raw.log.format, LogFormat::Json);

    let case = case.variable("PAGESTORE_PORT", "2").variable("PAGESTORE_CACHE__SPACE_LIMIT", "1 MB");
    let raw = case.run();
    assert_eq!((raw.port, raw.cache.space_limit), (2, ByteSize::from_bytes(1_000_000)));

    let raw = case.flag("--port=3").flag("--cache-space-limit").flag("2 MB").run();
    assert_eq!((raw.port, raw.host.as_str()), (3, "1.1.1.1"));
    assert_eq!(raw.cache.space_limit, ByteSize::from_bytes(2_000_000));
}

#[test]
fn a_text_that_looks_like_a_number_stays_as_it_is() {
    let raw = Case::new().variable("PAGESTORE_CACHE__PATH", "0010").run();
    assert_eq!(raw.cache.path.as_deref(), Some("0010"));
}

#[test]
fn the_file_is_named_by_flag_or_else_by_variable_or_else_by_its_place() {
    let case =
        Case::new().file("pagestore.toml", "port = 1").file("two.toml", "port = 2").file("three.toml", "port = 3");
    assert_eq!(case.run().port, 1);
    let case = case.variable("PAGESTORE_CONFIG", "two.toml");
    assert_eq!(case.run().port, 2);
    assert_eq!(case.flag("--config").flag("three.toml").run().port, 3);
}

#[test]
fn a_file_that_is_named_must_be_readable() {
    let case = Case::new().flag("--config").flag("none.toml");
    assert_eq!(case.refusal(), "cannot read none.toml, named by flag --config: No such file or directory (os error 2)");
    let case = Case::new().variable("PAGESTORE_CONFIG", "none.toml");
    assert_eq!(
        case.refusal(),
        "cannot read none.toml, named by environment variable PAGESTORE_CONFIG: No such file or directory (os error 2)"
    );
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let line = Case::new().file("pagestore.toml", "port = 1\nhost =\n").refusal();
    assert!(line.starts_with("pagestore.toml, line 2: not TOML: "), "{line}");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let line = Case::new().file("pagestore.toml", "[cache]\nspace_limt = 1").refusal();
    assert_eq!(line, "pagestore.toml sets \"cache.space_limt\", which does not exist; did you mean cache.space_limit?");
    let line = Case::new().file("pagestore.toml", "[zzz]\nqqq = 1").refusal();
    assert_eq!(
        line,
        "pagestore.toml sets \"zzz\", which does not exist; there are host, log.level, log.format, auth.key, \
         auth.key_file, port, metastore, token, token_file, cache.space_limit, cache.path, cache.sync"
    );
    let line = Case::new().file("pagestore.toml", "cache = 1").refusal();
    assert!(line.starts_with("pagestore.toml sets \"cache\", which does not exist; "), "{line}");
}

#[test]
fn an_unknown_variable_with_our_prefix_is_refused_and_others_are_not_ours() {
    let line = Case::new().variable("PAGESTORE_CACHE__SPACELIMIT", "1").refusal();
    assert_eq!(
        line,
        "environment variable PAGESTORE_CACHE__SPACELIMIT belongs to no setting; did you mean \
         PAGESTORE_CACHE__SPACE_LIMIT?"
    );
    assert_eq!(Case::new().variable("PAGESTORES_PORT", "1").variable("METASTORE_PORT", "x").run().port, 3000);
}

#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let surroundings = Surroundings {
        arguments: vec!["pagestore".into()],
        environment: vec![("PAGESTORE_HOST".into(), OsString::from_vec(vec![0xff]))],
        directory: tempfile::tempdir().unwrap().path().to_owned(),
    };
    let error = load(&SPEC, &surroundings, Ok::<Raw, _>).unwrap_err();
    assert_eq!(error.to_string(), "environment variable PAGESTORE_HOST is not UTF-8 text");
}

#[test]
fn a_bad_value_is_refused_with_its_place_and_what_is_allowed() {
    let must = "is not allowed: it must be a port number from 0 to 65535";
    let port = |case: Case| case.refusal();
    assert_eq!(
        port(Case::new().variable("PAGESTORE_PORT", "abc")),
        format!("port = \"abc\" in environment variable PAGESTORE_PORT {must}")
    );
    assert_eq!(
        port(Case::new().variable("PAGESTORE_PORT", "70000")),
        format!("port = \"70000\" in environment variable PAGESTORE_PORT {must}")
    );
    assert_eq!(
        port(Case::new().file("pagestore.toml", "port = 1.5")),
        format!("port = \"1.5\" in pagestore.toml {must}")
    );
    assert_eq!(
        port(Case::new().file("pagestore.toml", "port = true")),
        format!("port = \"true\" in pagestore.toml {must}")
    );
    assert_eq!(port(Case::new().flag("--port=-1")), format!("port = \"-1\" in flag --port {must}"));
}

#[test]
fn a_bad_value_of_a_section_is_refused_with_its_whole_key() {
    let line = Case::new().flag("--cache-space-limit").flag("lots").refusal();
    assert_eq!(
        line,
        "cache.space_limit = \"lots\" in flag --cache-space-limit is not allowed: it must be a size such as 1 GB"
    );
    let line = Case::new().variable("PAGESTORE_CACHE__SYNC", "perhaps").refusal();
    assert_eq!(
        line,
        "cache.sync = \"perhaps\" in environment variable PAGESTORE_CACHE__SYNC is not allowed: it must be true or false"
    );
    let line = Case::new().file("pagestore.toml", "[log]\nformat = \"xml\"").refusal();
    assert_eq!(
        line,
        "log.format = \"xml\" in pagestore.toml is not allowed: it must be auto, console, json or journald"
    );
    let line = Case::new().flag("--log-level=a=b=c").refusal();
    assert!(line.starts_with("log.level = \"a=b=c\" in flag --log-level is not allowed: it must be a level"), "{line}");
}

#[test]
fn a_setting_without_default_that_is_not_given_is_named_with_all_its_places() {
    assert_eq!(
        Case::bare().refusal(),
        "metastore is not set: it must be a URL; set it as metastore in pagestore.toml, PAGESTORE_METASTORE or \
         --metastore"
    );
}

#[test]
fn a_flag_that_does_not_exist_is_refused_with_the_nearest_one() {
    assert_eq!(
        Case::new().flag("--prot=1").refusal(),
        "unexpected argument '--prot' found; did you mean --port?; --help lists every flag"
    );
    assert_eq!(Case::new().flag("stray").refusal(), "unexpected argument 'stray' found; --help lists every flag");
}

#[test]
fn checking_refuses_what_starting_refuses() {
    let line = Case::new().variable("PAGESTORE_PORT", "abc").flag("--check-config").refusal();
    assert!(line.starts_with("port = "), "{line}");
}

#[test]
fn help_shows_the_variable_and_the_default_of_every_setting() {
    let text = Case::bare().flag("--help").print();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "--cache-space-limit <VALUE> Most bytes on disk: a size such as 1 GB [env: PAGESTORE_CACHE__SPACE_LIMIT] \
         [default: 1 GB]",
        "--port <VALUE>",
        "[env: PAGESTORE_PORT] [default: 3000]",
        "--auth-key-file <VALUE> File that holds the secret auth.key: the path of a readable file \
         [env: PAGESTORE_AUTH__KEY_FILE]",
        "PAGESTORE_AUTH__KEY: Key of the tokens",
        "[env: PAGESTORE_CONFIG]",
    ] {
        assert!(words.contains(part), "{part:?} is not in {words}");
    }
    assert_eq!(Case::bare().flag("--version").print(), "pagestore 1.2.3\n");
}

#[test]
fn a_program_starts_a_service_with_defaults_and_its_own_values() {
    let raw: Raw = with_defaults(&SPEC, &[("metastore", "http://m"), ("port", "0")], Ok).unwrap();
    assert_eq!((raw.port, raw.metastore.as_str()), (0, "http://m"));
    let error = with_defaults(&SPEC, &[("prot", "0")], Ok::<Raw, _>).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the program that started it sets \"prot\", which does not exist; did you mean port?"
    );
}

#[test]
fn the_table_of_the_readme_names_keys_variables_and_defaults() {
    let text = SPEC.markdown();
    assert!(text.contains(
        "| `cache.space_limit` | `PAGESTORE_CACHE__SPACE_LIMIT` | `1 GB` | Most bytes on disk: a size such as 1 GB |\n"
    ));
    assert!(
        text.contains(
            "| `token` | `PAGESTORE_TOKEN` |  | Token for the metastore: a token; secret, or `token_file` |\n"
        )
    );
}
