//! The S3 double as a process of its own, driven as scripts drive it.

use std::process::Stdio;

use catgraft_objects::{
    Error, KeyPrefix, ObjectStore, Payload, S3Config, S3Store,
    conformance::{content, key},
};
use catgraft_testkit::s3::{Delay, S3Status};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_s3-double"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("a line is printed")
    }
}

async fn store(url: &str) -> S3Store {
    let config = S3Config { endpoint: Some(url.to_owned()), ..S3Config::new("catgraft") };
    S3Store::open_with_keys(&config, "double", "double-secret").await
}

/// One command; its status and its answer.
async fn command(control: &str, method: Method, path: &str, body: &str) -> (u16, Value) {
    let address = control.strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header("host", address);
    let answer = sender.send_request(request.body(Full::<Bytes>::from(body.to_owned())).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body: Bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn status(control: &str) -> S3Status {
    serde_json::from_value(command(control, Method::GET, "/status", "").await.1).unwrap()
}

#[tokio::test]
async fn the_program_tells_its_url_and_serves_the_bucket_and_keys_it_was_given() {
    let arguments = ["--bucket", "some-bucket", "--access-key", "who", "--secret-key", "what"];
    let mut program = Program::start(&arguments);
    let config = S3Config { endpoint: Some(program.line().await), ..S3Config::new("some-bucket") };
    let store = S3Store::open_with_keys(&config, "who", "what").await;
    store.put(&key(1), Payload::from(content(1, 5000))).await.unwrap();
    assert_eq!(store.get_range(&key(1), 10..20).await.unwrap(), content(1, 5000).slice(10..20));
    let stranger = S3Store::open_with_keys(&config, "somebody", "else").await;
    assert!(!stranger.probe().await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn it_is_driven_over_its_second_port() {
    let mut program = Program::start(&["--control", "127.0.0.1:0"]);
    let (url, control) = (program.line().await, program.line().await);
    let store = store(&url).await;
    let (bytes, ask) = (content(1, 5000), async |method, path, body| command(&control, method, path, body).await);

    let rule = r#"{"fault":"slow_down","call":"put","times":2}"#;
    assert_eq!(ask(Method::POST, "/faults", rule).await, (200, json!({ "id": 1 })));
    store.put(&key(1), Payload::from(bytes.clone())).await.unwrap();
    let told = status(&control).await;
    assert_eq!((told.requests.puts, told.faults["slow_down"], told.rules[0].struck), (3, 2, 2));
    assert_eq!((told.objects, told.object_bytes, told.bytes.put), (1, 5000, 5000));
    assert_eq!(ask(Method::DELETE, "/faults/1", "").await, (200, json!({})));
    assert_eq!(ask(Method::DELETE, "/faults/1", "").await, (404, json!({ "error": "there is no rule 1" })));
    ask(Method::POST, "/faults", r#"{"fault":{"slow":1}}"#).await;
    ask(Method::DELETE, "/faults", "").await;
    assert_eq!(status(&control).await.rules, []);

    let (code, switches) = ask(Method::POST, "/switches", r#"{"bucket_gone":true}"#).await;
    assert_eq!((code, &switches["bucket_gone"], &switches["frozen"]), (200, &json!(true), &json!(false)));
    assert!(matches!(store.get(&key(1)).await, Err(Error::Unavailable { .. })));
    ask(Method::POST, "/switches", r#"{"bucket_gone":false,"credentials_revoked":true}"#).await;
    assert!(matches!(store.get(&key(1)).await, Err(Error::Denied { .. })));
    ask(Method::POST, "/switches", r#"{"credentials_revoked":false}"#).await;
    assert!(store.get(&key(1)).await.unwrap() == bytes);

    let latency = r#"{"get":{"p50_ms":1,"p99_ms":2},"bytes_per_second":1000000}"#;
    assert_eq!(ask(Method::POST, "/latency", latency).await.0, 200);
    assert_eq!(status(&control).await.latency.get, Delay { p50_ms: 1.0, p99_ms: 2.0 });
    assert!(store.get(&key(1)).await.unwrap() == bytes);
}

#[tokio::test]
async fn commands_that_cannot_be_meant_are_refused_and_change_nothing() {
    let mut program = Program::start(&["--control", "127.0.0.1:0"]);
    let (_, control) = (program.line().await, program.line().await);
    let before = status(&control).await;
    let cases = [
        (Method::POST, "/faults", r#"{"fault":"no_such_fault"}"#, "no_such_fault"),
        (Method::POST, "/faults", r#"{"fault":"slow_down","chance":2}"#, "from 0 to 1"),
        (Method::POST, "/faults", "", "EOF"),
        (Method::POST, "/switches", r#"{"frozn":true}"#, "frozn"),
        (Method::POST, "/latency", r#"{"get":{"p50_ms":9,"p99_ms":1}}"#, "p99_ms"),
        (Method::GET, "/nothing", "", "is no command: GET /status"),
    ];
    for (method, path, body, part) in cases {
        let (code, answer) = command(&control, method, path, body).await;
        let text = answer["error"].as_str().unwrap();
        assert!(code >= 400 && text.contains(part), "{path} {body}: {code} {text}");
    }
    assert_eq!(status(&control).await, before);
}

#[tokio::test]
async fn it_starts_as_slow_and_faulty_as_it_is_told_to_and_tells_at_the_end_what_it_did() {
    let arguments = [
        "--json",
        "--control",
        "127.0.0.1:0",
        "--latency",
        "s3",
        "--put-latency",
        "2ms",
        "--get-latency",
        "1ms",
        "--seed",
        "9",
        "--fault",
        r#"{"fault":"internal_error","call":"list","times":1}"#,
    ];
    let mut program = Program::start(&arguments);
    let first: Value = serde_json::from_str(&program.line().await).unwrap();
    let control = first["control"].as_str().unwrap().to_owned();
    let store = store(first["url"].as_str().unwrap()).await;
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    store.list(KeyPrefix::ALL, None, 10).await.unwrap();
    let told = status(&control).await;
    assert_eq!(
        (told.latency.put, told.latency.bytes_per_second),
        (Delay { p50_ms: 2.0, p99_ms: 2.0 }, Some(29_000_000))
    );
    assert_eq!((told.seed, told.requests.lists, told.faults["internal_error"]), (9, 2, 1));

    let asked = Command::new(env!("CARGO_BIN_EXE_s3-double")).args(["status", &control]).output().await.unwrap();
    let text = String::from_utf8(asked.stdout).unwrap();
    assert!(asked.status.success() && text.contains("requests  put 1, get 0") && text.contains("bill"), "{text}");

    let id = program.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let last: S3Status = serde_json::from_str(&program.line().await).unwrap();
    assert_eq!(last.requests, told.requests);
    // One PUT and the LIST that was answered; S3 does not charge for its own errors.
    assert!((last.dollars - 0.00001).abs() < 1e-12, "{}", last.dollars);
    assert!(program.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn what_it_cannot_start_with_is_one_line() {
    for arguments in [&["--fault", "{}"][..], &["--get-latency", "soon"], &["--bytes-per-second", "0"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_s3-double")).args(arguments).output().await.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(arguments[0]), "{text}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_s3-double")).args(["status", "127.0.0.1:1"]).output().await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("s3-double: cannot ask 127.0.0.1:1") && text.lines().count() == 1, "{text}");
}
