//! From layers to a struct: secrets are read from their files, layers are merged, and what the struct refuses is told
//! with the place that the value came from.

use std::{ffi::OsStr, fs, path::PathBuf};

use config::ConfigError;
use serde::de::DeserializeOwned;

use super::{
    Surroundings,
    error::{Invalid, SettingsError, Source},
    layers::{Given, Layer, Layers, Value},
    table::{Entry, ServiceSpec},
};

/// Where systemd puts the files of `LoadCredential=`, as people write it in a unit or a file.
const CREDENTIALS: [&str; 2] = ["${CREDENTIALS_DIRECTORY}", "$CREDENTIALS_DIRECTORY"];
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// The struct that mirrors the table, and the layers that it came from.
pub(super) fn deserialize<T: DeserializeOwned>(
    spec: &ServiceSpec,
    mut layers: Layers,
    surroundings: &Surroundings,
) -> Result<(T, Layers), SettingsError> {
    let secrets = read_secrets(spec, &layers, surroundings)?;
    layers.push(secrets);
    let merged = layers.merge(spec).map_err(|error| SettingsError::Table(error.to_string()))?;
    match merged.try_deserialize() {
        Ok(value) => Ok((value, layers)),
        Err(error) => Err(explain(spec, &layers, error)),
    }
}

/// What a service's own conversion refused, with its place.
pub(super) fn refusal(spec: &ServiceSpec, layers: &Layers, invalid: Invalid) -> SettingsError {
    let twin = spec.entry(&invalid.key).filter(Entry::is_secret).and_then(|_| layers.find(&twin_key(&invalid.key)));
    let given = twin.or_else(|| layers.find(&invalid.key));
    SettingsError::Refused {
        key: invalid.key,
        place: given.map(|given| given.source.clone()),
        problem: invalid.problem,
    }
}

fn read_secrets(spec: &ServiceSpec, layers: &Layers, surroundings: &Surroundings) -> Result<Layer, SettingsError> {
    let mut secrets = Layer::default();
    for entry in spec.entries().filter(Entry::is_secret) {
        let key = entry.key();
        let (given, file) = layers.find_either(&key, &twin_key(&key));
        let (text, source) = match (given, file) {
            (Some(given), Some(file)) => {
                return Err(SettingsError::BothGiven {
                    key,
                    place: given.source.clone(),
                    file_place: file.source.clone(),
                });
            }
            (None, Some(Given { value: Value::Text(path), source })) => {
                let path = expand(path, surroundings.variable(CREDENTIALS_VARIABLE));
                let text = fs::read_to_string(surroundings.directory.join(&path))
                    .map_err(|reason| SettingsError::unreadable(&path, format!("{}_file in {source}", key), reason))?;
                let text =
                    text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
                (text.to_owned(), Source::File(path))
            }
            (Some(Given { value: Value::Text(text), source }), None) => (text.clone(), source.clone()),
            _ => continue,
        };
        if text.is_empty() {
            return Err(SettingsError::BadValue { key, value: None, place: source, allowed: entry.allowed() });
        }
        secrets.give_text(entry, &text, source)?;
    }
    Ok(secrets)
}

fn twin_key(key: &str) -> String {
    format!("{key}_file")
}

fn expand(path: &str, credentials: Option<&OsStr>) -> PathBuf {
    let Some(credentials) = credentials else { return PathBuf::from(path) };
    let inside = CREDENTIALS.iter().find_map(|name| path.strip_prefix(name)?.strip_prefix('/'));
    inside.map_or_else(|| PathBuf::from(path), |name| PathBuf::from(credentials).join(name))
}

/// What the struct refused, in the words of the table.
fn explain(spec: &ServiceSpec, layers: &Layers, error: ConfigError) -> SettingsError {
    let key = match &error {
        ConfigError::NotFound(key) => Some(key.clone()),
        ConfigError::Type { key, .. } | ConfigError::At { key, .. } => key.clone(),
        _ => None,
    };
    let Some(entry) = key.as_deref().and_then(|key| spec.entry(key)) else {
        return SettingsError::Table(error.to_string().replace('\n', " "));
    };
    match layers.find(&entry.key()) {
        Some(given) => SettingsError::BadValue {
            key: entry.key(),
            value: (!entry.is_secret()).then(|| given.value.to_string()),
            place: given.source.clone(),
            allowed: entry.allowed(),
        },
        None => SettingsError::Missing { key: entry.key(), allowed: entry.allowed(), places: places(spec, entry) },
    }
}

fn places(spec: &ServiceSpec, entry: Entry) -> String {
    let flag = entry.flag().map(|flag| format!(" or --{flag}")).unwrap_or_default();
    format!("{} in {}, {}{flag}", entry.key(), spec.file_name(), entry.variable(spec))
}
