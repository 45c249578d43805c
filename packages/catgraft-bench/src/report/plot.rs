//! Plots as SVG: lines over a logarithmic axis, which is all that a report needs.

use std::fmt::Write as _;

use super::{results::Results, rows::HISTORIES};
use crate::Percentiles;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// Lines that help to read heights.
const STEPS: u32 = 5;
/// Colours that people with every kind of eyes tell apart (Okabe and Ito).
const COLORS: [&str; 6] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000"];

/// Clients that pushes are measured with, as in the names of the measurements.
pub(super) const CLIENTS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// A plot.
#[derive(Debug, PartialEq)]
pub(super) struct Plot {
    title: &'static str,
    across: &'static str,
    up: &'static str,
    lines: Vec<Line>,
}

/// A line of a plot, or a single point of it.
#[derive(Debug, PartialEq)]
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Reads a second against the length of the history.
pub(super) fn reads(results: &Results) -> Plot {
    let of = |at: &str| {
        let point = |commits: u32| Some((f64::from(commits), results.rate(&format!("read-{at}-{commits}"))?));
        HISTORIES.into_iter().filter_map(point).collect()
    };
    let ceiling = results.rate("read-ceiling").into_iter();
    let ceiling = ceiling.flat_map(|rate| HISTORIES.map(|commits| (f64::from(commits), rate))).collect();
    let lines = vec![
        Line { name: "at head".to_owned(), points: of("head") },
        Line { name: "at random LSNs".to_owned(), points: of("random") },
        Line {
            name: "Graft 0.1.5 (quoted)".to_owned(),
            points: vec![(2.0, 39_400.0), (20.0, 20_200.0), (100.0, 9_300.0)],
        },
        Line { name: "ceiling".to_owned(), points: ceiling },
    ];
    let title = "Reads of 1 random page, 8 clients";
    Plot { title, across: "commits of the volume", up: "reads a second", lines }
}

/// Latency of a push against the number of clients.
pub(super) fn pushes(results: &Results) -> Plot {
    let mut lines = Vec::new();
    for catalog in ["postgres", "embedded"] {
        for percentile in ["p50", "p99"] {
            let point = |clients: u32| {
                let which = |latency: Percentiles| if percentile == "p50" { latency.p50_us } else { latency.p99_us };
                let rounds = results.percentile(&format!("push-{catalog}-{clients}"), "push", which)?;
                Some((f64::from(clients), rounds.median() / 1000.0))
            };
            let points = CLIENTS.into_iter().filter_map(point).collect();
            lines.push(Line { name: format!("{catalog}, {percentile}"), points });
        }
    }
    let title = "Push of 16 pages: write_pages and commit";
    Plot { title, across: "clients, each on a volume of its own", up: "milliseconds", lines }
}

impl Plot {
    /// The plot as SVG.
    pub(super) fn draw(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let across_min = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let across_max = points().map(|point| point.0).fold(0.0, f64::max).max(across_min * 2.0);
        let up_max = round_up(points().map(|point| point.1).fold(0.0, f64::max));
        let x = |value: f64| {
            let part = (value / across_min).ln() / (across_max / across_min).ln();
            LEFT + part * (WIDTH - LEFT - RIGHT)
        };
        let y = |value: f64| HEIGHT - BOTTOM - value / up_max * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        text(&mut svg, middle, TOP / 2.0, "middle", self.title);
        text(&mut svg, middle, HEIGHT - BOTTOM / 4.0, "middle", self.across);
        text(&mut svg, LEFT - 60.0, TOP - 15.0, "start", self.up);
        for step in 0..=STEPS {
            let value = up_max * f64::from(step) / f64::from(STEPS);
            stroke(&mut svg, "#ddd", 1.0, &[(LEFT, y(value)), (WIDTH - RIGHT, y(value))]);
            text(&mut svg, LEFT - 6.0, y(value) + 4.0, "end", &short(value));
        }
        let mut marks: Vec<f64> = points().map(|point| point.0).collect();
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        for mark in marks {
            text(&mut svg, x(mark), HEIGHT - BOTTOM + 18.0, "middle", &short(mark));
        }
        for (number, line) in self.lines.iter().filter(|line| !line.points.is_empty()).enumerate() {
            let color = COLORS[number % COLORS.len()];
            let drawn: Vec<(f64, f64)> = line.points.iter().map(|point| (x(point.0), y(point.1))).collect();
            stroke(&mut svg, color, 2.0, &drawn);
            for (x, y) in &drawn {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>");
            }
            let height = TOP + 20.0 * number as f64;
            stroke(&mut svg, color, 2.0, &[(WIDTH - RIGHT + 15.0, height), (WIDTH - RIGHT + 40.0, height)]);
            text(&mut svg, WIDTH - RIGHT + 46.0, height + 4.0, "start", &line.name);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

// Writing to a string does not fail.
fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn stroke(svg: &mut String, color: &str, width: f64, points: &[(f64, f64)]) {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let points = points.join(" ");
    let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"/>");
}

/// The next height that ends an axis well: 1, 2, 2.5 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|step| step * power).find(|end| *end >= value).unwrap_or(value)
}

/// A number on an axis.
fn short(value: f64) -> String {
    if value >= 1000.0 { format!("{}k", value / 1000.0) } else { format!("{value}") }
}
