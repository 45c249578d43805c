//! One service's address: encodes a message, sends it, reads the answer or the protocol's error.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use catgraft_proto::graft::common::v1::{GraftErr, GraftErrCode};
use prost::Message;
use reqwest::{Body, Url};

use crate::{
    Error, Retry,
    http::Http,
    transport::{Answer, PROTOBUF, Transport, TransportError},
};

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
    transport: Arc<dyn Transport>,
    retry: Retry,
}

impl Endpoint {
    /// The service at this address; the token goes with every call.
    pub fn new(base: &str, token: Option<&str>, timeout: Duration, retry: Retry) -> Result<Self, EndpointError> {
        Ok(Self::over(Arc::new(Http::new(parse_url(base)?, token, timeout)?), retry))
    }

    /// The service that this transport reaches.
    pub fn over(transport: Arc<dyn Transport>, retry: Retry) -> Self {
        Self { transport, retry }
    }

    /// The address, for messages.
    pub fn url(&self) -> &str {
        self.transport.url()
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
                Err(error) if error.is_retryable() => match self.retry.wait_after(attempt, self.transport.draw()) {
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
        let transport = |source: TransportError| Error::Transport { call: path, url: self.url().to_owned(), source };
        let Answer { status, content_type, body } = self.transport.post(path, body).await.map_err(transport)?;
        if (300..400).contains(&status) {
            return Err(Error::Redirected { call: path, url: self.url().to_owned(), status });
        }
        let not_protocol = || Error::NotProtocol { call: path, url: self.url().to_owned(), status };
        if content_type != PROTOBUF {
            return Err(not_protocol());
        }
        if (200..300).contains(&status) {
            return A::decode(body).map_err(|_| not_protocol());
        }
        let refusal = GraftErr::decode(body).map_err(|_| not_protocol())?;
        let code = GraftErrCode::try_from(refusal.code).unwrap_or(GraftErrCode::Unspecified);
        Err(Error::Refused { call: path, status, code, message: refusal.message })
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
