//! One service's address: encodes a message, sends it, reads the answer or the protocol's error.

use std::time::Duration;

use bytes::Bytes;
use catgraft_proto::graft::common::v1::{GraftErr, GraftErrCode};
use prost::Message;
use reqwest::{
    Body, Client, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect::Policy,
};

use crate::{Error, Retry};

const PROTOBUF: &str = "application/x-protobuf";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an address or a token can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address is not `http://host:port` or `https://host`.
    #[error("{url:?} is no address of a service: write http://host:port or https://host")]
    Url {
        /// What was given.
        url: String,
    },
    /// The address has a user name or a password in it, which would end up in logs.
    #[error("the address of a service holds no user name and no password: use a token")]
    UrlWithUser,
    /// The token has characters that no header can carry.
    #[error("the token has characters that a token can't have")]
    Token,
    /// TLS could not be set up.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}

/// Where a service is, and how to ask it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    http: Client,
    base: Url,
    retry: Retry,
}

impl Endpoint {
    /// The service at this address; the token goes with every call.
    pub fn new(base: &str, token: Option<&str>, timeout: Duration, retry: Retry) -> Result<Self, EndpointError> {
        let base = parse_url(base)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| EndpointError::Token)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = match base.scheme() {
            "https" => Client::builder(),
            // Never speaks TLS: the machine's certificates are not read, which takes some milliseconds, and need not be
            // there. Whoever redirects to https is to be named with it.
            _ => Client::builder().tls_certs_only([]).redirect(Policy::none()),
        };
        let http = http
            .default_headers(headers)
            .user_agent(concat!("catgraft/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(EndpointError::Client)?;
        Ok(Self { http, base, retry })
    }

    /// The address, for messages.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Sends one message and reads its answer; tries again what is worth it.
    pub(crate) async fn call<Q: Message, A: Message + Default>(
        &self,
        path: &'static str,
        request: &Q,
    ) -> Result<A, Error> {
        let body = Bytes::from(request.encode_to_vec());
        let mut attempt = 1;
        loop {
            let outcome = self.call_once(path, body.clone().into()).await;
            match outcome {
                Err(error) if error.is_retryable() => match self.retry.wait_after(attempt) {
                    Some(wait) => {
                        tracing::debug!(call = path, attempt, error = %error, "trying again");
                        tokio::time::sleep(wait).await;
                        attempt += 1;
                    }
                    None => return Err(error),
                },
                outcome => return outcome,
            }
        }
    }

    /// Sends one body and reads its answer, once.
    pub(crate) async fn call_once<A: Message + Default>(&self, path: &'static str, body: Body) -> Result<A, Error> {
        let transport = |source: reqwest::Error| Error::Transport {
            call: path,
            url: self.base.to_string(),
            source: source.without_url(),
        };
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let response = self.http.post(url).body(body).send().await.map_err(transport)?;
        let status = response.status();
        let is_protobuf = response.headers().get(CONTENT_TYPE).is_some_and(|value| value == PROTOBUF);
        let bytes = response.bytes().await.map_err(transport)?;
        let not_protocol = || Error::NotProtocol { call: path, url: self.base.to_string(), status: status.as_u16() };
        if !is_protobuf {
            return Err(not_protocol());
        }
        if status.is_success() {
            return A::decode(bytes).map_err(|_| not_protocol());
        }
        let refusal = GraftErr::decode(bytes).map_err(|_| not_protocol())?;
        let code = GraftErrCode::try_from(refusal.code).unwrap_or(GraftErrCode::Unspecified);
        Err(Error::Refused { call: path, status: status.as_u16(), code, message: refusal.message })
    }
}

/// Is this the address of a service?
pub fn check_url(text: &str) -> Result<(), EndpointError> {
    parse_url(text).map(drop)
}

fn parse_url(text: &str) -> Result<Url, EndpointError> {
    match Url::parse(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(EndpointError::UrlWithUser),
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => Ok(url),
        _ => Err(EndpointError::Url { url: text.to_owned() }),
    }
}
