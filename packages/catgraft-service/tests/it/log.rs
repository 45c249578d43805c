//! An error is logged once, at the level of its kind, with its chain and the request that it ended.

use std::{
    io::Write,
    sync::{Arc, Mutex, OnceLock},
};

use catgraft_service::http::Auth;
use serde_json::Value;

use crate::{client::Request, fixture::start};

/// Every line that this process logs, as JSON.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn collected() -> &'static Lines {
        static LINES: OnceLock<Lines> = OnceLock::new();
        LINES.get_or_init(|| {
            let lines = Lines::default();
            let writer = lines.clone();
            tracing_subscriber::fmt()
                .json()
                .with_max_level(tracing::Level::DEBUG)
                .with_writer(move || writer.clone())
                .init();
            lines
        })
    }

    /// Level and message of every line of this request.
    fn of_request(&self, id: &str) -> Vec<(String, String)> {
        let bytes = self.0.lock().unwrap().clone();
        let lines = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>().map(Result::unwrap);
        let ours = lines.filter(|line| line["span"]["request_id"] == id);
        ours.map(|line| (text(&line["level"]), text(&line["fields"]["message"]))).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_error_is_logged_once_with_its_chain_at_the_level_of_its_kind() {
    let lines = Lines::collected();
    let service = start(Auth::Off);
    for (call, level, message) in [
        ("nope/x", "DEBUG", "refused: there is no POST /metastore/v1/nope/x; there is POST on "),
        ("missing", "DEBUG", "refused: no such volume"),
        ("away", "WARN", "unavailable: the catalog is away: connection refused by 10.0.0.1"),
        ("broken", "ERROR", "failed: a bug: the cause"),
        ("panic", "ERROR", "failed: this request met a bug of the server: panic: on purpose"),
        ("teapot", "DEBUG", "refused: the server cannot take this request: a foreign error"),
        ("empty_error", "ERROR", "failed: the server cannot answer this request: 502 Bad Gateway"),
    ] {
        let id = format!("log-{call}");
        Request::call(call).header("X-Request-Id", &id).send(service.address).await;
        let logged = lines.of_request(&id);
        assert!(logged.len() == 1 && logged[0].0 == level && logged[0].1.starts_with(message), "{logged:?}");
    }
    Request::call("echo").header("X-Request-Id", "log-echo").send(service.address).await;
    assert_eq!(lines.of_request("log-echo"), []);
}
