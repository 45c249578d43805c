//! An S3 double: a real HTTP server with real signatures in front of a bucket in memory, as slow and as faulty as it is
//! told to be.
//!
//! It runs on the runtime that started it, until it is dropped. It does what the house asks of S3 and no more; any
//! other operation is answered with `NotImplemented`. Faults are what a client sees on the wire: [`FaultRule`]s strike
//! single requests, [`Switches`] concern everything. Both are set in the process or, with
//! [`S3Options::control`], over a second port (see `control`).

mod bucket;
mod control;
mod fault;
mod latency;
mod server;
mod status;
mod tally;
mod visit;
mod wire;
mod world;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use catgraft_objects::{S3Config, S3Store};
use s3s::service::S3ServiceBuilder;
use tokio::{net::TcpListener, task::JoinHandle};

use self::{
    bucket::{Bucket, Keys},
    control::Control,
    fault::Faults,
    latency::Waits,
    world::World,
};
pub use self::{
    fault::{Fault, FaultRule, RuleStatus, S3Call},
    latency::{Delay, Latency},
    status::S3Status,
    tally::{S3Bytes, S3Requests},
    world::Switches,
};

/// A running double. Dropping it closes its ports and its connections, and forgets its objects.
pub struct S3Double {
    address: SocketAddr,
    control_address: Option<SocketAddr>,
    options: S3Options,
    world: Arc<World>,
    servers: Vec<JoinHandle<()>>,
}

/// What a double is to be.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// Where it listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Where it takes commands; without it, only in this process.
    pub control: Option<SocketAddr>,
    /// Its one bucket.
    pub bucket: String,
    /// The access key that clients must sign with.
    pub access_key: String,
    /// The secret that belongs to it.
    pub secret_key: String,
    /// How slow it is.
    pub latency: Latency,
    /// What waits, chances and flipped bits are drawn from.
    pub seed: u64,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            control: None,
            bucket: "catgraft".to_owned(),
            access_key: "double".to_owned(),
            secret_key: "double-secret".to_owned(),
            latency: Latency::NONE,
            seed: 1,
        }
    }
}

impl S3Double {
    /// Starts a double on a free port of this machine.
    pub async fn start() -> Self {
        Self::start_with(S3Options::default()).await.expect("a free port can be bound")
    }

    /// Starts a double. It is reachable when this returns.
    pub async fn start_with(options: S3Options) -> io::Result<Self> {
        options.latency.check().map_err(io::Error::other)?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let control_listener = match options.control {
            Some(control) => Some(TcpListener::bind(control).await?),
            None => None,
        };
        let control_address = control_listener.as_ref().map(TcpListener::local_addr).transpose()?;

        // Two generators, so that how long requests take does not decide which of them fail.
        let (faults, waits) = (Faults::new(options.seed), Waits::new(options.latency, options.seed));
        let world = Arc::new(World::new(options.bucket.clone(), faults, waits));
        let mut service = S3ServiceBuilder::new(Bucket(Arc::clone(&world)));
        service.set_auth(Keys {
            world: Arc::clone(&world),
            access_key: options.access_key.clone(),
            secret_key: options.secret_key.clone().into(),
        });
        let mut servers = vec![tokio::spawn(server::serve(listener, service.build(), Arc::clone(&world)))];
        if let Some(listener) = control_listener {
            let control = Control { world: Arc::clone(&world), url: url_of(address), seed: options.seed };
            servers.push(tokio::spawn(server::serve_control(listener, Arc::new(control))));
        }
        Ok(Self { address, control_address, options, world, servers })
    }

    /// Where it listens, as clients want it.
    pub fn url(&self) -> String {
        url_of(self.address)
    }

    /// Where it takes commands, if it does.
    pub fn control_url(&self) -> Option<String> {
        self.control_address.map(url_of)
    }

    /// What it was started with.
    pub fn options(&self) -> &S3Options {
        &self.options
    }

    /// How many requests arrived since it was started, whatever became of them, but for those whose signature was
    /// refused.
    pub fn requests(&self) -> S3Requests {
        self.world.tally.requests()
    }

    /// Everything it tells of itself.
    pub fn status(&self) -> S3Status {
        S3Status::of(&self.world, &self.url(), self.options.seed)
    }

    /// Adds a rule behind those it has, and says its number.
    ///
    /// # Panics
    /// Where the rule's chance is no probability.
    pub fn inject(&self, rule: FaultRule) -> u64 {
        self.world.faults.lock().add(rule).expect("a chance is a probability")
    }

    /// Takes all rules away.
    pub fn clear_faults(&self) {
        self.world.faults.lock().clear();
    }

    /// Changes what is wrong with everything: `double.switch(|switches| switches.frozen = true)`.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.world.switch(change);
    }

    /// The configuration of a store in its bucket, with this prefix. The keys are not in it.
    pub fn config(&self, prefix: &str) -> S3Config {
        S3Config { prefix: prefix.to_owned(), endpoint: Some(self.url()), ..S3Config::new(self.options.bucket.clone()) }
    }

    /// A store in its bucket, with this prefix.
    pub async fn store(&self, prefix: &str) -> S3Store {
        self.store_with(&self.config(prefix)).await
    }

    /// A store with this configuration, and the keys.
    pub async fn store_with(&self, config: &S3Config) -> S3Store {
        S3Store::open_with_keys(config, &self.options.access_key, &self.options.secret_key).await
    }
}

fn url_of(address: SocketAddr) -> String {
    format!("http://{address}")
}

impl Drop for S3Double {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}
