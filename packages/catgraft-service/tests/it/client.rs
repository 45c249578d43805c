//! A client that sends what it is told, right or wrong.

use std::net::SocketAddr;

use catgraft_proto::graft::common::v1::GraftErr;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The one value of a header; more than one is a failure.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} stands there twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Asserts that this is an error of the protocol, and gives its message.
    pub(crate) fn error(&self, status: u16, code: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/x-protobuf"));
        assert!(self.header("x-request-id").is_some());
        let error = GraftErr::decode(self.body.as_slice()).unwrap();
        assert_eq!(error.code, code, "{error:?}");
        assert!(!error.message.is_empty());
        error.message
    }
}

/// A request, built up.
#[derive(Clone)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A call as a real client makes it.
    pub(crate) fn call(name: &str) -> Self {
        Self::new("POST", &format!("/metastore/v1/{name}")).header("Content-Type", "application/x-protobuf")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(&self, to: SocketAddr) -> Answer {
        Connection::open(to).await.exchange(self).await
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: test\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.headers.iter().any(|(name, _)| name == "Content-Length") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A connection that is kept alive.
pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Self {
        Self(TcpStream::connect(to).await.unwrap())
    }

    pub(crate) async fn exchange(&mut self, request: &Request) -> Answer {
        self.send(request).await;
        self.receive().await
    }

    pub(crate) async fn send(&mut self, request: &Request) {
        self.0.write_all(&request.to_bytes()).await.unwrap();
    }

    /// Sends bytes, whatever they are.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Reads one answer with a known length.
    pub(crate) async fn receive(&mut self) -> Answer {
        let mut behind = Vec::new();
        let answer = self.receive_after(&mut behind).await;
        assert!(behind.is_empty(), "there is something behind the answer: {behind:?}");
        answer
    }

    /// The same, where the beginning was read already; leaves what is behind the answer.
    pub(crate) async fn receive_after(&mut self, read: &mut Vec<u8>) -> Answer {
        let mut bytes = std::mem::take(read);
        let head_len = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            assert!(self.0.read_buf(&mut bytes).await.unwrap() > 0, "closed within the head: {bytes:?}");
        };
        let head = String::from_utf8(bytes[..head_len].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: bytes.split_off(head_len + 4) };
        let len: usize = answer.header("content-length").unwrap().parse().unwrap();
        while answer.body.len() < len {
            assert!(self.0.read_buf(&mut answer.body).await.unwrap() > 0, "closed within the body");
        }
        *read = answer.body.split_off(len);
        answer
    }

    /// Waits until the server ends the connection, in whatever way, and gives what it said until then.
    pub(crate) async fn ended(mut self) -> String {
        let mut said = Vec::new();
        // A reset is an end too.
        let _ = self.0.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Waits until the server closes.
    pub(crate) async fn closed(mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }
}
