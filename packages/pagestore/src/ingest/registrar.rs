//! Has segments registered at the metastore: one call at a time, for all segments that wait for one.

use std::sync::Arc;

use catgraft_client::MetastoreClient;
use catgraft_proto::catgraft::internal::v1::{RegisterSegmentsRequest, SegmentRow};
use tokio::sync::{mpsc, oneshot};

/// Segments of one call; a row is some kilobytes at most.
const CALL_SEGMENTS_MAX: usize = 256;

type Answer = Result<(), Arc<catgraft_client::Error>>;

/// Registers segments. Cheap to clone; the task ends with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Registrar {
    queue: mpsc::Sender<(SegmentRow, oneshot::Sender<Answer>)>,
}

/// The row was not registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("the metastore did not register the segment")]
    Refused(#[source] Arc<catgraft_client::Error>),
    #[error("the pagestore is shutting down")]
    Gone,
}

impl RegisterError {
    /// May the same be tried again with hope?
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(error) => error.is_temporary(),
            Self::Gone => true,
        }
    }
}

impl Registrar {
    /// Starts the task.
    pub(crate) fn start(metastore: MetastoreClient) -> Self {
        let (queue, waiting) = mpsc::channel(CALL_SEGMENTS_MAX);
        tokio::spawn(work(waiting, metastore));
        Self { queue }
    }

    /// Registers a segment; returns when the catalog has it.
    pub(crate) async fn register(&self, row: SegmentRow) -> Result<(), RegisterError> {
        let (done, answer) = oneshot::channel();
        self.queue.send((row, done)).await.map_err(|_| RegisterError::Gone)?;
        answer.await.map_err(|_| RegisterError::Gone)?.map_err(RegisterError::Refused)
    }
}

async fn work(mut waiting: mpsc::Receiver<(SegmentRow, oneshot::Sender<Answer>)>, metastore: MetastoreClient) {
    let mut taken = Vec::new();
    while waiting.recv_many(&mut taken, CALL_SEGMENTS_MAX).await > 0 {
        let (segments, answers): (Vec<_>, Vec<_>) = taken.drain(..).unzip();
        let answer = metastore.register_segments(&RegisterSegmentsRequest { segments }).await.map_err(Arc::new);
        for done in answers {
            // A request that went away does not ask.
            let _ = done.send(answer.clone());
        }
    }
}
