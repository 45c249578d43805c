//! Metrics in the Prometheus text format: one registry a service, never a global one, so that several services live in
//! one process and tests do not meet.

mod observed;
#[cfg(test)]
mod tests;

use prometheus::{
    HistogramOpts, HistogramVec, Opts, Registry, TextEncoder,
    core::{Collector, Desc, GenericGauge},
    proto::MetricType,
};

use self::observed::Observed;

pub use prometheus::{Histogram, IntCounter as Counter, IntCounterVec as CounterVec, IntGauge as Gauge};

/// The content type of the text format.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Upper bounds, in seconds, that suit both an answer from memory and one that waited for an upload.
pub const SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// The metrics of one service. Cheap to clone; clones share everything.
///
/// A name is registered once a service: a second registration is a bug and panics. Names begin with `catgraft_`,
/// counters end in `_total`, and units are part of the name (`_seconds`, `_bytes`).
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: CounterVec,
    request_seconds: HistogramVec,
}

impl Metrics {
    /// The metrics that every service has: what it is, and its requests.
    pub fn new(service: &'static str, version: &'static str) -> Self {
        let registry = Registry::new();
        let requests = register(
            &registry,
            CounterVec::new(
                Opts::new("catgraft_requests_total", "Requests answered, by call and HTTP status."),
                &["call", "status"],
            ),
        );
        let request_seconds = register(
            &registry,
            HistogramVec::new(
                HistogramOpts::new("catgraft_request_seconds", "Time from request head to response head, by call.")
                    .buckets(SECONDS.to_vec()),
                &["call"],
            ),
        );
        let build = Opts::new("catgraft_build_info", "Always 1; its labels say what runs.")
            .const_label("service", service)
            .const_label("version", version);
        register(&registry, Gauge::with_opts(build)).set(1);
        Self { registry, requests, request_seconds }
    }

    /// A number that only grows.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        register(&self.registry, Counter::new(name, help))
    }

    /// Numbers that only grow, by label values. Label values must come from a small fixed set.
    pub fn counter_by(&self, name: &str, help: &str, labels: &[&str]) -> CounterVec {
        register(&self.registry, CounterVec::new(Opts::new(name, help), labels))
    }

    /// A number that goes up and down.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        register(&self.registry, GenericGauge::new(name, help))
    }

    /// How often values fell below these upper bounds; [`SECONDS`] for times.
    pub fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> Histogram {
        register(&self.registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec())))
    }

    /// A number that goes up and down and that its owner keeps: read when metrics are told.
    pub fn observe_gauge(&self, name: &str, help: &str, read: impl Fn() -> u64 + Send + Sync + 'static) {
        self.observe(name, help, &[], MetricType::GAUGE, read);
    }

    /// A number that only grows and that its owner keeps, with fixed labels: read when metrics are told. One name may be
    /// registered with several label values.
    pub fn observe_counter(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        self.observe(name, help, labels, MetricType::COUNTER, read);
    }

    fn observe(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        kind: MetricType,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), Vec::new(), labels);
        register(&self.registry, desc.map(|desc| Observed::new(desc, kind, read)));
    }

    /// Everything as Prometheus text.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("a registered metric has a valid name and writing to memory does not fail")
    }

    pub(crate) fn requests(&self) -> &CounterVec {
        &self.requests
    }

    pub(crate) fn request_seconds(&self, call: &str) -> Histogram {
        self.request_seconds.with_label_values(&[call])
    }
}

fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("metric names and labels are literals of our own");
    registry.register(Box::new(metric.clone())).expect("a metric is registered once");
    metric
}
