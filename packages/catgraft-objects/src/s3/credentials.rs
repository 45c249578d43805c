//! Where credentials come from: the places where the AWS tools look, the machine's metadata service last and only where
//! it is wanted. Elsewhere nobody answers there, and every request would wait to find that out.

use aws_config::{
    Region, default_provider::credentials::DefaultCredentialsChain, ecs::EcsCredentialsProvider,
    environment::EnvironmentVariableCredentialsProvider, imds, meta::credentials::CredentialsProviderChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};

/// There are none anywhere.
#[derive(Debug, thiserror::Error)]
enum NoCredentials {
    #[error(
        "no credentials of the object store are set: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or \
         objectstore.instance_credentials = true where the machine has a role"
    )]
    Nowhere,
    #[error(
        "no credentials of the object store are set, and this machine has no role: set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY or AWS_PROFILE"
    )]
    NotOfTheInstance,
}

/// Looks wherever credentials may be, whenever they are needed.
pub(super) async fn find(region: Option<Region>, asks_instance: bool) -> SharedCredentialsProvider {
    if asks_instance {
        // One attempt: a machine that has the service has it near.
        let service = imds::Client::builder().max_attempts(1).build();
        let chain = DefaultCredentialsChain::builder().region(region).imds_client(service).build().await;
        return SharedCredentialsProvider::new(Told { chain, missing: || NoCredentials::NotOfTheInstance });
    }
    let config = ProviderConfig::without_region().with_region(region);
    let chain = CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Profile", ProfileFileCredentialsProvider::builder().configure(&config).build())
        .or_else("WebIdentityToken", WebIdentityTokenCredentialsProvider::builder().configure(&config).build())
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(&config).build());
    SharedCredentialsProvider::new(Told { chain, missing: || NoCredentials::Nowhere })
}

/// A chain that says what to do when it finds nothing.
#[derive(Debug)]
struct Told<C> {
    chain: C,
    missing: fn() -> NoCredentials,
}

impl<C: ProvideCredentials> ProvideCredentials for Told<C> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let found: provider::Result = self.chain.provide_credentials().await;
            found.map_err(|error| match error {
                CredentialsError::CredentialsNotLoaded(_) => CredentialsError::not_loaded((self.missing)()),
                other => other,
            })
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.chain.fallback_on_interrupt()
    }
}
