//! Layers: what each source gives, checked against the table, with the place it came from.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Surroundings,
    error::{SettingsError, Source},
    table::{Entry, Kind, ServiceSpec},
};

/// Suggestions are made down to this likeness, from 0 to 1.
const SIMILAR_MIN: f64 = 0.8;

/// A value of the kind that its setting has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// What one source gives, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer(BTreeMap<String, Given>);

/// What the environment gives.
pub(super) struct Environment {
    pub(super) layer: Layer,
    /// The configuration file that it names.
    pub(super) file: Option<PathBuf>,
}

impl Layer {
    pub(super) fn defaults(spec: &ServiceSpec) -> Result<Self, SettingsError> {
        let mut layer = Layer::default();
        for entry in spec.entries().filter(|entry| !entry.is_file_twin) {
            if let Some(default) = entry.setting.default {
                layer.give_text(entry, default, Source::Default)?;
            }
        }
        Ok(layer)
    }

    pub(super) fn from_program(spec: &ServiceSpec, given: &[(&str, &str)]) -> Result<Self, SettingsError> {
        let mut layer = Layer::default();
        for (key, text) in given {
            let entry = spec.entry(key).ok_or_else(|| unknown_key(spec, key, Source::Program))?;
            layer.give_text(entry, text, Source::Program)?;
        }
        Ok(layer)
    }

    pub(super) fn from_environment(
        spec: &ServiceSpec,
        variables: &[(OsString, OsString)],
    ) -> Result<Environment, SettingsError> {
        let prefix = spec.prefix();
        let mut environment = Environment { layer: Layer::default(), file: None };
        for (name, value) in variables {
            if !name.as_encoded_bytes().starts_with(prefix.as_bytes()) {
                continue;
            }
            let shown = name.to_string_lossy().into_owned();
            if shown == spec.file_variable() {
                environment.file = Some(value.into());
                continue;
            }
            let entry = spec.entries().find(|entry| entry.variable(spec) == shown);
            let entry = entry.ok_or_else(|| unknown_variable(spec, &shown))?;
            let Some(text) = value.to_str() else { return Err(SettingsError::NotText { name: shown }) };
            environment.layer.give_text(entry, text, Source::Environment(shown))?;
        }
        Ok(environment)
    }

    /// Reads a configuration file, relative to the directory.
    pub(super) fn from_file(spec: &ServiceSpec, directory: &Path, file: NamedFile) -> Result<Self, SettingsError> {
        let NamedFile { path, named_by } = file;
        let text = fs::read_to_string(directory.join(&path))
            .map_err(|reason| SettingsError::unreadable(&path, named_by, reason))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            SettingsError::Syntax { path: path.clone(), line, reason: error.message().replace('\n', " ") }
        })?;
        let mut layer = Layer::default();
        layer.give_table(spec, "", table, &Source::File(path))?;
        Ok(layer)
    }

    fn give_table(
        &mut self,
        spec: &ServiceSpec,
        section: &str,
        table: toml::Table,
        source: &Source,
    ) -> Result<(), SettingsError> {
        for (name, value) in table {
            let key = format!("{section}{name}");
            match (spec.entry(&key), value) {
                (Some(entry), value) => self.give_toml(entry, value, source.clone())?,
                (None, toml::Value::Table(inner)) if is_section(spec, &key) => {
                    self.give_table(spec, &format!("{key}."), inner, source)?;
                }
                (None, _) => return Err(unknown_key(spec, &key, source.clone())),
            }
        }
        Ok(())
    }

    fn give_toml(&mut self, entry: Entry, value: toml::Value, source: Source) -> Result<(), SettingsError> {
        let value = match (entry.kind(), value) {
            (Kind::Text | Kind::Secret, toml::Value::String(text)) => Value::Text(text),
            (Kind::Text, toml::Value::Integer(number)) => Value::Text(number.to_string()),
            (Kind::Integer, toml::Value::Integer(number)) => Value::Integer(number),
            (Kind::Boolean, toml::Value::Boolean(truth)) => Value::Boolean(truth),
            // A quoted number or truth is what people write who come from the environment.
            (Kind::Integer | Kind::Boolean, toml::Value::String(text)) => return self.give_text(entry, &text, source),
            (_, value) => return Err(bad_value(entry, &value.to_string(), source)),
        };
        self.0.insert(entry.key(), Given { value, source });
        Ok(())
    }

    /// Takes a value as environment, flags and defaults have it.
    pub(super) fn give_text(&mut self, entry: Entry, text: &str, source: Source) -> Result<(), SettingsError> {
        let value = match entry.kind() {
            Kind::Text | Kind::Secret => Some(Value::Text(text.to_owned())).filter(|_| !text.is_empty()),
            Kind::Integer => text.parse().ok().map(Value::Integer),
            Kind::Boolean => text.parse().ok().map(Value::Boolean),
        };
        let value = value.ok_or_else(|| bad_value(entry, text, source.clone()))?;
        self.0.insert(entry.key(), Given { value, source });
        Ok(())
    }
}

