//! An S3 double: a real HTTP server with real signatures in front of buckets in memory.
//!
//! It runs on the runtime that started it, until it is dropped. It does what the house asks of S3 and no more; any
//! other operation is answered with `NotImplemented`.

mod bucket;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use catgraft_objects::{S3Config, S3Store};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use self::bucket::Buckets;

/// A running double. Dropping it closes its port and its connections, and forgets its objects.
pub struct S3Double {
    address: SocketAddr,
    options: S3Options,
    buckets: Buckets,
    server: JoinHandle<()>,
}

/// What a double is to be.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// Where it listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Its one bucket.
    pub bucket: String,
    /// The access key that clients must sign with.
    pub access_key: String,
    /// The secret that belongs to it.
    pub secret_key: String,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            bucket: "catgraft".to_owned(),
            access_key: "double".to_owned(),
            secret_key: "double-secret".to_owned(),
        }
    }
}

/// Requests that arrived, whatever became of them, but for those whose signature was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct S3Requests {
    /// PutObject.
    pub puts: u64,
    /// GetObject, with a range or without.
    pub gets: u64,
    /// HeadObject.
    pub heads: u64,
    /// DeleteObject.
    pub deletes: u64,
    /// ListObjectsV2.
    pub lists: u64,
    /// HeadBucket.
    pub head_buckets: u64,
}

impl S3Double {
    /// Starts a double on a free port of this machine.
    pub async fn start() -> Self {
        Self::start_with(S3Options::default()).await.expect("a free port can be bound")
    }

    /// Starts a double. It is reachable when this returns.
    pub async fn start_with(options: S3Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let buckets = Buckets::with(options.bucket.clone());
        let mut service = S3ServiceBuilder::new(buckets.clone());
        service.set_auth(SimpleAuth::from_single(options.access_key.clone(), options.secret_key.clone()));
        let server = tokio::spawn(serve(listener, service.build()));
        Ok(Self { address, options, buckets, server })
    }

    /// Where it listens, as clients want it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was started with.
    pub fn options(&self) -> &S3Options {
        &self.options
    }

    /// How many requests arrived since it was started.
    pub fn requests(&self) -> S3Requests {
        self.buckets.requests()
    }

    /// The configuration of a store in its bucket, with this prefix. The keys are not in it.
    pub fn config(&self, prefix: &str) -> S3Config {
        S3Config {
            bucket: self.options.bucket.clone(),
            prefix: prefix.to_owned(),
            endpoint: Some(self.url()),
            region: None,
            path_style: None,
        }
    }

    /// A store in its bucket, with this prefix.
    pub async fn store(&self, prefix: &str) -> S3Store {
        S3Store::open_with_keys(&self.config(prefix), &self.options.access_key, &self.options.secret_key).await
    }
}

impl Drop for S3Double {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Accepts connections for ever. Whoever drops it closes them all.
async fn serve(listener: TcpListener, service: S3Service) {
    let http = auto::Builder::new(TokioExecutor::new());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let connection = http.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(error, "a connection ended early");
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
