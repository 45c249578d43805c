//! The way to a service and back: HTTP, or what a simulation has in its place.

use std::{error::Error as StdError, fmt::Debug};

use async_trait::async_trait;
use bytes::Bytes;
use rand::Rng as _;
use reqwest::Body;

/// The content type of every request and answer of the protocol.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The content type; empty where there is none or it is no text.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// No answer came: connecting, sending or receiving failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", if *is_timeout { "the call took all of its time" } else { "sending or receiving failed" })]
pub struct TransportError {
    /// Was all of the call's time waited?
    pub is_timeout: bool,
    /// What failed.
    pub source: Box<dyn StdError + Send + Sync>,
}

/// Brings requests to one service, and its answers back.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// The address of the service, for messages.
    fn url(&self) -> &str;

    /// Posts a body of the protocol to a path of the service, and waits for the whole answer.
    async fn post(&self, path: &'static str, body: Body) -> Result<Answer, TransportError>;

    /// A number from 0 to 1 that spreads the waits between attempts, so that callers do not come in step.
    fn draw(&self) -> f64 {
        rand::rng().random_range(0.0..=1.0)
    }
}
