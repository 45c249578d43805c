//! Clients without manners: slow ones, endless ones, those that say one length and send another, and many at once. Nothing
//! here measures time: what has to end is waited for.

use std::net::SocketAddr;

use catgraft_proto::graft::common::v1::GraftErr;
use catgraft_service::{
    http::{Auth, Limits, Pace},
    room::Queue,
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{
    client::{Connection, Request},
    fixture::{LARGE_BYTES, LEISURE_TIME, SHORT, start, start_with},
};

/// What the answer of `large` takes of the room for answers: its text, five bytes of message, and the rest of a unit.
const LARGE_ROOM: u64 = (LARGE_BYTES as u64 + 5).next_multiple_of(1024);

/// Limits of which one is short.
fn hasty() -> Limits {
    Limits { pace: Pace { stall_timeout: SHORT, bytes_per_second_min: 1_000_000_000 }, ..Limits::default() }
}

fn hasty_with_heads() -> Limits {
    Limits { head_timeout: 5 * SHORT, ..Limits::default() }
}

fn message(len: usize) -> Vec<u8> {
    GraftErr { code: 0, message: "x".repeat(len) }.encode_to_vec()
}

/// A value out of `/metrics`; none where it is not told, as the page is given up like any other where it comes late.
async fn metric(address: SocketAddr, name: &str) -> Option<u64> {
    let page = Request::new("GET", "/metrics").header("Connection", "close").send(address).await;
    page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

async fn until_metric(address: SocketAddr, name: &str, value: u64) {
    while metric(address, name).await != Some(value) {
        sleep(SHORT / 10).await;
    }
}

/// Sends these bytes one by one until the server ends the connection, and gives what it said.
async fn trickle(connection: Connection, bytes: impl Iterator<Item = u8> + Send + 'static) -> String {
    let (mut read, mut write) = connection.0.into_split();
    let sending = tokio::spawn(async move {
        for byte in bytes {
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(SHORT / 20).await;
        }
        write
    });
    let mut said = Vec::new();
    let _ = read.read_to_end(&mut said).await;
    sending.abort();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_body_that_stops_or_trickles_is_given_up() {
    let service = start_with(Auth::Off, hasty());
    let announced = Request::call("echo").body(message(10)).header("Content-Length", "5000");
    let mut stopped = Connection::open(service.address).await;
    let told = stopped.exchange(&announced).await.error(400, 1);
    assert!(told.starts_with("the request body comes too slowly: 12 bytes of it came"), "{told}");
    // Something comes all the time, and never enough.
    let mut trickling = Connection::open(service.address).await;
    trickling.send(&announced).await;
    let said = trickle(trickling, std::iter::repeat_n(b'x', 4000)).await;
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("the request body comes too slowly"), "{said}");
    let chunked = b"POST /metastore/v1/echo HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-protobuf\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
    let mut trickling = Connection::open(service.address).await;
    trickling.send_bytes(chunked).await.unwrap();
    let said = trickle(trickling, b"1\r\nx\r\n".iter().copied().cycle().take(20_000)).await;
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("the request body comes too slowly"), "{said}");
}

#[tokio::test]
async fn a_client_that_the_handler_keeps_waiting_is_not_slow() {
    let pace = Pace { stall_timeout: LEISURE_TIME * 5 / 6, ..hasty().pace };
    let service = start_with(Auth::Off, Limits { pace, ..Limits::default() });
    let mut connection = Connection::open(service.address).await;
    connection.send(&Request::call("leisure").body(vec![0]).header("Content-Length", "4")).await;
    for _ in 0..3 {
        tokio::select! {
            () = service.knobs.waiting.notified() => {}
            answer = connection.receive() => panic!("{answer:?}"),
        }
        sleep(SHORT / 5).await;
        connection.send_bytes(&[0]).await.unwrap();
    }
    assert_eq!(connection.receive().await.status, 200);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up_whether_it_is_the_first_or_a_later_one() {
    let service = start_with(Auth::Off, hasty_with_heads());
    let head = || "POST /metastore/v1/echo HTTP/1.1\r\nX-Filler: ".bytes().chain(std::iter::repeat_n(b'x', 100_000));
    let mut stopped = Connection::open(service.address).await;
    stopped.send_bytes(b"POST /metastore").await.unwrap();
    let said = stopped.ended().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    let said = trickle(Connection::open(service.address).await, head()).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    for requests in 1..3 {
        let mut stopped = Connection::open(service.address).await;
        let mut trickling = Connection::open(service.address).await;
        for _ in 0..requests {
            assert_eq!(stopped.exchange(&Request::call("echo")).await.status, 200);
            assert_eq!(trickling.exchange(&Request::call("echo")).await.status, 200);
        }
        stopped.send_bytes(b"POST /metastore").await.unwrap();
        assert_eq!(stopped.ended().await, "");
        assert_eq!(trickle(trickling, head()).await, "");
    }
    assert_eq!(Request::call("echo").send(service.address).await.status, 200);
}

#[tokio::test]
async fn a_body_without_an_end_is_refused_and_its_connection_ends() {
    let service = start_with(Auth::Off, hasty_with_heads());
    for call in ["echo", "nope"] {
        let mut connection = Connection::open(service.address).await;
        let head = format!(
            "POST /metastore/v1/{call} HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-protobuf\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        connection.send_bytes(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = connection.0.into_split();
        let sending = tokio::spawn(async move {
            let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
            let mut sent: u64 = 0;
            while write.write_all(&chunk).await.is_ok() {
                sent += 0x10000;
            }
            sent
        });
        let mut said = Vec::new();
        let _ = read.read_to_end(&mut said).await;
        assert!(said.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&said));
        assert!(sending.await.unwrap() > 0);
    }
    until_metric(service.address, "catgraft_connections", 1).await;
}

#[tokio::test]
async fn lengths_that_are_wrong_are_refused_and_nothing_of_them_becomes_another_request() {
    let service = start_with(Auth::Off, hasty());
    let head = "POST /metastore/v1/echo HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-protobuf\r\n";
    let say = async |rest: &str| {
        let mut connection = Connection::open(service.address).await;
        connection.send_bytes(format!("{head}{rest}").as_bytes()).await.unwrap();
        connection.ended().await
    };
    // Two lengths, a length and chunks, a length that is none: no two readers may understand them differently.
    for lengths in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let said = say(&format!("{lengths}\r\n\x08\x01\x12GET /health HTTP/1.1\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{lengths}: {said}");
        assert_eq!(said.matches("HTTP/1.1").count(), 1, "{lengths}: {said}");
    }
    // Longer than what comes: the rest is waited for as long as for any body.
    let said = say("Content-Length: 200\r\n\r\n\x08\x01").await;
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("comes too slowly: 2 bytes"), "{said}");
    // Shorter: what is behind it is no request.
    let said = say("Content-Length: 2\r\n\r\n\x08\x01\x08\x01\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("HTTP/1.1 400 "), "{said}");
    // Far more than there can be.
    let said = say("Content-Length: 18446744073709551615\r\n\r\n\x08\x01").await;
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("larger than"), "{said}");
    // A chunk of more than there can be.
    let said = say("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\x08\x01").await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let service = start(Auth::Off);
    let mut connection = Connection::open(service.address).await;
    let large = format!("POST /metastore/v1/echo HTTP/1.1\r\nX-Filler: {}\r\n\r\n", "x".repeat(1_000_000));
    let _ = connection.send_bytes(large.as_bytes()).await;
    let said = connection.ended().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    let mut connection = Connection::open(service.address).await;
    let many = format!("POST /metastore/v1/echo HTTP/1.1\r\n{}\r\n", "X-Filler: x\r\n".repeat(1000));
    let _ = connection.send_bytes(many.as_bytes()).await;
    let said = connection.ended().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    assert_eq!(Request::call("echo").send(service.address).await.status, 200);
}

#[tokio::test]
async fn requests_that_come_in_one_write_are_answered_in_their_order() {
    const REQUESTS: usize = 500;
    let service = start(Auth::Off);
    let mut connection = Connection::open(service.address).await;
    let request = |number: usize| {
        let call = if number.is_multiple_of(7) { "missing" } else { "echo" };
        Request::call(call).body(message(number)).header("X-Request-Id", &format!("number-{number}"))
    };
    let bytes: Vec<u8> = (0..REQUESTS).flat_map(|number| request(number).to_bytes()).collect();
    let (read, mut write) = connection.0.into_split();
    let sending = tokio::spawn(async move {
        write.write_all(&bytes).await.unwrap();
        write
    });
    let mut behind = Vec::new();
    let mut answers = Vec::new();
    connection = Connection(read.reunite(sending.await.unwrap()).unwrap());
    for _ in 0..REQUESTS {
        answers.push(connection.receive_after(&mut behind).await);
    }
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.header("x-request-id"), Some(format!("number-{number}").as_str()));
        assert_eq!(answer.status, if number.is_multiple_of(7) { 404 } else { 200 });
    }
}

