//! What errors of the file system mean, and what is at hand.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::net::UnixListener,
    path::Path,
};

use super::{at_hand::AtHand, failed};
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

#[test]
fn what_was_just_written_is_at_hand_where_the_kernel_can_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, at_hand) = (folder.path().join("object"), AtHand::default());
    fs::write(&path, b"some bytes").unwrap();
    match at_hand.read(&path, 5, 5) {
        Some(bytes) => assert_eq!(bytes, &b"bytes"[..]),
        None => assert!(at_hand.is_unsupported(), "the file was written a moment ago"),
    }
}

#[test]
fn nothing_is_at_hand_of_what_is_no_file_or_too_short() {
    let folder = tempfile::tempdir().unwrap();
    let (path, at_hand) = (folder.path().join("object"), AtHand::default());
    assert_eq!(at_hand.read(&path, 0, 1), None, "there is no such file");
    assert_eq!(at_hand.read(folder.path(), 0, 1), None, "it is a folder");
    let _listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    assert_eq!(at_hand.read(&folder.path().join("socket"), 0, 1), None, "it is a socket");
    fs::write(&path, b"some bytes").unwrap();
    assert_eq!(at_hand.read(&path, 5, 6), None, "the file ends before");
    assert_eq!(at_hand.read(&path, u64::MAX, 1), None, "the file ends long before");
}
