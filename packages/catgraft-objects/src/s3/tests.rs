//! Tests of what needs no server: how the endpoint is found, and what it means that there are no credentials.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::{error::SdkError, operation::head_bucket::HeadBucketError};

use super::{client::endpoint, errors};
use crate::{
    config::S3Config,
    error::{Error, Operation},
};

fn config(endpoint: Option<&str>) -> S3Config {
    S3Config { endpoint: endpoint.map(str::to_owned), ..S3Config::new("b") }
}

fn with_variables(config: &S3Config, variables: &[(&str, &str)]) -> Option<String> {
    endpoint(config, |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn the_configured_endpoint_comes_before_every_variable() {
    let found = with_variables(&config(Some("http://configured")), &[("AWS_ENDPOINT_URL_S3", "http://variable")]);
    assert_eq!(found.as_deref(), Some("http://configured"));
}

#[test]
fn each_variable_names_an_endpoint_and_the_most_special_one_wins() {
    let all = [("AWS_ENDPOINT", "http://c"), ("AWS_ENDPOINT_URL", "http://b"), ("AWS_ENDPOINT_URL_S3", "http://a")];
    let found: Vec<_> = (1..=3).filter_map(|count| with_variables(&config(None), &all[..count])).collect();
    assert_eq!(found, ["http://c", "http://b", "http://a"]);
}

#[test]
fn an_empty_variable_is_no_endpoint() {
    assert_eq!(with_variables(&config(None), &[("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT", "")]), None);
    let found = with_variables(&config(None), &[("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT", "http://c")]);
    assert_eq!(found.as_deref(), Some("http://c"));
}

fn what_it_means(error: CredentialsError) -> Error {
    errors::of(Operation::Probe, SdkError::<HeadBucketError, _>::construction_failure(error))
}

#[test]
fn to_have_no_credentials_is_to_be_denied() {
    let error = what_it_means(CredentialsError::not_loaded("no variable, no profile, no role"));
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
}

#[test]
fn a_request_that_cannot_be_built_is_a_bug_of_somebody() {
    let error = what_it_means(CredentialsError::unhandled("something else"));
    assert!(matches!(error, Error::Internal { .. }), "{error:?}");
}
