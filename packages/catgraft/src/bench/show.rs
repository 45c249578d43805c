//! A result for people.

use catgraft_bench::{Figures, Outcome};
use catgraft_core::ByteSize;

use crate::output::{Column, record, table};

/// The whole result: what was asked, what was found, and the latencies as a table.
pub(super) fn human(outcome: &Outcome) -> String {
    let Outcome { workload, settings, figures } = outcome;
    let settings: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let mut fields = vec![
        ("workload", format!("{workload}: {}", settings.join(", "))),
        ("done", format!("{} in {} s: {} a second", figures.requests, figures.seconds, figures.per_second)),
    ];
    if figures.page_bytes_per_second > 0.0 {
        fields.push(("pages", format!("{:.1} MiB a second", figures.page_bytes_per_second / f64::from(1 << 20))));
    }
    fields.push(("checked", format!("{} answers, byte for byte", figures.checked)));
    fields.push((
        "load generator",
        format!(
            "{} s of processor time, {} µs a request",
            figures.load_generator.cpu_seconds, figures.load_generator.cpu_us_per_request
        ),
    ));
    fields.extend(processes(figures));
    fields.extend(counters(figures));
    fields.extend(errors(figures));
    format!("{}\n\n{}", record(fields), latencies(figures))
}

fn processes(figures: &Figures) -> impl Iterator<Item = (&'static str, String)> + '_ {
    figures.processes.iter().map(|process| {
        let size = |bytes| ByteSize::from_bytes(bytes).to_string();
        let text = format!(
            "{}: {} before, {} at most, {} after; {} s of processor time",
            process.name,
            size(process.memory_before_bytes),
            size(process.memory_peak_bytes),
            size(process.memory_after_bytes),
            process.cpu_seconds
        );
        ("process", text)
    })
}

fn counters(figures: &Figures) -> impl Iterator<Item = (&'static str, String)> + '_ {
    figures.counters.iter().flat_map(|(service, counters)| {
        counters.iter().map(move |(name, moved)| ("counted", format!("{service}: {name} +{moved}")))
    })
}

fn errors(figures: &Figures) -> impl Iterator<Item = (&'static str, String)> + '_ {
    let count = (figures.errors.count > 0).then(|| ("ERRORS", figures.errors.count.to_string()));
    count.into_iter().chain(figures.errors.first.iter().map(|sentence| ("error", sentence.clone())))
}

fn latencies(figures: &Figures) -> String {
    let columns = [
        ("latency, ms", Column::Whole),
        ("count", Column::Number),
        ("min", Column::Number),
        ("mean", Column::Number),
        ("p50", Column::Number),
        ("p90", Column::Number),
        ("p99", Column::Number),
        ("p99.9", Column::Number),
        ("max", Column::Number),
    ];
    let rows = figures.latencies.iter().map(|latency| {
        let of = latency.percentiles;
        let times = [of.min_us, of.mean_us, of.p50_us, of.p90_us, of.p99_us, of.p999_us, of.max_us];
        let times = times.into_iter().map(|micros| format!("{:.3}", micros / 1000.0));
        [latency.of.clone(), latency.count.to_string()].into_iter().chain(times).collect()
    });
    table(&columns, rows)
}