/// Every layer, the strongest last.
#[derive(Debug)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    sections: Vec<String>,
}

impl Layers {
    pub(super) fn new(spec: &ServiceSpec, layers: Vec<Layer>) -> Self {
        let section = |key: &'static str| key.rsplit_once('.').map(|(section, _)| section.to_owned());
        let mut sections: Vec<_> = spec.settings().filter_map(|setting| section(setting.key)).collect();
        sections.dedup();
        Self { layers, sections }
    }

    /// What holds for a key.
    pub(super) fn find(&self, key: &str) -> Option<&Given> {
        self.layers.iter().rev().find_map(|layer| layer.0.get(key))
    }

    /// What the strongest layer that gives one of two keys has for each: a secret in a stronger layer wins over a file in a
    /// weaker one, and the other way round.
    pub(super) fn find_either(&self, one: &str, other: &str) -> (Option<&Given>, Option<&Given>) {
        let gives = |layer: &'_ Layer| layer.0.contains_key(one) || layer.0.contains_key(other);
        match self.layers.iter().rev().find(|layer| gives(layer)) {
            Some(layer) => (layer.0.get(one), layer.0.get(other)),
            None => (None, None),
        }
    }

    /// Adds a layer above all others.
    pub(super) fn push(&mut self, layer: Layer) {
        self.layers.push(layer);
    }

    /// The layers merged, as `config` understands them. Every section of the table is there, if empty.
    pub(super) fn merge(&self, spec: &ServiceSpec) -> Result<config::Config, config::ConfigError> {
        let mut builder = config::Config::builder();
        for section in &self.sections {
            builder = builder.set_default(section.as_str(), config::Map::<String, config::Value>::new())?;
        }
        for layer in &self.layers {
            builder = builder.add_source(Merged::of(spec, layer));
        }
        builder.build()
    }
}

/// A layer without the file twins, which are read and done with before.
#[derive(Debug, Clone)]
struct Merged(config::Map<String, config::Value>);

impl Merged {
    fn of(spec: &ServiceSpec, layer: &Layer) -> Self {
        let own = layer.0.iter().filter(|(key, _)| spec.entry(key).is_some_and(|entry| !entry.is_file_twin));
        Self(own.map(|(key, given)| (key.clone(), to_config(&given.value))).collect())
    }
}

impl config::Source for Merged {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, config::Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn to_config(value: &Value) -> config::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(truth) => (*truth).into(),
    }
}

/// A configuration file and who named it.
pub(super) struct NamedFile {
    path: PathBuf,
    named_by: String,
}

/// The configuration file, if there is one to read: a flag's, a variable's, or the one in the working directory.
pub(super) fn find_file(
    spec: &ServiceSpec,
    surroundings: &Surroundings,
    flag: Option<PathBuf>,
    variable: Option<PathBuf>,
) -> Result<Option<NamedFile>, SettingsError> {
    if let Some(path) = flag {
        return Ok(Some(NamedFile { path, named_by: "flag --config".to_owned() }));
    }
    if let Some(path) = variable {
        return Ok(Some(NamedFile { path, named_by: format!("environment variable {}", spec.file_variable()) }));
    }
    let path = PathBuf::from(spec.file_name());
    let named_by = "its place in the working directory".to_owned();
    match fs::metadata(surroundings.directory.join(&path)) {
        Ok(_) => Ok(Some(NamedFile { path, named_by })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SettingsError::unreadable(&path, named_by, error)),
    }
}

fn is_section(spec: &ServiceSpec, key: &str) -> bool {
    spec.settings().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

fn bad_value(entry: Entry, text: &str, source: Source) -> SettingsError {
    let value = (!entry.is_secret()).then(|| text.to_owned());
    SettingsError::BadValue { key: entry.key(), value, place: source, allowed: entry.allowed() }
}

fn unknown_key(spec: &ServiceSpec, key: &str, source: Source) -> SettingsError {
    let hint = hint(key, spec.entries().map(|entry| entry.key()).collect());
    SettingsError::UnknownKey { key: key.to_owned(), place: source, hint }
}

fn unknown_variable(spec: &ServiceSpec, name: &str) -> SettingsError {
    let hint = hint(name, spec.entries().map(|entry| entry.variable(spec)).chain([spec.file_variable()]).collect());
    SettingsError::UnknownVariable { name: name.to_owned(), hint }
}

/// The nearest name if one is near, otherwise all of them.
fn hint(name: &str, known: Vec<String>) -> String {
    let likeness = |known: &String| strsim::jaro_winkler(name, known);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest {
        Some(nearest) if likeness(nearest) >= SIMILAR_MIN => format!("did you mean {nearest}?"),
        _ => format!("there are {}", known.join(", ")),
    }
}
