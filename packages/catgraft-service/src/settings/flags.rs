//! The command line: one flag a setting that is not secret, and `--config`, `--check-config`, `--help`, `--version`.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
    value_parser,
};

use super::{
    error::{SettingsError, Source},
    layers::Layer,
    table::{Entry, ServiceSpec},
};

const CONFIG: &str = "config";
const CHECK: &str = "check-config";

/// What the command line gives.
pub(super) struct Flags {
    pub(super) layer: Layer,
    pub(super) file: Option<PathBuf>,
    pub(super) check: bool,
}

/// What the command line asks for.
pub(super) enum Parsed {
    /// To be printed: help or version.
    Print(String),
    /// Everything else.
    Flags(Flags),
}

pub(super) fn parse(spec: &ServiceSpec, arguments: &[OsString]) -> Result<Parsed, SettingsError> {
    match command(spec).try_get_matches_from(arguments) {
        Ok(matches) => collect(spec, &matches).map(Parsed::Flags),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Parsed::Print(error.render().to_string()))
        }
        Err(error) => Err(SettingsError::Flag { message: one_line(&error) }),
    }
}

fn collect(spec: &ServiceSpec, matches: &ArgMatches) -> Result<Flags, SettingsError> {
    let mut layer = Layer::default();
    for entry in spec.entries() {
        if let Some(flag) = entry.flag()
            && let Some(text) = matches.get_one::<String>(&flag)
        {
            layer.give_text(entry, text, Source::Flag(flag))?;
        }
    }
    Ok(Flags { layer, file: matches.get_one::<PathBuf>(CONFIG).cloned(), check: matches.get_flag(CHECK) })
}

fn command(spec: &ServiceSpec) -> Command {
    let file_help = format!(
        "File to read settings from [env: {}] [default: {} in the working directory, if it exists]",
        spec.file_variable(),
        spec.file_name()
    );
    let check_help = "Print the effective configuration, with secrets as [redacted], and start nothing";
    let file = Arg::new(CONFIG).long(CONFIG).value_name("FILE").value_parser(value_parser!(PathBuf)).help(file_help);
    let check = Arg::new(CHECK).long(CHECK).action(ArgAction::SetTrue).help(check_help);
    Command::new(spec.name)
        .about(spec.about)
        .version(spec.version)
        .arg(file)
        .arg(check)
        .args(spec.entries().filter_map(|entry| Some(flag(spec, entry, entry.flag()?))))
        .after_help(secrets_help(spec))
}

fn flag(spec: &ServiceSpec, entry: Entry, name: String) -> Arg {
    let help = if entry.is_file_twin {
        format!("File that holds the secret {}", entry.setting.key)
    } else {
        entry.setting.help.to_owned()
    };
    let default = entry.setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let help = format!("{help}: {} [env: {}]{default}", entry.allowed(), entry.variable(spec));
    Arg::new(name.clone()).long(name).value_name("VALUE").allow_hyphen_values(true).help(help)
}

fn secrets_help(spec: &ServiceSpec) -> String {
    let mut text =
        String::from("Secrets are never flags, because other users of the machine can read command lines:\n");
    for entry in spec.entries().filter(Entry::is_secret) {
        text.push_str(&format!("  {}: {}\n", entry.variable(spec), entry.setting.help));
    }
    text
}

/// The first line of what clap says, and the flag that it would suggest.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first).trim_end_matches(':').to_owned();
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(suggested)) => format!("{first}; did you mean {suggested}?"),
        _ => first,
    }
}