#[tokio::test]
async fn who_sends_requests_and_takes_no_answer_is_given_up() {
    let service = start_with(Auth::Off, hasty());
    let connection = Connection::open(service.address).await;
    let request = Request::call("echo").body(message(50_000)).to_bytes();
    let (_read, mut write) = connection.0.into_split();
    // It ends because the server ends it.
    while write.write_all(&request).await.is_ok() {}
    until_metric(service.address, "catgraft_connections", 1).await;
}

#[tokio::test]
async fn an_answer_that_is_not_taken_gives_its_memory_back_and_meanwhile_others_are_told_to_come_back() {
    let limits = Limits {
        answer_memory: catgraft_core::ByteSize::from_mib(20),
        queue: Queue { waiting_max: 0, ..Limits::default().queue },
        ..Limits::default()
    };
    let service = start_with(Auth::Off, limits);
    let address = service.address;
    let mut idle = Connection::open(address).await;
    idle.send(&Request::call("large")).await;
    until_metric(address, "catgraft_answer_memory_bytes", LARGE_ROOM).await;
    let busy = Request::call("large").send(address).await;
    assert!(busy.error(503, 101).contains("busy with the answers of others"));
    assert_eq!(busy.header("retry-after"), Some("1"));
    assert_eq!(Request::call("echo").body(message(20_000)).send(address).await.status, 200);
    assert_eq!(idle.receive().await.body.len(), LARGE_BYTES + 5);
    until_metric(address, "catgraft_answer_memory_bytes", 0).await;
    assert_eq!(Request::call("large").send(address).await.status, 200);
    // And where it never is.
    let service = start_with(Auth::Off, Limits { pace: hasty().pace, ..limits });
    let mut never = Connection::open(service.address).await;
    never.send(&Request::call("large")).await;
    until_metric(service.address, "catgraft_requests_total{call=\"large\",status=\"200\"}", 1).await;
    until_metric(service.address, "catgraft_answer_memory_bytes", 0).await;
    until_metric(service.address, "catgraft_connections", 1).await;
}

