//! The report of a whole run: every result of a folder against the table of targets, as Markdown with two plots, and as
//! JSON.

mod machine;
mod markdown;
mod plot;
mod results;
mod rows;
#[cfg(test)]
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub use machine::Machine;
pub use rows::Found;

use crate::Error;
use results::Results;

/// Folder of the results, one file of JSON a measurement.
const RESULTS: &str = "results";
/// File that says how the results came about, a command a line.
const COMMANDS: &str = "commands.txt";

/// What is told of a run besides its results.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// When it was.
    pub date: String,
    /// The commit that was measured, as far as it is known.
    pub commit: Option<String>,
    /// Were times, histories and numbers shorter than the rows say? Then no target is reached or missed.
    pub quick: bool,
}

/// A report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What is told besides the results.
    #[serde(flatten)]
    pub about: About,
    /// Where it was measured.
    pub machine: Machine,
    /// The rows of the table.
    pub rows: Vec<Found>,
    /// How the results came about.
    pub commands: Vec<String>,
    /// Every result.
    pub results: Results,
}

/// Reads the results of a folder and writes `report.md`, `report.json` and the plots beside them. Answers the report and the
/// files.
pub fn write(folder: &Path, about: About) -> Result<(Report, Vec<PathBuf>), Error> {
    let results = Results::read(&folder.join(RESULTS))?;
    let commands = match fs::read_to_string(folder.join(COMMANDS)) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    };
    let mut rows = rows::all(&results);
    if about.quick {
        rows.iter_mut().for_each(|row| row.reached = None);
    }
    let report = Report { about, machine: Machine::this(), rows, commands, results };
    let json = serde_json::to_string_pretty(&report).expect("a report becomes JSON");
    let files = [
        ("report.md", markdown::write(&report)),
        ("report.json", json),
        ("reads.svg", plot::reads(&report.results).draw()),
        ("pushes.svg", plot::pushes(&report.results).draw()),
    ];
    let mut written = Vec::new();
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|source| Error::File { path: path.clone(), source })?;
        written.push(path);
    }
    Ok((report, written))
}
