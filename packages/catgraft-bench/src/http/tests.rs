//! Addresses, heads of answers, and what a connection does with a server that misbehaves.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use super::{Connection, Encoding, Server, head::Head};
use crate::{Error, Failure};

#[test]
fn an_address_is_http_with_a_host_and_no_user() {
    for url in ["ftp://host", "http://", "127.0.0.1:3000", "http://user@host:1", "http://ho st:1", ""] {
        let refused = Server::new(url, None, None).unwrap_err().to_string();
        assert_eq!(refused, format!("{url:?} is no address of a server: write http://host:port"));
    }
    assert!(matches!(Server::new("https://127.0.0.1", None, None), Err(Error::Https { .. })));
    assert!(matches!(Server::new("http://127.0.0.1:1", Some("a\nb"), None), Err(Error::Token)));
}

#[test]
fn a_request_has_the_prefix_the_token_and_the_coding() {
    let server = Server::new("http://127.0.0.1:7/some/where/", Some("secret"), Some(Encoding::Brotli)).unwrap();
    let mut request = Vec::new();
    server.call("/metastore/v1/commit").begin(&mut request, 12);
    assert_eq!(
        String::from_utf8(request).unwrap(),
        "POST /some/where/metastore/v1/commit HTTP/1.1\r\nhost: 127.0.0.1:7\r\n\
         content-type: application/x-protobuf\r\nauthorization: Bearer secret\r\naccept-encoding: br\r\n\
         content-length: 12\r\n\r\n"
    );
    assert!(!format!("{server:?}").contains("secret"));
}

#[test]
fn a_head_is_read_once_it_is_whole() {
    let whole = b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\nConnection: Close\r\nContent-Encoding: zstd\r\n\r\n";
    let head = Head { status: 404, len: whole.len(), body_len: 7, encoding: Some(Encoding::Zstd), closes: true };
    assert_eq!(Head::parse(whole), Ok(Some(head)));
    for end in 0..whole.len() {
        assert_eq!(Head::parse(&whole[..end]), Ok(None));
    }
    let no_len = "the answer does not say its length, which this load generator needs";
    assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), Err(no_len.to_owned()));
    assert!(Head::parse(b"SSH-2.0-OpenSSH_9\r\n\r\n").unwrap_err().starts_with("the answer is no HTTP: "));
}

#[test]
fn every_coding_is_decoded() {
    let text = vec![b'x'; 10_000];
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let brotli = {
        let mut encoded = Vec::new();
        brotli::CompressorWriter::new(&mut encoded, 4096, 1, 20).write_all(&text).unwrap();
        encoded
    };
    let zstd = zstd::encode_all(&text[..], 1).unwrap();
    for (encoding, encoded) in [(Encoding::Gzip, gzip), (Encoding::Brotli, brotli), (Encoding::Zstd, zstd)] {
        assert_eq!(encoding.decode(&encoded).unwrap(), text);
        assert_eq!(Encoding::from_token(encoding.token()), Some(encoding));
        assert!(encoding.decode(b"damage").is_err());
    }
}

/// A server that answers each connection with the next of these bytes and closes it.
fn server(answers: Vec<Vec<u8>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    Server::new(&url, None, None).unwrap()
}

#[tokio::test]
async fn a_connection_opens_itself_again_after_a_failure() {
    let long = vec![b'x'; 100_000];
    let mut whole = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec();
    whole.extend_from_slice(&long);
    let answers = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc".to_vec(), whole];
    let mut connection = Connection::open(&server(answers)).await.unwrap();
    let failure = connection.ask(b"GET / HTTP/1.1\r\n\r\n").await.map(drop).unwrap_err();
    let Failure::Transport { doing: "receiving", why, .. } = failure else { panic!("{failure}") };
    assert_eq!(why, "the server closed the connection");
    let answer = connection.ask(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!((answer.status, answer.body), (200, &long[..]));
}

#[tokio::test]
async fn more_than_the_head_says_is_a_failure() {
    let answers = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc".to_vec()];
    let mut connection = Connection::open(&server(answers)).await.unwrap();
    let failure = connection.ask(b"GET / HTTP/1.1\r\n\r\n").await.map(drop).unwrap_err();
    assert!(failure.to_string().ends_with("receiving failed: more came than the answer's head says"), "{failure}");
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let failure = Connection::open(&Server::new(&url, None, None).unwrap()).await.map(drop).unwrap_err();
    assert!(failure.to_string().starts_with(&format!("{url}: connecting failed: ")), "{failure}");
}
