//! What the double keeps and how it answers: the few S3 operations that the house uses, on objects in memory.

use std::{
    collections::{BTreeMap, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    ops::Bound,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use catgraft_core::{Clock, SystemClock};
use futures::TryStreamExt;
use parking_lot::Mutex;
use s3s::{
    Body, S3, S3Error, S3Request, S3Response, S3Result,
    dto::{
        DeleteObjectInput, DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput, HeadBucketInput,
        HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
        PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp,
    },
    s3_error,
};

use super::S3Requests;

/// Most keys in one answer of a listing, as in S3.
const LIST_MAX: usize = 1000;

type Objects = BTreeMap<String, Stored>;

/// Buckets in memory; clones are the same buckets.
#[derive(Clone)]
pub(super) struct Buckets {
    by_name: Arc<Mutex<HashMap<String, Objects>>>,
    requests: Arc<Mutex<S3Requests>>,
}

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    etag: ETag,
    modified: Timestamp,
}

impl Stored {
    fn new(bytes: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = ETag::Strong(format!("{:016x}-{}", hasher.finish(), bytes.len()));
        Self { bytes, etag, modified: SystemClock.now().to_system_time().into() }
    }

    fn len(&self) -> i64 {
        self.bytes.len() as i64
    }
}

impl Buckets {
    /// One empty bucket.
    pub(super) fn with(bucket: String) -> Self {
        let by_name = HashMap::from([(bucket, Objects::new())]);
        Self { by_name: Arc::new(Mutex::new(by_name)), requests: Arc::default() }
    }

    pub(super) fn requests(&self) -> S3Requests {
        *self.requests.lock()
    }

    /// Every request passes here first.
    fn arrive(&self, count: impl FnOnce(&mut S3Requests)) {
        count(&mut self.requests.lock());
    }

    fn in_bucket<T>(&self, bucket: &str, work: impl FnOnce(&mut Objects) -> T) -> S3Result<T> {
        match self.by_name.lock().get_mut(bucket) {
            Some(objects) => Ok(work(objects)),
            None => Err(s3_error!(NoSuchBucket)),
        }
    }

    fn find(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        self.in_bucket(bucket, |objects| objects.get(key).cloned())?.ok_or_else(|| s3_error!(NoSuchKey))
    }
}

async fn read_whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(mut body) = body else { return Ok(Bytes::new()) };
    let mut whole = BytesMut::new();
    while let Some(chunk) =
        body.try_next().await.map_err(|error| S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, error))?
    {
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

#[async_trait]
impl S3 for Buckets {
    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.arrive(|requests| requests.head_buckets += 1);
        self.in_bucket(&request.input.bucket, |_| ())?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.arrive(|requests| requests.puts += 1);
        let input = request.input;
        let stored = Stored::new(read_whole(input.body).await?);
        let e_tag = Some(stored.etag.clone());
        self.in_bucket(&input.bucket, |objects| objects.insert(input.key, stored))?;
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.arrive(|requests| requests.gets += 1);
        let input = request.input;
        let stored = self.find(&input.bucket, &input.key)?;
        let range = input.range.map(|range| range.check(stored.bytes.len() as u64)).transpose()?;
        let (body, content_range) = match range {
            Some(range) => (
                stored.bytes.slice(range.start as usize..range.end as usize),
                Some(format!("bytes {}-{}/{}", range.start, range.end - 1, stored.bytes.len())),
            ),
            None => (stored.bytes, None),
        };
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
        self.arrive(|requests| requests.heads += 1);
        let stored = self.find(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(stored.len()),
            accept_ranges: Some("bytes".to_owned()),
            e_tag: Some(stored.etag),
            last_modified: Some(stored.modified),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.arrive(|requests| requests.deletes += 1);
        self.in_bucket(&request.input.bucket, |objects| objects.remove(&request.input.key))?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.arrive(|requests| requests.lists += 1);
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let max_keys = input.max_keys.unwrap_or(LIST_MAX as i32);
        let page_max = usize::try_from(max_keys).map_err(|_| s3_error!(InvalidArgument))?.min(LIST_MAX);
        // The token is the last key of the page before.
        let after = input.continuation_token.as_ref().or(input.start_after.as_ref());
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_str()));
        let mut contents: Vec<Object> = self.in_bucket(&input.bucket, |objects| {
            let under_prefix =
                objects.range::<str, _>((start, Bound::Unbounded)).filter(|(key, _)| key.starts_with(&prefix));
            under_prefix.take(page_max + 1).map(|(key, stored)| describe(key, stored)).collect()
        })?;
        let is_truncated = contents.len() > page_max;
        contents.truncate(page_max);
        let next_continuation_token = contents.last().filter(|_| is_truncated).and_then(|last| last.key.clone());
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
