//! Tests of the metrics.

use super::*;

#[test]
fn what_was_counted_is_rendered() {
    let metrics = Metrics::new("pagestore", "1.2.3");
    metrics.counter("catgraft_uploads_total", "Uploads.").inc_by(3);
    metrics.counter_by("catgraft_hits_total", "Hits.", &["tier"]).with_label_values(&["memory"]).inc();
    metrics.gauge("catgraft_queue_bytes", "Waiting.").set(-4);
    metrics.histogram("catgraft_upload_seconds", "Time.", SECONDS).observe(0.3);
    let text = metrics.render();
    for line in [
        "catgraft_build_info{service=\"pagestore\",version=\"1.2.3\"} 1",
        "catgraft_uploads_total 3",
        "catgraft_hits_total{tier=\"memory\"} 1",
        "catgraft_queue_bytes -4",
        "catgraft_upload_seconds_bucket{le=\"0.25\"} 0",
        "catgraft_upload_seconds_bucket{le=\"0.5\"} 1",
        "# TYPE catgraft_upload_seconds histogram",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in {text}");
    }
}

#[test]
fn two_services_of_one_process_do_not_meet() {
    let (one, two) = (Metrics::new("pagestore", "1"), Metrics::new("metastore", "1"));
    one.counter("catgraft_x_total", "X.").inc();
    two.counter("catgraft_x_total", "X.");
    assert!(two.render().contains("catgraft_x_total 0"));
}

#[test]
#[should_panic(expected = "a metric is registered once")]
fn a_name_is_registered_once() {
    let metrics = Metrics::new("pagestore", "1");
    metrics.counter("catgraft_x_total", "X.");
    metrics.counter("catgraft_x_total", "X.");
}

#[test]
fn what_its_owner_keeps_is_read_when_it_is_told() {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };
    let metrics = Metrics::new("pagestore", "1");
    let bytes = Arc::new(AtomicU64::new(1));
    let kept = bytes.clone();
    metrics.observe_gauge("catgraft_cache_bytes", "Bytes.", move || kept.load(Ordering::SeqCst));
    metrics.observe_counter("catgraft_reads_total", "Reads.", &[("tier", "disk")], || 7);
    metrics.observe_counter("catgraft_reads_total", "Reads.", &[("tier", "memory")], || 8);
    bytes.store(5, Ordering::SeqCst);
    let text = metrics.render();
    for line in [
        "catgraft_cache_bytes 5",
        "# TYPE catgraft_cache_bytes gauge",
        "catgraft_reads_total{tier=\"disk\"} 7",
        "catgraft_reads_total{tier=\"memory\"} 8",
        "# TYPE catgraft_reads_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in {text}");
    }
}
