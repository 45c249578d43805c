//! What errors of the file system mean.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use super::failed;
use crate::error::{Error, Operation};

fn what_it_means(kind: ErrorKind) -> Error {
    failed("open", Path::new("/srv/object"))(io::Error::from(kind)).during(Operation::Probe)
}

#[test]
fn a_missing_permission_is_denied() {
    let error = what_it_means(ErrorKind::PermissionDenied);
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
}

#[test]
fn a_name_that_no_file_can_have_is_internal() {
    let error = what_it_means(ErrorKind::InvalidFilename);
    assert!(matches!(error, Error::Internal { .. }), "{error:?}");
}

#[test]
fn a_disk_that_is_full_read_only_or_gone_is_unavailable() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem, ErrorKind::NotFound] {
        let error = what_it_means(kind);
        assert!(matches!(error, Error::Unavailable { .. }), "{kind:?}: {error:?}");
    }
}
