//! Settings: one table a service, from which flags, environment variables, `--help`, the refusal of unknown keys,
//! `--check-config` and the README's table all come.
//!
//! Layers, each winning over the ones before it: defaults, file, environment, flags. The file is `<service>.toml` in the
//! working directory if there is one, or what `--config` or `<SERVICE>_CONFIG` names. Nothing is ignored: an
//! unknown key or variable with the service's prefix is an error. Arguments, environment and working directory are
//! parameters of [`load`], so that tests touch no process.
//!
//! A secret has no flag (command lines are public) and a `…_file` twin that names a file to read it from.

mod error;
mod flags;
mod layers;
mod print;
mod resolve;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use error::{Invalid, SettingsError, Source};
pub use table::{COMMON, HTTP, Kind, OBJECTSTORE, ServiceSpec, Setting};
pub use text::{from_text, from_text_option};

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{http::Auth, secret::Secret, token::TokenKey};
use layers::{Layer, Layers};

/// `[auth]` of both services.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct AuthConfig {
    /// The key of the tokens that are asked for. Without it, everybody may call everything.
    pub key: Option<Secret>,
}

impl AuthConfig {
    /// Who may call, by this configuration.
    pub fn build(&self) -> Result<Auth, Invalid> {
        match &self.key {
            None => Ok(Auth::Off),
            Some(key) => match TokenKey::from_hex(key) {
                Ok(key) => Ok(Auth::Required(Arc::new(key))),
                Err(error) => Err(Invalid::new("auth.key", error.to_string())),
            },
        }
    }
}

/// What a process is given by whoever started it.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Command line, with the program's name first.
    pub arguments: Vec<OsString>,
    /// Environment variables.
    pub environment: Vec<(OsString, OsString)>,
    /// Where relative paths begin, and where `<service>.toml` is looked for.
    pub directory: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            arguments: std::env::args_os().collect(),
            environment: std::env::vars_os().collect(),
            // Relative paths work the same without knowing the name of the directory.
            directory: PathBuf::new(),
        }
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_os_str())
    }
}

/// What a process was started for.
#[derive(Debug)]
pub enum Start<C> {
    /// To serve with this configuration.
    Run(C),
    /// To print this on stdout, and end well: help, version, or the effective configuration.
    Print(String),
}

/// Reads the settings of a service from everything around it. `convert` turns the struct that mirrors the table (`T`)
/// into the configuration that the service runs with, and refuses what cannot work; it also runs under
/// `--check-config`.
pub fn load<T, C>(
    spec: &ServiceSpec,
    surroundings: &Surroundings,
    convert: impl FnOnce(T) -> Result<C, Invalid>,
) -> Result<Start<C>, SettingsError>
where
    T: DeserializeOwned,
{
    let flags = match flags::parse(spec, &surroundings.arguments)? {
        flags::Parsed::Print(text) => return Ok(Start::Print(text)),
        flags::Parsed::Flags(flags) => flags,
    };
    let environment = Layer::from_environment(spec, &surroundings.environment)?;
    let file = layers::find_file(spec, surroundings, flags.file, environment.file)?;
    let file = file.map(|path| Layer::from_file(spec, &surroundings.directory, path)).transpose()?;
    let layers = [Some(Layer::defaults(spec)?), file, Some(environment.layer), Some(flags.layer)];
    let layers = Layers::new(spec, layers.into_iter().flatten().collect());
    let (raw, layers) = resolve::deserialize::<T>(spec, layers, surroundings)?;
    let config = convert(raw).map_err(|invalid| resolve::refusal(spec, &layers, invalid))?;
    if flags.check { Ok(Start::Print(print::effective(spec, &layers))) } else { Ok(Start::Run(config)) }
}

/// The settings of a service that is started by a program of ours (`catgraft dev`, tests): the defaults, and these keys
/// with these texts instead. Nothing around the process counts.
pub fn with_defaults<T, C>(
    spec: &ServiceSpec,
    given: &[(&str, &str)],
    convert: impl FnOnce(T) -> Result<C, Invalid>,
) -> Result<C, SettingsError>
where
    T: DeserializeOwned,
{
    let layers = Layers::new(spec, vec![Layer::defaults(spec)?, Layer::from_program(spec, given)?]);
    let (raw, layers) = resolve::deserialize::<T>(spec, layers, &Surroundings::default())?;
    convert(raw).map_err(|invalid| resolve::refusal(spec, &layers, invalid))
}

/// [`load`] for the `main` of a daemon: prints what is to be printed. `Err` is the code to end with: 0 after help,
/// version or `--check-config`, 2 after one line on stderr that says what is wrong.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line answers there")]
pub fn from_process<T, C>(spec: &ServiceSpec, convert: impl FnOnce(T) -> Result<C, Invalid>) -> Result<C, ExitCode>
where
    T: DeserializeOwned,
{
    match load(spec, &Surroundings::of_process(), convert) {
        Ok(Start::Run(config)) => Ok(config),
        Ok(Start::Print(text)) => {
            print!("{text}");
            Err(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{}: {error}", spec.name);
            Err(ExitCode::from(2))
        }
    }
}
