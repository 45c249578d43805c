//! What commands print: JSON for programs, tables and records for people.
//!
//! A reader that has seen enough (`| head`) ends the output and is no error. Colours and widths are for terminals
//! only, and `NO_COLOR` switches the former off.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use catgraft_core::Timestamp;
use clap::Args;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;

/// How a result is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Is it JSON that is asked for?
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: the value as one line of JSON, or the text for people.
    pub(crate) fn show<T: Serialize>(&self, value: &T, human: impl FnOnce() -> String) -> Result<()> {
        if self.json {
            let json = serde_json::to_string(value).context("the result does not become JSON")?;
            print_line(&json)
        } else {
            print_line(&human())
        }
    }
}

/// Prints a text to stdout, and ends it with a newline where it has none.
pub(crate) fn print_line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(end.as_bytes()));
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Ids and times: never broken over lines, so that they can be copied.
    Whole,
    /// Numbers, set to the right.
    Number,
    /// Words, which may be broken where the terminal is narrow.
    Text,
}

/// A table without lines around it, under a head in bold.
pub(crate) fn table(columns: &[(&str, Column)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = new_table();
    table.set_header(columns.iter().map(|(name, _)| emphasised(name)));
    for row in rows {
        table.add_row(row);
    }
    for (column, (_, kind)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        match kind {
            Column::Whole => {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            Column::Number => {
                column.set_constraint(ColumnConstraint::ContentWidth).set_cell_alignment(CellAlignment::Right);
            }
            Column::Text => {}
        }
    }
    table.trim_fmt()
}

/// One thing: a line for each of its properties.
pub(crate) fn record(fields: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = new_table();
    for (name, value) in fields {
        table.add_row([emphasised(name), Cell::new(value)]);
    }
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 2)).set_constraint(ColumnConstraint::ContentWidth);
    }
    if let Some(values) = table.column_mut(1) {
        values.set_padding((0, 0));
    }
    table.trim_fmt()
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn emphasised(text: &str) -> Cell {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let cell = Cell::new(text);
    if io::stdout().is_terminal() && !no_color { cell.add_attribute(Attribute::Bold) } else { cell }
}

/// A moment for people, to the second.
pub(crate) fn human_time(at: Timestamp) -> String {
    to_jiff(at).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A moment for programs: RFC 3339, to the millisecond.
pub(crate) fn json_time(at: Timestamp) -> String {
    format!("{:.3}", to_jiff(at))
}

fn to_jiff(at: Timestamp) -> jiff::Timestamp {
    let ms = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX)
}
