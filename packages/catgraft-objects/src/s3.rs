//! A bucket of Amazon S3 or of anything that speaks its protocol.
//!
//! Asks for nothing but plain PUT, GET with a range, HEAD, DELETE and ListObjectsV2, without optional checksums, so that
//! any S3-like store will do. An attempt lasts from the connection to the last byte of the answer (see `patience`), and
//! the SDK repeats one that failed and may be repeated, after waits that are drawn.

mod answer;
mod body;
mod client;
mod credentials;
mod errors;
mod patience;
mod progress;
mod repeats;

#[cfg(test)]
mod tests;

use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::{
    Client, config::Credentials, operation::get_object::builders::GetObjectFluentBuilder, primitives::ByteStream,
};
use bytes::Bytes;

use self::{answer::AnswerError, repeats::Repeats};
use crate::{
    config::S3Config,
    error::{BoxError, Error, Operation, Verb, range_len},
    key::{KeyPrefix, ObjectKey},
    payload::Payload,
    store::{ExtraRequests, ObjectMeta, ObjectStore},
};

/// Most keys in one answer of ListObjectsV2.
const LIST_MAX: usize = 1000;

/// Objects in a bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// What every key begins with: empty, or text that ends with `/`.
    base: String,
    repeats: Repeats,
}

impl S3Store {
    /// Reaches a bucket with the credentials of the standard AWS variables, profiles or roles. Nothing is asked of it yet.
    pub async fn open(config: &S3Config) -> Self {
        Self::with_client(config, client::connect(config, None).await)
    }

    /// Reaches a bucket with a pair of keys, whatever the environment says.
    pub async fn open_with_keys(config: &S3Config, access_key: &str, secret_key: &str) -> Self {
        let credentials = Credentials::new(access_key, secret_key, None, None, "given");
        Self::with_client(config, client::connect(config, Some(credentials)).await)
    }

    fn with_client(config: &S3Config, client: Client) -> Self {
        let base = match config.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self { client, bucket: config.bucket.clone(), base, repeats: Repeats::default() }
    }

    fn name_of(&self, key: &ObjectKey) -> String {
        format!("{}{key}", self.base)
    }

    fn get_request(&self, key: &ObjectKey) -> GetObjectFluentBuilder {
        self.client.get_object().bucket(&self.bucket).key(self.name_of(key))
    }
}

fn internal(operation: Operation, source: impl Into<BoxError>) -> Error {
    Error::Internal { operation, source: source.into() }
}

/// The body of an answer, which lies in memory already.
async fn bytes_of(key: &ObjectKey, body: ByteStream) -> Result<Bytes, Error> {
    match body.collect().await {
        Ok(bytes) => Ok(bytes.into_bytes()),
        Err(error) => Err(internal(Operation::Get(key.clone()), error)),
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put(&self, key: &ObjectKey, payload: Payload) -> Result<(), Error> {
        let operation = || Operation::Put(key.clone());
        let len = i64::try_from(payload.len()).map_err(|error| internal(operation(), error))?;
        let request = self.client.put_object().bucket(&self.bucket).key(self.name_of(key)).content_length(len);
        let request = request.body(body::stream(payload)).customize().interceptor(self.repeats.of(Verb::Put));
        request.send().await.map_err(|error| errors::of(operation(), error))?;
        Ok(())
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes, Error> {
        let len = range_len(key, &range)?;
        let request = self.get_request(key).range(format!("bytes={}-{}", range.start, range.end - 1));
        let request = request.customize().interceptor(self.repeats.of(Verb::Get));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if errors::is_range_past_end(&error) => {
                return Err(Error::Short { key: key.clone(), range, got: 0 });
            }
            Err(error) => return Err(errors::of_object(key, Operation::Get(key.clone()), error)),
        };
        let read = bytes_of(key, answer.body).await?;
        match read.len() as u64 {
            got if got < len => Err(Error::Short { key: key.clone(), range, got }),
            _ => Ok(read),
        }
    }

    async fn get(&self, key: &ObjectKey) -> Result<Bytes, Error> {
        let operation = || Operation::Get(key.clone());
        let request = self.get_request(key).customize().interceptor(self.repeats.of(Verb::Get));
        let answer = request.send().await.map_err(|error| errors::of_object(key, operation(), error))?;
        bytes_of(key, answer.body).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, Error> {
        let operation = || Operation::Head(key.clone());
        let request = self.client.head_object().bucket(&self.bucket).key(self.name_of(key));
        let request = request.customize().interceptor(self.repeats.of(Verb::Head));
        let answer = request.send().await.map_err(|error| errors::of_object(key, operation(), error))?;
        let len = answer.content_length.and_then(|len| u64::try_from(len).ok());
        let len = len.ok_or_else(|| internal(operation(), AnswerError::NoLength))?;
        Ok(ObjectMeta { key: key.clone(), len })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let request = self.client.delete_object().bucket(&self.bucket).key(self.name_of(key));
        let request = request.customize().interceptor(self.repeats.of(Verb::Delete));
        match request.send().await.map_err(|error| errors::of_object(key, Operation::Delete(key.clone()), error)) {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, prefix: KeyPrefix, after: Option<&ObjectKey>, limit: usize) -> Result<Vec<ObjectMeta>, Error> {
        let operation = || Operation::List(prefix);
        let mut found = Vec::new();
        let mut start_after = after.map(|key| self.name_of(key));
        let mut continuation = None;
        while found.len() < limit {
            let page_max = (limit - found.len()).min(LIST_MAX) as i32;
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(format!("{}{prefix}", self.base))
                .set_start_after(start_after.take())
                .set_continuation_token(continuation.take())
                .max_keys(page_max)
                .customize()
                .interceptor(self.repeats.of(Verb::List));
            let answer = request.send().await.map_err(|error| errors::of(operation(), error))?;
            for object in answer.contents() {
                let name = object.key().and_then(|name| name.strip_prefix(&self.base));
                let Some(key) = name.and_then(ObjectKey::parse) else { continue };
                let len = object.size().and_then(|len| u64::try_from(len).ok());
                found.push(ObjectMeta { key, len: len.ok_or_else(|| internal(operation(), AnswerError::NoLength))? });
            }
            if !answer.is_truncated().unwrap_or(false) {
                break;
            }
            continuation = answer.next_continuation_token;
            if continuation.is_none() {
                return Err(internal(operation(), AnswerError::NoContinuation));
            }
        }
        Ok(found)
    }

    async fn probe(&self) -> Result<(), Error> {
        let request = self.client.head_bucket().bucket(&self.bucket);
        let request = request.customize().interceptor(self.repeats.of(Verb::Probe));
        request.send().await.map_err(|error| errors::of(Operation::Probe, error))?;
        Ok(())
    }

    fn extra_requests(&self, verb: Verb) -> ExtraRequests {
        ExtraRequests { repeats: self.repeats.count(verb), hedges: 0 }
    }
}
