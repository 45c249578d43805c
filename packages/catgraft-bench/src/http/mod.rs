//! HTTP as lean as a load generator needs it: plain HTTP/1.1 on one connection that is kept, requests that are bytes
//! already, and answers whose head is looked at for three things. The bodies are somebody else's business.

mod connection;
mod encoding;
mod head;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use connection::{Answer, Connection};
pub use encoding::Encoding;
pub(crate) use server::Call;
pub use server::{Server, Servers};
