//! The SDK's client: where it connects to, how long it waits, how often it tries.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, environment::EnvironmentVariableRegionProvider, meta::region::RegionProviderChain,
    profile::ProfileFileRegionProvider, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::{
    Client,
    config::{
        Builder, Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
        SharedHttpClient, StalledStreamProtectionConfig,
    },
};
use aws_smithy_http_client::{
    ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};

use super::{credentials, patience::PatientClient};
use crate::config::S3Config;

/// Signatures need a region; stores that are not Amazon's mostly take this one.
const REGION_DEFAULT: &str = "us-east-1";
/// The variables that name an endpoint, first one first. The last is not Amazon's, but widely used.
const ENDPOINT_VARIABLES: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];

/// Each may stall for as long as the configuration says, and no longer.
const ATTEMPTS_MAX: u32 = 3;
const BACKOFF_INITIAL: Duration = Duration::from_millis(100);

/// A client for the configured endpoint. Without credentials it looks for them where the AWS tools do.
pub(super) async fn connect(config: &S3Config, credentials: Option<Credentials>) -> Client {
    let endpoint = endpoint(config, |name| std::env::var(name).ok());
    let asks_instance = config.instance_credentials.unwrap_or(endpoint.is_none());
    let region = region(config, endpoint.is_some(), asks_instance && credentials.is_none()).await;
    let credentials = match credentials {
        Some(credentials) => SharedCredentialsProvider::new(credentials),
        None => credentials::find(region.clone(), asks_instance).await,
    };
    let http_client = PatientClient { inner: http_client(), stall_timeout: config.stall_timeout };
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials)
        .http_client(SharedHttpClient::new(http_client))
        .timeout_config(TimeoutConfig::builder().connect_timeout(config.connect_timeout).build())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_initial_backoff(BACKOFF_INITIAL))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // Ours sees stalls of every part of a request.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let shared = loader.load().await;
    let path_style = config.path_style.unwrap_or(shared.endpoint_url().is_some());
    Client::from_conf(Builder::from(&shared).force_path_style(path_style).build())
}

/// The configured region, or where there is none, that of the AWS variables or profile.
async fn region(config: &S3Config, has_endpoint: bool, asks_instance: bool) -> Option<Region> {
    let chain = RegionProviderChain::first_try(config.region.clone().map(Region::new));
    let chain = match asks_instance && !has_endpoint {
        true => chain.or_default_provider(),
        false => chain.or_else(EnvironmentVariableRegionProvider::new()).or_else(ProfileFileRegionProvider::new()),
    };
    chain.or_else(has_endpoint.then(|| Region::new(REGION_DEFAULT))).region().await
}

/// What the SDK takes when it is left alone.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

/// The endpoint that is set, in the configuration or in a variable. One set in an AWS profile the SDK finds itself.
pub(super) fn endpoint(config: &S3Config, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let from_variables = || ENDPOINT_VARIABLES.iter().filter_map(|name| variable(name)).find(|url| !url.is_empty());
    config.endpoint.clone().or_else(from_variables)
}
