//! One connection that is kept: a request goes out in one piece, an answer comes back into a buffer that is used again.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Encoding, Server, head::Head};
use crate::Failure;

/// Bytes that the buffer begins with: head and body of most answers.
const BUFFER_BYTES: usize = 16 * 1024;
/// No answer of the protocol is longer; a server that says so is not one.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An answer, as it lies in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// How the body is encoded.
    pub(crate) encoding: Option<Encoding>,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// A connection to a server. After a failure it opens itself again with the next request.
pub(crate) struct Connection {
    server: Server,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(server: &Server) -> Result<Self, Failure> {
        let mut connection = Self { server: server.clone(), stream: None, buffer: vec![0; BUFFER_BYTES] };
        connection.stream().await?;
        Ok(connection)
    }

    /// Sends a whole request and reads its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.send(request).await?;
        self.answer().await
    }

    /// Sends a part of a request.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = self.stream().await?.write_all(bytes).await;
        sent.map_err(|error| self.lost("sending", &error))
    }

    /// Reads the answer to the request that was sent.
    pub(crate) async fn answer(&mut self) -> Result<Answer<'_>, Failure> {
        let mut filled = 0;
        let mut known: Option<Head> = None;
        let head = loop {
            let stream = self.stream.as_mut().expect("a request was sent on it");
            match stream.read(&mut self.buffer[filled..]).await {
                Ok(0) => return Err(self.lost("receiving", &"the server closed the connection")),
                Ok(read) => filled += read,
                Err(error) => return Err(self.lost("receiving", &error)),
            }
            if known.is_none() {
                known = Head::parse(&self.buffer[..filled]).map_err(|why| self.lost("receiving", &why))?;
                self.make_room(known, filled)?;
            }
            match known {
                Some(head) if filled == head.len + head.body_len => break head,
                Some(head) if filled > head.len + head.body_len => {
                    return Err(self.lost("receiving", &"more came than the answer's head says"));
                }
                _ => {}
            }
        };
        if head.closes {
            self.stream = None;
        }
        let body = &self.buffer[head.len..head.len + head.body_len];
        Ok(Answer { status: head.status, encoding: head.encoding, body })
    }

    /// Room for the whole answer, once its head is known, or for more of the head.
    fn make_room(&mut self, head: Option<Head>, filled: usize) -> Result<(), Failure> {
        let needed = match head {
            Some(head) if head.body_len > BODY_BYTES_MAX => {
                return Err(self.lost("receiving", &format!("an answer of {} bytes", head.body_len)));
            }
            Some(head) => head.len + head.body_len,
            None if filled < self.buffer.len() => return Ok(()),
            None if filled > BODY_BYTES_MAX => return Err(self.lost("receiving", &"an endless head")),
            None => filled * 2,
        };
        // One byte more than needed, so that a server that sends too much is found out.
        if self.buffer.len() <= needed {
            self.buffer.resize(needed + 1, 0);
        }
        Ok(())
    }

    async fn stream(&mut self) -> Result<&mut TcpStream, Failure> {
        if self.stream.is_none() {
            let opened = async {
                let stream = TcpStream::connect(self.server.address()).await?;
                stream.set_nodelay(true)?;
                Ok::<_, std::io::Error>(stream)
            };
            let stream = opened.await.map_err(|error| self.lost("connecting", &error))?;
            self.stream = Some(stream);
        }
        Ok(self.stream.as_mut().expect("it was just opened"))
    }

    fn lost(&mut self, doing: &'static str, why: &dyn std::fmt::Display) -> Failure {
        self.stream = None;
        Failure::Transport { server: self.server.url().to_owned(), doing, why: why.to_string() }
    }
}
