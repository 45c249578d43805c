//! What is special about a store in a folder.

use std::{fs, path::Path};

use catgraft_objects::{
    Error, FsStore, KeyPrefix, ObjectStore, Payload,
    conformance::{content, key},
};

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_object_is_a_file_where_its_key_says_and_nothing_else_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    store.put(&key(1), Payload::from(content(1, 5000))).await.unwrap();
    assert_eq!(fs::read(folder.path().join(key(1).as_str())).unwrap(), content(1, 5000));
    assert_eq!(names_in(folder.path()), ["segments", "staging"]);
    assert_eq!(names_in(&folder.path().join("staging")), ["lock"]);
}

#[tokio::test]
async fn objects_outlive_the_store_that_wrote_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    store.put(&key(1), Payload::from(content(1, 5000))).await.unwrap();
    drop(store);
    let store = FsStore::open(folder.path()).await.unwrap();
    assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 5000));
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_no_object_and_is_removed_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let leftover = folder.path().join("staging/.tmpHalf");
    fs::create_dir(folder.path().join("staging")).unwrap();
    fs::write(&leftover, "half an object").unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    assert!(!leftover.exists());
    assert_eq!(store.list(KeyPrefix::ALL, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_another_store_is_writing_is_left_alone_until_that_one_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let other = FsStore::open(folder.path()).await.unwrap();
    let in_work = folder.path().join("staging/.tmpHalf");
    fs::write(&in_work, "half an object").unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    assert!(in_work.exists());
    assert_eq!(store.list(KeyPrefix::ALL, None, 10).await.unwrap(), []);
    drop(other);
    drop(store);
    FsStore::open(folder.path()).await.unwrap();
    assert!(!in_work.exists());
}

#[tokio::test]
async fn files_that_are_not_ours_are_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    let beside = folder.path().join(key(1).as_str()).with_extension("bak");
    fs::write(beside, "a copy").unwrap();
    fs::write(folder.path().join("segments/README"), "notes").unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    let listed = store.list(KeyPrefix::ALL, None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|meta| &meta.key).collect::<Vec<_>>(), [&key(1)]);
}

#[tokio::test]
async fn a_put_that_fails_leaves_nothing_and_says_which_file_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    fs::write(folder.path().join("segments"), "a file in the way").unwrap();
    let error = store.put(&key(1), Payload::from(content(1, 10))).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(error.to_string(), format!("object storage is unavailable: put {}", key(1)));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains(folder.path().join("segments").to_str().unwrap()), "{source}");
    assert_eq!(names_in(&folder.path().join("staging")), ["lock"]);
}

#[tokio::test]
async fn a_folder_that_somebody_removed_is_made_again_by_the_next_try() {
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path()).await.unwrap();
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    fs::remove_dir_all(folder.path().join("segments")).unwrap();
    assert!(store.put(&key(1), Payload::from(content(1, 10))).await.unwrap_err().is_retryable());
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 10));
}

#[tokio::test]
async fn a_root_that_vanished_is_unavailable_and_not_a_store_without_objects() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mount");
    let store = FsStore::open(&root).await.unwrap();
    store.put(&key(1), Payload::from(content(1, 10))).await.unwrap();
    fs::rename(&root, folder.path().join("unmounted")).unwrap();
    let errors = [
        store.get(&key(1)).await.unwrap_err(),
        store.get_range(&key(1), 0..1).await.unwrap_err(),
        store.head(&key(1)).await.unwrap_err(),
        store.delete(&key(1)).await.unwrap_err(),
        store.put(&key(2), Payload::from(content(1, 10))).await.unwrap_err(),
        store.list(KeyPrefix::ALL, None, 10).await.unwrap_err(),
        store.probe().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
    fs::rename(folder.path().join("unmounted"), &root).unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.get(&key(1)).await.unwrap(), content(1, 10));
}
