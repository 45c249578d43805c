//! An error is logged once, at the level of its kind, with its chain and the request that it ended; and every request has
//! a line of its own, for who asks for them.

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

    /// Every line of this request, without the one that every request has.
    fn of_request(&self, id: &str) -> Vec<(String, String)> {
        self.select(id, |target| target != "requests")
    }

    /// The line that every request has.
    fn of_requests(&self, id: &str) -> Vec<(String, String)> {
        self.select(id, |target| target == "requests")
    }

    /// Level and message of the lines of a request with such a target.
    fn select(&self, id: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let bytes = self.0.lock().unwrap().clone();
        let lines = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>().map(Result::unwrap);
        let ours = lines.filter(|line| line["span"]["request_id"] == id && wanted(&text(&line["target"])));
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

#[tokio::test]
async fn every_request_has_one_line_with_its_call_and_its_status() {
    let lines = Lines::collected();
    let service = start(Auth::Off);
    for (call, told) in [("echo", "echo: 200 in "), ("missing", "missing: 404 in "), ("nope/x", "none: 400 in ")] {
        let id = format!("requests-{call}");
        Request::call(call).header("X-Request-Id", &id).send(service.address).await;
        let logged = lines.of_requests(&id);
        assert!(logged.len() == 1 && logged[0].0 == "DEBUG" && logged[0].1.starts_with(told), "{logged:?}");
    }
}

#[tokio::test]
async fn no_line_of_a_refused_token_holds_it() {
    let lines = Lines::collected();
    let key = catgraft_service::token::TokenKey::from_hex(&catgraft_service::token::generate_key()).unwrap();
    let token = key.issue("alice", None, None, crate::fixture::NOW).replace("v4.local", "v4.public");
    let service = start(Auth::Required(Arc::new(key)));
    let request = Request::call("echo").header("X-Request-Id", "secret-1");
    request.header("Authorization", &format!("Bearer {token}")).send(service.address).await.error(401, 4);
    assert_eq!(lines.of_request("secret-1").len(), 1);
    let all = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!all.contains(&token[10..40]), "{all}");
}
