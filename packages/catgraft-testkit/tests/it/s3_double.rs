//! The S3 double as a process of its own.

use std::process::Stdio;

use catgraft_objects::{
    ObjectStore, Payload, S3Config, S3Store,
    conformance::{content, key},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

#[tokio::test]
async fn the_program_tells_its_url_and_serves_the_bucket_and_keys_it_was_given() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_s3-double"))
        .args(["--listen", "127.0.0.1:0", "--bucket", "some-bucket", "--access-key", "who", "--secret-key", "what"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().expect("one line is printed");
    let config = S3Config {
        bucket: "some-bucket".to_owned(),
        prefix: String::new(),
        endpoint: Some(url),
        region: None,
        path_style: None,
    };
    let store = S3Store::open_with_keys(&config, "who", "what").await;
    store.put(&key(1), Payload::from(content(1, 5000))).await.unwrap();
    assert_eq!(store.get_range(&key(1), 10..20).await.unwrap(), content(1, 5000).slice(10..20));
    let stranger = S3Store::open_with_keys(&config, "somebody", "else").await;
    assert!(!stranger.probe().await.unwrap_err().is_retryable());
}
