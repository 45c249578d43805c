//! Where a server is, and the heads of the requests that it is sent.

use std::{
    fmt,
    io::Write as _,
    net::{SocketAddr, ToSocketAddrs as _},
};

use super::Encoding;
use crate::Error;

/// One server: a metastore or a pagestore, by its address.
#[derive(Clone)]
pub struct Server {
    url: String,
    host: String,
    prefix: String,
    address: SocketAddr,
    token: Option<String>,
    encoding: Option<Encoding>,
}

/// Both servers that a client talks to.
#[derive(Debug, Clone)]
pub struct Servers {
    /// Where commits and pulls go.
    pub metastore: Server,
    /// Where pages go.
    pub pagestore: Server,
}

/// The token is nobody's business.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Server {
    /// The server at `http://host:port`, with a path in front of the calls' where it is behind something. The token goes
    /// with every request.
    pub fn new(url: &str, token: Option<&str>, encoding: Option<Encoding>) -> Result<Self, Error> {
        if url.starts_with("https://") {
            return Err(Error::Https { url: url.to_owned() });
        }
        let not_url = || Error::Url { url: url.to_owned() };
        let rest = url.strip_prefix("http://").ok_or_else(not_url)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || rest.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control()) {
            return Err(not_url());
        }
        if token.is_some_and(|token| token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic())) {
            return Err(Error::Token);
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let named = if has_port { host.to_owned() } else { format!("{host}:80") };
        let mut addresses = named.to_socket_addrs().map_err(|source| Error::Resolve { url: url.to_owned(), source })?;
        let prefix = path.trim_end_matches('/');
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("/{prefix}") },
            address: addresses.next().ok_or_else(not_url)?,
            token: token.map(str::to_owned),
            encoding,
        })
    }

    /// The address, for messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of the host.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A call of the protocol on this server.
    pub(crate) fn call(&self, path: &'static str) -> Call {
        let Self { host, prefix, token, encoding, .. } = self;
        let mut head =
            format!("POST {prefix}{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-protobuf\r\n");
        if let Some(token) = token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(encoding) = encoding {
            head.push_str(&format!("accept-encoding: {}\r\n", encoding.token()));
        }
        head.push_str("content-length: ");
        Call { path, head: head.into() }
    }

    /// A `GET` on this server, complete.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let Self { host, prefix, .. } = self;
        format!("GET {prefix}{path} HTTP/1.1\r\nhost: {host}\r\n\r\n").into()
    }
}

/// One call of the protocol: its requests differ by their bodies only.
#[derive(Clone)]
pub(crate) struct Call {
    path: &'static str,
    head: Vec<u8>,
}

impl Call {
    /// The call's path.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// Begins a request: all of it but the body, which has so many bytes. What was in `request` is gone.
    pub(crate) fn begin(&self, request: &mut Vec<u8>, body_len: usize) {
        request.clear();
        request.extend_from_slice(&self.head);
        write!(request, "{body_len}\r\n\r\n").expect("a vector takes everything");
    }
}
