//! What went wrong, in the outward kinds; and what can stop the service from starting or running.

use std::{io, net::SocketAddr};

use catgraft_proto::InvalidMessage;
use catgraft_service::ApiError;

use crate::{catalog, volumes};

/// The metastore could not start, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalog cannot be opened, or its schema is not the one of this program.
    #[error("the catalog can't be used")]
    Catalog(#[from] catalog::Error),
    /// There is no place for a temporary catalog.
    #[error("no temporary directory can be made for the catalog")]
    Temporary(#[source] io::Error),
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What failed.
        source: io::Error,
    },
    /// The listener failed.
    #[error("the HTTP server failed")]
    Http(#[source] io::Error),
}

/// A message that converts to nothing.
pub(crate) fn invalid_message(error: InvalidMessage) -> ApiError {
    ApiError::invalid(error.to_string()).with_source(error)
}

impl From<volumes::Error> for ApiError {
    fn from(error: volumes::Error) -> Self {
        use volumes::Error as E;
        let outward = match &error {
            // The idle poll: the most frequent answer there is, and nothing that anybody would look up.
            E::NothingNewer { .. } => return ApiError::missing("nothing newer than the head"),
            E::NoVolume { .. } | E::NoLsn { .. } => ApiError::missing(error.to_string()),
            E::Rejected { head: Some(head), .. } => ApiError::conflict(format!("the volume is at LSN {head} now")),
            E::Rejected { head: None, .. } => {
                ApiError::conflict("the volume does not exist, so it has no such snapshot")
            }
            E::CommitInvalid { source, .. } => ApiError::invalid(source.to_string()),
            E::AnswerTooLarge { fits: Some(fits), .. } => {
                ApiError::invalid(format!("{error}: ask for a smaller range, up to LSN {fits} fits"))
            }
            E::AnswerTooLarge { fits: None, .. } => ApiError::invalid(format!("{error}: ask for a smaller range")),
            E::LogBroken { .. } | E::CommitDamaged { .. } => ApiError::internal(error.to_string()),
            E::Busy(_) => ApiError::busy("the catalog is busy with others; try again"),
            E::Stopping => ApiError::unavailable("the metastore is stopping; try again"),
            E::NotOpen => ApiError::unavailable("the catalog was not reached yet; try again"),
            E::Catalog(source) => outward_catalog(source),
        };
        outward.with_source(error)
    }
}

fn outward_catalog(error: &catalog::Error) -> ApiError {
    use catalog::Error as E;
    match error {
        E::Unavailable { .. } => ApiError::unavailable("the catalog is not available; try again"),
        E::SegmentDiffers { .. } | E::SegmentDoomed { .. } => ApiError::invalid(error.to_string()),
        E::Internal { .. }
        | E::DamagedVolume { .. }
        | E::DamagedRow { .. }
        | E::SchemaOlder { .. }
        | E::SchemaNewer { .. }
        | E::Migrate { .. }
        | E::InUse { .. }
        | E::File { .. }
        | E::Url { .. }
        | E::ReadOnly => ApiError::internal("the catalog failed"),
    }
}
