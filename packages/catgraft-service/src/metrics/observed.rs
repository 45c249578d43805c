//! Metrics that are read from elsewhere at the moment they are told.

use std::sync::Arc;

use prometheus::{
    core::{Collector, Desc},
    proto::{Counter, Gauge, Metric, MetricFamily, MetricType},
};

/// A value that its owner keeps: read when somebody asks for metrics, and costing nothing otherwise.
#[derive(Clone)]
pub(super) struct Observed {
    desc: Desc,
    kind: MetricType,
    read: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Observed {
    pub(super) fn new(desc: Desc, kind: MetricType, read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { desc, kind, read: Arc::new(read) }
    }
}

impl Collector for Observed {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    #[expect(clippy::cast_precision_loss, reason = "the text format has floating point numbers only")]
    fn collect(&self) -> Vec<MetricFamily> {
        let value = (self.read)() as f64;
        let mut metric = Metric::default();
        metric.set_label(self.desc.const_label_pairs.clone());
        match self.kind {
            MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            _ => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(self.kind);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
