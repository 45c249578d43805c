//! An HTTP server that gives the answers it was handed, one a connection, whatever it is asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What to answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_length: usize,
    pub(crate) body: Bytes,
}

/// What was asked.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::body(status, Bytes::new())
    }

    pub(crate) fn body(status: u16, body: Bytes) -> Self {
        Self { status, content_length: body.len(), body }
    }
}

impl Server {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answers, asked): (Vec<_>, _) = (answers.into_iter().collect(), requests.clone());
        let task = tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let request = exchange(stream, answer).await;
                asked.lock().unwrap().push(request);
            }
        });
        Self { address, requests, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn exchange(stream: TcpStream, answer: Answer) -> Request {
    let mut stream = BufStream::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            text => head.push(text.to_owned()),
        }
    }
    let length =
        head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    let Answer { status, content_length, body: answer } = answer;
    let answer_head = format!("HTTP/1.1 {status} -\r\ncontent-length: {content_length}\r\nconnection: close\r\n\r\n");
    stream.write_all(answer_head.as_bytes()).await.unwrap();
    stream.write_all(&answer).await.unwrap();
    stream.flush().await.unwrap();
    Request { line: head[0].clone(), body }
}
