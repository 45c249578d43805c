//! Where the real pagestore looks for the credentials of its bucket, and what it says when it finds none.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use catgraft_testkit::s3::S3Double;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
    net::TcpListener,
};

use crate::kill::program;

/// The metadata service of a machine: it answers each path with the text that is set for it, and remembers who asked.
struct Machine {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    async fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufStream::new(stream);
                let (mut line, mut rest) = (String::new(), String::from("-"));
                let _ = stream.read_line(&mut line).await;
                while !rest.trim().is_empty() {
                    rest.clear();
                    let _ = stream.read_line(&mut rest).await;
                }
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                let found = answers.iter().find(|(known, _)| *known == path).map(|(_, text)| *text);
                let (status, body) = found.map_or((404, ""), |body| (200, body));
                log.lock().unwrap().push(path);
                let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
                let ttl = "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n";
                let _ = stream.write_all(format!("{head}{ttl}{body}").as_bytes()).await;
                let _ = stream.flush().await;
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A pagestore of this bucket with no credentials in its surroundings but those given.
struct Daemon {
    child: Child,
    url: String,
}

impl Daemon {
    fn start(folder: &Path, double: &S3Double, machine: &Machine, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program("pagestore"))
            .args(["--host", "127.0.0.1", "--port", "0", "--objectstore-type", "s3_compatible"])
            .args(["--objectstore-bucket", &double.options().bucket, "--objectstore-endpoint", &double.url()])
            .env_clear()
            .env("HOME", folder)
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &machine.url)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = log.find_map(|line| line.ok().filter(|line| line.contains("listens"))).expect("it starts");
        std::thread::spawn(move || log.for_each(drop));
        let address: String = line
            .split("127.0.0.1:")
            .nth(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
            .expect("it says where it listens");
        Self { child, url: format!("http://127.0.0.1:{address}") }
    }

    /// What `/ready` says of the store, once it says this.
    async fn until_store_is(&self, part: &str) {
        loop {
            let text = reqwest::get(format!("{}/ready", self.url)).await.unwrap().text().await.unwrap();
            let line = text.lines().find(|line| line.starts_with("objectstore")).expect("the store is checked");
            if line.contains(part) {
                return;
            }
            // A check that took too long says so, and is made again.
            assert!(line.contains("no answer within"), "{line}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_it_says_what_to_set_and_asks_nobody() {
    let (folder, double) = (tempfile::tempdir().unwrap(), S3Double::start().await);
    let machine = Machine::start(&[]).await;
    let daemon = Daemon::start(folder.path(), &double, &machine, &[]);
    daemon.until_store_is("no credentials of the object store are set: set AWS_ACCESS_KEY_ID").await;
    assert_eq!(machine.asked(), [""; 0]);
    assert_eq!(double.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_taken_from_variables_and_from_profiles() {
    let (folder, double) = (tempfile::tempdir().unwrap(), S3Double::start().await);
    let machine = Machine::start(&[]).await;
    let keys = [("AWS_ACCESS_KEY_ID", "double"), ("AWS_SECRET_ACCESS_KEY", "double-secret")];
    Daemon::start(folder.path(), &double, &machine, &keys).until_store_is("objectstore: ok").await;
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    let profile = "[cats]\naws_access_key_id = double\naws_secret_access_key = double-secret\n";
    std::fs::write(folder.path().join(".aws/credentials"), profile).unwrap();
    let named = [("AWS_PROFILE", "cats")];
    Daemon::start(folder.path(), &double, &machine, &named).until_store_is("objectstore: ok").await;
    assert_eq!(machine.asked(), [""; 0]);
}

const INSTANCE: (&str, &str) = ("PAGESTORE_OBJECTSTORE__INSTANCE_CREDENTIALS", "true");

#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_the_machine_is_asked_for_where_that_is_wanted() {
    let (folder, double) = (tempfile::tempdir().unwrap(), S3Double::start().await);
    let machine = Machine::start(&[
        ("/latest/api/token", "a-token"),
        ("/latest/meta-data/iam/security-credentials/", "cats"),
        (
            "/latest/meta-data/iam/security-credentials/cats",
            r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"double","SecretAccessKey":"double-secret",
                "Token":"t","Expiration":"2999-01-01T00:00:00Z","LastUpdated":"2020-01-01T00:00:00Z"}"#,
        ),
    ])
    .await;
    let daemon = Daemon::start(folder.path(), &double, &machine, &[INSTANCE]);
    daemon.until_store_is("objectstore: ok").await;
    assert!(machine.asked().contains(&"/latest/meta-data/iam/security-credentials/cats".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_role_is_said_to_have_none() {
    let (folder, double) = (tempfile::tempdir().unwrap(), S3Double::start().await);
    let machine = Machine::start(&[("/latest/api/token", "a-token")]).await;
    let daemon = Daemon::start(folder.path(), &double, &machine, &[INSTANCE]);
    daemon.until_store_is("and this machine has no role: set AWS_ACCESS_KEY_ID").await;
    assert!(machine.asked().contains(&"/latest/meta-data/iam/security-credentials/".to_owned()));
}
