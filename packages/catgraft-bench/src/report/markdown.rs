//! The report as Markdown.

use std::fmt::Write as _;

use super::Report;

/// Of a run that is no measurement.
const QUICK: &str = "**A quick run**: times, histories, pushes and numbers of volumes are far below what the rows say, so \
                     nothing is said of the targets.\n\n";

/// The whole report.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    let machine = &report.machine;
    let commit = report.about.commit.as_deref().unwrap_or("unknown");
    let quick = if report.about.quick { QUICK } else { "" };
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "# Benchmark\n\n\
         Services, load generator, catalog and store share one machine; release builds; `fs` store; pages of 4 KiB, half of \
         each random. The figures of Graft 0.1.5 are quoted; the ceiling is a server that parses HTTP and answers constants, \
         in this run. Of what was measured in rounds, the median is told.\n\n{quick}\
         | | |\n| --- | --- |\n\
         | date | {} |\n| commit | {commit} |\n| processors | {} × {} |\n| memory | {} MiB |\n| kernel | {} |\n\n\
         | work | Graft 0.1.5 | ceiling | target | measured | |\n| --- | --- | --- | --- | --- | --- |\n",
        report.about.date,
        machine.cores,
        machine.cpu,
        machine.memory_bytes >> 20,
        machine.kernel,
    );
    for row in &report.rows {
        let verdict = match row.reached {
            _ if row.target == "no target" => "",
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "",
        };
        let measured = row.measured.as_deref().unwrap_or("not measured");
        let ceiling = row.ceiling.as_deref().unwrap_or("");
        let _ =
            writeln!(text, "| {} | {} | {ceiling} | {} | {measured} | {verdict} |", row.work, row.graft, row.target);
    }
    text.push_str(
        "\n![Reads a second against the commits of the volume](reads.svg)\n\n\
         ![Latency of a push against the number of clients](pushes.svg)\n",
    );
    let failed: Vec<_> = report.results.failed().collect();
    if !failed.is_empty() {
        text.push_str("\nMeasurements with errors, which count for nothing above:\n\n");
        for (name, count, first) in failed {
            let _ = writeln!(text, "- `{name}`: {count}, such as: {first}");
        }
    }
    if !report.commands.is_empty() {
        let _ = write!(text, "\n## Commands\n\n```sh\n{}\n```\n", counted(&report.commands).join("\n"));
    }
    text
}

/// Each command once, in the order in which they came first, with how often it came.
fn counted(commands: &[String]) -> Vec<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for command in commands {
        match counts.iter_mut().find(|(known, _)| known == command) {
            Some((_, times)) => *times += 1,
            None => counts.push((command, 1)),
        }
    }
    let line = |(command, times): (&str, usize)| match times {
        1 => command.to_owned(),
        times => format!("{command} # {times} times"),
    };
    counts.into_iter().map(line).collect()
}