#[tokio::test]
async fn bodies_have_room_together_and_who_finds_none_is_told_to_come_back() {
    let limits = Limits {
        body_memory: catgraft_core::ByteSize::from_mib(1),
        queue: Queue { waiting_max: 0, ..Limits::default().queue },
        ..Limits::default()
    };
    let service = start_with(Auth::Off, limits);
    let address = service.address;
    let kept = tokio::spawn(async move { Request::call("keep").body(message(90_000)).send(address).await.status });
    service.knobs.waiting.notified().await;
    assert!(metric(address, "catgraft_body_memory_bytes").await >= Some(8 * 90_000));
    let busy = Request::call("echo").body(message(90_000)).send(address).await;
    assert!(busy.error(503, 101).contains("busy with other requests"));
    assert_eq!(busy.header("retry-after"), Some("1"));
    // A body of unknown length may be as large as it can be.
    let mut chunked = Connection::open(address).await;
    let head = "POST /metastore/v1/echo HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-protobuf\r\n\
                Transfer-Encoding: chunked\r\n\r\n2\r\n\x08\x01\r\n0\r\n\r\n";
    chunked.send_bytes(head.as_bytes()).await.unwrap();
    chunked.receive().await.error(503, 101);
    // What is small needs no room.
    assert_eq!(Request::call("echo").body(message(1000)).send(address).await.status, 200);
    service.knobs.go_on.notify_one();
    assert_eq!(kept.await.unwrap(), 200);
    until_metric(address, "catgraft_body_memory_bytes", 0).await;
    assert_eq!(Request::call("echo").body(message(90_000)).send(address).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_built_to_expand_is_refused_before_it_does() {
    let service = start(Auth::Off);
    let empty_fields = b"\x2a\x00".repeat(40_000);
    let told = Request::call("echo").body(empty_fields).send(service.address).await.error(400, 1);
    assert_eq!(told, "the body has too many fields that are too short for what they should hold");
    for encoding in ["gzip", "br", "zstd", "deflate", "gzip, identity", "x"] {
        let bomb = Request::call("echo").body(vec![0; 1000]).header("Content-Encoding", encoding);
        assert_eq!(bomb.send(service.address).await.error(400, 1), "a request body must not be compressed");
    }
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_until_one_ends_and_the_others_work_on() {
    let service = start_with(Auth::Off, Limits { connections_max: 2, ..Limits::default() });
    let address = service.address;
    let mut connections = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(address).await;
        assert_eq!(connection.exchange(&Request::call("echo")).await.status, 200);
        connections.push(connection);
    }
    let waiting = tokio::spawn(async move { Request::call("echo").send(address).await.status });
    for _ in 0..50 {
        let page = connections[0].exchange(&Request::new("GET", "/metrics")).await;
        assert!(page.text().contains("\ncatgraft_connections 2\n"), "{}", page.text());
        assert_eq!(connections[1].exchange(&Request::call("echo")).await.status, 200);
    }
    assert!(!waiting.is_finished());
    connections.pop();
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(connections[0].exchange(&Request::call("echo")).await.status, 200);
}

#[tokio::test]
async fn connections_that_say_nothing_are_given_up() {
    let service = start_with(Auth::Off, hasty_with_heads());
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(service.address).await.unwrap());
    }
    assert_eq!(Request::call("echo").send(service.address).await.status, 200);
    until_metric(service.address, "catgraft_connections", 1).await;
}
