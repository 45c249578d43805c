//! Settings as people read them: the effective configuration, and the table of the README.

use std::fmt;

use super::{
    layers::{Layers, Value},
    table::{Entry, ServiceSpec},
};
use crate::secret::REDACTED;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Integer(number) => number.fmt(f),
            Value::Boolean(truth) => truth.fmt(f),
        }
    }
}

/// What holds, as a configuration file. A secret that stands in a file is shown as that file's name.
pub(super) fn effective(spec: &ServiceSpec, layers: &Layers) -> String {
    let mut root = toml::Table::new();
    for entry in spec.entries() {
        let stands_in_file = entry.is_secret() && layers.find(&format!("{}_file", entry.key())).is_some();
        let Some(given) = layers.find(&entry.key()).filter(|_| !stands_in_file) else { continue };
        let value = match &given.value {
            Value::Text(_) if entry.is_secret() => REDACTED.into(),
            Value::Text(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Boolean(truth) => (*truth).into(),
        };
        insert(&mut root, &entry.key(), value);
    }
    toml::to_string(&root).expect("texts, numbers and truths are TOML")
}

fn insert(table: &mut toml::Table, key: &str, value: toml::Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
            if let toml::Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

impl ServiceSpec {
    /// The settings as a Markdown table, for the README.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| key | environment | default | what |\n| --- | --- | --- | --- |\n");
        for entry in self.entries().filter(|entry| !entry.is_file_twin) {
            let default = entry.setting.default.map(|default| format!("`{default}`")).unwrap_or_default();
            text.push_str(&format!(
                "| `{}` | `{}` | {default} | {}: {}{} |\n",
                entry.key(),
                entry.variable(self),
                entry.setting.help,
                entry.allowed(),
                twin_note(&entry)
            ));
        }
        text
    }
}

fn twin_note(entry: &Entry) -> String {
    if entry.is_secret() { format!("; secret, or `{}_file`", entry.key()) } else { String::new() }
}
