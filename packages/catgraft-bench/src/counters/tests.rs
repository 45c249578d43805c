//! Reading the text format.

use super::{moved, parse};

const BEFORE: &str = "\
# HELP catgraft_objectstore_requests_total Requests to the object store, by verb.
# TYPE catgraft_objectstore_requests_total counter
catgraft_objectstore_requests_total{verb=\"get\"} 3
catgraft_objectstore_requests_total{verb=\"put\"} 5
catgraft_page_cache_bytes 77
catgraft_request_seconds_bucket{call=\"commit\",le=\"0.1\"} 4
other_total 9
";

#[test]
fn counters_of_ours_are_read_and_nothing_else() {
    let counters = parse(BEFORE);
    let names: Vec<_> = counters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(
        names,
        ["catgraft_objectstore_requests_total{verb=\"get\"} 3", "catgraft_objectstore_requests_total{verb=\"put\"} 5"]
    );
}

#[test]
fn what_moved_is_told_also_where_it_is_new() {
    let after = "catgraft_objectstore_requests_total{verb=\"get\"} 3\n\
                 catgraft_objectstore_requests_total{verb=\"put\"} 8\ncatgraft_news_total 1\n";
    let moved = moved(&parse(BEFORE), &parse(after));
    let told: Vec<_> = moved.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(told, ["catgraft_news_total 1", "catgraft_objectstore_requests_total{verb=\"put\"} 3"]);
}
