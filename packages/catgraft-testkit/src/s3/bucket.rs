//! How the double answers: the few S3 operations that the house uses, on objects in memory.

use std::{ops::Bound, sync::Arc};

use async_trait::async_trait;
use s3s::{
    Body, S3, S3Request, S3Response, S3Result,
    auth::{S3Auth, SecretKey},
    dto::{
        DeleteObjectInput, DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput,
        HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput,
        PutObjectOutput, StreamingBlob,
    },
    s3_error,
};

use super::{
    fault::S3Call,
    visit::Visit,
    world::{Stored, World},
};

/// Most keys in one answer of a listing, as in S3.
const LIST_MAX: usize = 1000;

/// The operations.
pub(super) struct Bucket(pub(super) Arc<World>);

/// The one access key.
pub(super) struct Keys {
    pub(super) world: Arc<World>,
    pub(super) access_key: String,
    pub(super) secret_key: SecretKey,
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let is_known = access_key == self.access_key && !self.world.switches().credentials_revoked;
        if is_known { Ok(self.secret_key.clone()) } else { Err(s3_error!(InvalidAccessKeyId)) }
    }
}

impl Bucket {
    fn arrive<T>(&self, call: S3Call, key: &str, request: &S3Request<T>) -> Visit<'_> {
        let exchange = request.extensions.get().cloned().expect("the connection put it there");
        Visit::arrive(&self.0, call, key, exchange)
    }
}

#[async_trait]
impl S3 for Bucket {
    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let visit = self.arrive(S3Call::HeadBucket, "", &request);
        visit.before().await?;
        self.0.in_bucket(&request.input.bucket, |_| ())?;
        visit.after().await;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let visit = self.arrive(S3Call::Put, &request.input.key, &request);
        let input = request.input;
        let bytes = visit.read_body(input.body, input.content_length).await?;
        visit.before().await?;
        let (stored, len) = (Stored::new(bytes.clone()), bytes.len());
        let e_tag = Some(stored.etag.clone());
        self.0.in_bucket(&input.bucket, |objects| objects.insert(input.key, stored))?;
        self.0.tally.put(len);
        visit.after().await;
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let visit = self.arrive(S3Call::Get, &request.input.key, &request);
        let input = request.input;
        visit.before().await?;
        let stored = self.0.find(&input.bucket, &input.key)?;
        let range = input.range.map(|range| range.check(stored.bytes.len() as u64)).transpose()?;
        let (body, content_range) = match range {
            Some(range) => (
                stored.bytes.slice(range.start as usize..range.end as usize),
                Some(format!("bytes {}-{}/{}", range.start, range.end - 1, stored.bytes.len())),
            ),
            None => (stored.bytes, None),
        };
        self.0.tally.got(body.len());
        visit.after().await;
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(body.len() as i64),
            body: Some(StreamingBlob::from(Body::from(body))),
            content_range,
            accept_ranges: Some("bytes".to_owned()),
            e_tag: Some(stored.etag),
            last_modified: Some(stored.modified),
            ..Default::default()
        }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let visit = self.arrive(S3Call::Head, &request.input.key, &request);
        visit.before().await?;
        let stored = self.0.find(&request.input.bucket, &request.input.key)?;
        visit.after().await;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(stored.len()),
            accept_ranges: Some("bytes".to_owned()),
            e_tag: Some(stored.etag),
            last_modified: Some(stored.modified),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let visit = self.arrive(S3Call::Delete, &request.input.key, &request);
        visit.before().await?;
        self.0.in_bucket(&request.input.bucket, |objects| objects.remove(&request.input.key))?;
        visit.after().await;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let visit = self.arrive(S3Call::List, request.input.prefix.as_deref().unwrap_or_default(), &request);
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let max_keys = input.max_keys.unwrap_or(LIST_MAX as i32);
        let page_max = usize::try_from(max_keys).map_err(|_| s3_error!(InvalidArgument))?.min(LIST_MAX);
        visit.before().await?;
        // The token is the last key of the page before.
        let after = input.continuation_token.as_ref().or(input.start_after.as_ref());
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_str()));
        let mut contents: Vec<Object> = self.0.in_list(&input.bucket, |objects| {
            let under_prefix =
                objects.range::<str, _>((start, Bound::Unbounded)).filter(|(key, _)| key.starts_with(&prefix));
            under_prefix.take(page_max + 1).map(|(key, stored)| describe(key, stored)).collect()
        })?;
        let is_truncated = contents.len() > page_max;
        contents.truncate(page_max);
        let next_continuation_token = contents.last().filter(|_| is_truncated).and_then(|last| last.key.clone());
        visit.after().await;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            max_keys: Some(max_keys),
            key_count: Some(contents.len() as i32),
            is_truncated: Some(is_truncated),
            next_continuation_token,
            contents: Some(contents),
            ..Default::default()
        }))
    }
}

fn describe(key: &str, stored: &Stored) -> Object {
    Object {
        key: Some(key.to_owned()),
        size: Some(stored.len()),
        e_tag: Some(stored.etag.clone()),
        last_modified: Some(stored.modified.clone()),
        ..Default::default()
    }
}
