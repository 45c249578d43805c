//! The SDK's client: where it connects to, how long it waits, how often it tries.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, environment::EnvironmentVariableRegionProvider, meta::region::RegionProviderChain,
    profile::ProfileFileRegionProvider, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::{
    Client,
    config::{Builder, Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider},
};

use crate::config::S3Config;

/// Signatures need a region; stores that are not Amazon's mostly take this one.
const REGION_DEFAULT: &str = "us-east-1";
/// The variables that name an endpoint, first one first. The last is not Amazon's, but widely used.
const ENDPOINT_VARIABLES: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];

/// A client waits 60 s for its answer at most, so all attempts together must end before that.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(50);
/// Room for 16 MiB at 1 MB/s. For a read this ends with the head of the answer; the SDK then watches for stalls.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS_MAX: u32 = 3;
const BACKOFF_INITIAL: Duration = Duration::from_millis(100);

/// A client for the configured endpoint. Without credentials it looks for them where the AWS tools do.
pub(super) async fn connect(config: &S3Config, credentials: Option<Credentials>) -> Client {
    let endpoint = endpoint(config, |name| std::env::var(name).ok());
    let region = RegionProviderChain::first_try(config.region.clone().map(Region::new));
    let region = match endpoint {
        Some(_) => region
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else(Region::new(REGION_DEFAULT)),
        None => region.or_default_provider(),
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_initial_backoff(BACKOFF_INITIAL);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .timeout_config(timeouts)
        .retry_config(retries)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    let shared = loader.load().await;
    let path_style = config.path_style.unwrap_or(shared.endpoint_url().is_some());
    Client::from_conf(Builder::from(&shared).force_path_style(path_style).build())
}

/// The endpoint that is set, in the configuration or in a variable. One set in an AWS profile the SDK finds itself.
pub(super) fn endpoint(config: &S3Config, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let from_variables = || ENDPOINT_VARIABLES.iter().filter_map(|name| variable(name)).find(|url| !url.is_empty());
    config.endpoint.clone().or_else(from_variables)
}
