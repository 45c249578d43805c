//! Logging: to the journal where systemd reads our stderr, otherwise to stderr for people or, as JSON, for programs.
//!
//! Fields are named the same everywhere (`volume_id`, `lsn`, `segment_id`, `request_id`), and in the journal without a
//! prefix, so that `journalctl VOLUME_ID=…` finds every line about a volume.

#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    io::IsTerminal,
    os::{fd::AsFd, unix::fs::MetadataExt},
    str::FromStr,
};

use serde::Deserialize;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};

/// What libraries may say without being asked; a directive of the user's for the same target wins.
const QUIET: &str = "actix_server=warn,aws_config=warn,aws_runtime=warn,aws_sdk_s3=warn,aws_smithy_runtime=warn,\
                     foyer=warn,h2=warn,hyper=warn,hyper_util=warn,mio=warn,reqwest=warn,rustls=warn,sqlx=warn";

/// `[log]` of both services.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogConfig {
    /// What is logged.
    #[serde(deserialize_with = "crate::settings::from_text")]
    pub level: LogLevel,
    /// How and where.
    #[serde(deserialize_with = "crate::settings::from_text")]
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: LogLevel("info".to_owned()), format: LogFormat::Auto }
    }
}

/// What is logged: a level, or directives a target such as `info,metastore::catalog=debug`. Valid by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel(String);

impl FromStr for LogLevel {
    type Err = UnknownLevel;
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        // The filter takes a lone word that is no level for a target, so that a slip of the pen would silence the rest.
        let is_meant = |part: &str| part.contains(['=', '[', '{', '}']) || part.trim().parse::<LevelFilter>().is_ok();
        if text.trim().is_empty() || !text.split(',').all(is_meant) {
            return Err(UnknownLevel);
        }
        EnvFilter::builder().parse(text).map(|_| Self(text.to_owned())).map_err(|_| UnknownLevel)
    }
}

/// The text is neither a level nor directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("log levels are error, warn, info, debug and trace, or directives such as info,metastore=debug")]
pub struct UnknownLevel;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// To the journal if systemd reads stderr, otherwise as [`LogFormat::Console`].
    Auto,
    /// Lines for people, on stderr.
    Console,
    /// One JSON object a line, on stderr.
    Json,
    /// To the journal, with fields.
    Journald,
}

impl FromStr for LogFormat {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "auto" => Ok(LogFormat::Auto),
            "console" => Ok(LogFormat::Console),
            "json" => Ok(LogFormat::Json),
            "journald" => Ok(LogFormat::Journald),
            _ => Err(UnknownFormat),
        }
    }
}

/// The text names no log format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("log formats are auto, console, json and journald")]
pub struct UnknownFormat;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal was asked for and does not answer.
    #[error("cannot log to journald")]
    Journal(#[source] io::Error),
    /// The process logs already.
    #[error("logging was begun already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Begins logging, once a process, under the name of the service. Panics are logged from here on, with their place and
/// within the span that they happened in.
pub fn init(service: &str, config: &LogConfig) -> Result<(), Error> {
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{}", config.level.0));
    let (output, journal_error) = output(service, config.format)?;
    tracing_subscriber::registry().with(output.with_filter(filter)).try_init()?;
    if let Some(error) = journal_error {
        tracing::warn!("logging to stderr: cannot log to journald: {error}");
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

type Output = Box<dyn Layer<Registry> + Send + Sync>;

/// Where lines go. With `auto`, a journal that does not answer is told of and done without.
fn output(service: &str, format: LogFormat) -> Result<(Output, Option<io::Error>), Error> {
    match format {
        LogFormat::Console => Ok((console(), None)),
        LogFormat::Json => Ok((tracing_subscriber::fmt::layer().json().with_writer(io::stderr).boxed(), None)),
        LogFormat::Journald => Ok((journal(service).map_err(Error::Journal)?, None)),
        LogFormat::Auto if stderr_is_journal() => match journal(service) {
            Ok(journal) => Ok((journal, None)),
            Err(error) => Ok((console(), Some(error))),
        },
        LogFormat::Auto => Ok((console(), None)),
    }
}

fn console() -> Output {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colours).boxed()
}

fn journal(service: &str) -> io::Result<Output> {
    let layer = tracing_journald::layer()?.with_field_prefix(None).with_syslog_identifier(service.to_owned());
    Ok(layer.boxed())
}

/// Is the stream that systemd connected to the journal our stderr? A child of a service inherits the variable and
/// may have another stderr.
fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(fs::File::from).and_then(|stderr| stderr.metadata());
    stderr.is_ok_and(|stderr| names_stream(&stream, stderr.dev(), stderr.ino()))
}

/// `JOURNAL_STREAM` is `device:inode`.
fn names_stream(stream: &str, device: u64, inode: u64) -> bool {
    stream.split_once(':').is_some_and(|(named_device, named_inode)| {
        named_device.parse() == Ok(device) && named_inode.parse() == Ok(inode)
    })
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    tracing::error!("panic at {place}: {}", panic.payload_as_str().unwrap_or("without a text"));
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
