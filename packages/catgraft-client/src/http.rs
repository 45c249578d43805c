//! The way to a service over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{
    Body, Client, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
    redirect::Policy,
};

use crate::{
    EndpointError,
    transport::{Answer, PROTOBUF, Transport, TransportError},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One service over HTTP.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    base: Url,
}

impl Http {
    /// The service at this address; the token goes with every call, and a call takes no longer than this.
    pub(crate) fn new(base: Url, token: Option<&str>, timeout: Duration) -> Result<Self, EndpointError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| EndpointError::Token)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = match base.scheme() {
            "https" => Client::builder(),
            // Never speaks TLS: the machine's certificates are not read, which takes some milliseconds, and need not be
            // there.
            _ => Client::builder().tls_certs_only([]),
        };
        let client = client
            .default_headers(headers)
            // Token and pages are for this address and no other: a redirect is an error that is told.
            .redirect(Policy::none())
            .user_agent(concat!("catgraft/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(EndpointError::Client)?;
        Ok(Self { client, base })
    }
}

#[async_trait]
impl Transport for Http {
    fn url(&self) -> &str {
        self.base.as_str()
    }

    async fn post(&self, path: &'static str, body: Body) -> Result<Answer, TransportError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let response = self.client.post(url).body(body).send().await?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Ok(Answer { status, content_type, body: response.bytes().await? })
    }
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        // The address is told by whoever tells the error.
        Self { is_timeout: error.is_timeout(), source: error.without_url().into() }
    }
}
