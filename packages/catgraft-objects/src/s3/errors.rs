//! What the SDK's errors mean to us.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::answer::AnswerError;
use crate::{
    error::{Error, Operation},
    key::ObjectKey,
};

type RawError<E> = SdkError<E, HttpResponse>;

/// Codes that say "not you", whatever status they come with.
const DENIED_CODES: [&str; 5] =
    ["AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"];
/// Codes that say "not now", whatever status they come with. A bucket that is gone may be made again.
const UNAVAILABLE_CODES: [&str; 4] = ["NoSuchBucket", "RequestTimeout", "SlowDown", "InternalError"];

/// The error of an operation on an object: one that is not there is [`Error::NotFound`].
pub(super) fn of_object<E>(key: &ObjectKey, operation: Operation, error: RawError<E>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let is_missing = status(&error) == Some(404) && error.code() != Some("NoSuchBucket");
    if is_missing { Error::NotFound { key: key.clone() } } else { of(operation, error) }
}

/// The error of any operation.
pub(super) fn of<E>(operation: Operation, error: RawError<E>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default();
    let is_denied = DENIED_CODES.contains(&code) || has_no_credentials(&error);
    let is_unavailable = UNAVAILABLE_CODES.contains(&code) || has_no_whole_answer(&error);
    let is_unfit = has_unfit_answer(&error);
    let status = status(&error);
    let source = error.into();
    match status {
        _ if is_denied => Error::Denied { operation, source },
        _ if is_unfit => Error::Internal { operation, source },
        _ if is_unavailable => Error::Unavailable { operation, source },
        Some(401 | 403) => Error::Denied { operation, source },
        // Without an object in question, what is not found is the bucket.
        Some(404 | 408 | 429 | 500..) => Error::Unavailable { operation, source },
        _ => Error::Internal { operation, source },
    }
}

/// Was there no answer, or only a part of one?
fn has_no_whole_answer<E>(error: &RawError<E>) -> bool {
    matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_))
}

/// Did an answer come that does not fit the question, and never will?
fn has_unfit_answer(error: &(dyn StdError + 'static)) -> bool {
    match error.downcast_ref() {
        Some(AnswerError::Incomplete { .. }) => false,
        Some(_) => true,
        None => error.source().is_some_and(has_unfit_answer),
    }
}

/// Did the SDK find no credentials at all?
fn has_no_credentials(error: &(dyn StdError + 'static)) -> bool {
    match error.downcast_ref() {
        Some(CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) => true,
        _ => error.source().is_some_and(has_no_credentials),
    }
}

/// Is it that the object ends before the range begins?
pub(super) fn is_range_past_end<E>(error: &RawError<E>) -> bool {
    status(error) == Some(416)
}

fn status<E>(error: &RawError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
