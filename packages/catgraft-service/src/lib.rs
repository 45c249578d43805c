//! What both daemons share: settings and secrets, logging, outward errors, the HTTP scaffolding, tokens,
//! metrics, start, readiness and shutdown.
//!
//! The only crate of the house with middleware. It knows the wire's error message and nothing else of the
//! protocol: no volume logic, no SQL, no object storage.

pub mod allocator;
pub mod error;
pub mod http;
pub mod lifecycle;
pub mod logging;
pub mod metrics;
pub mod readiness;
pub mod room;
pub mod secret;
pub mod settings;
pub mod token;

pub use error::{ApiError, ErrorKind};
pub use metrics::Metrics;
pub use readiness::ReadinessCheck;
pub use secret::Secret;
