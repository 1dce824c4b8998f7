//! The data folder.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fedwit_domain::{ModelFormat, Timestamp};
use fedwit_store::{OpenError, Store};
use sea_orm::{ConnectionTrait, Database};

use crate::support::{blob, open, options, reopen, until_crash};

#[tokio::test]
async fn a_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let second = Store::open(options(folder.path())).await.err();
    assert!(matches!(second, Some(OpenError::Locked(_))), "{second:?}");
    store.set_helper(ModelFormat::FlatFloat64).await.unwrap();
    store.close().await;
    let third = open(folder.path()).await;
    assert_eq!(third.helper().await.unwrap(), Some(ModelFormat::FlatFloat64));
}

#[tokio::test]
async fn a_folder_of_a_newer_server_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await;
    let url = format!("sqlite://{}", folder.path().join("fedwit.sqlite").display());
    let database = Database::connect(url).await.unwrap();
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
    database.execute_unprepared(newer).await.unwrap();
    database.close().await.unwrap();
    std::fs::write(folder.path().join("spool/unfinished"), b"x").unwrap();

    let Some(OpenError::Newer { found, known, .. }) = Store::open(options(folder.path())).await.err() else {
        panic!("it was opened");
    };
    assert_eq!((found.as_str(), known.as_str()), ("m9999_future", "m0002_combiners"));
    assert!(folder.path().join("spool/unfinished").exists());
}

#[tokio::test]
async fn a_folder_is_made_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing about a path is special.
    let store = open(&folder.path().join("new/data ?mode=memory&x=%20 ü")).await;
    store.set_helper(ModelFormat::Npz).await.unwrap();
    assert!(folder.path().join("new/data ?mode=memory&x=%20 ü/fedwit.sqlite").is_file());
}

#[tokio::test]
async fn what_cannot_be_a_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"x").unwrap();
    let error = Store::open(options(&folder.path().join("file/data"))).await.err();
    assert!(matches!(error, Some(OpenError::Io { .. })), "{error:?}");
}

#[test]
fn what_was_not_finished_is_gone_after_a_crash_and_what_was_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let kept = until_crash(async || {
        let store = open(folder.path()).await;
        let mut unfinished = store.blobs().begin().await.unwrap();
        unfinished.write(Bytes::from(vec![1; 2 << 20])).await.unwrap();
        let kept = blob(&store, b"kept").await;
        let upload = fedwit_store::NewUpload { id: "u".parse().unwrap(), client: None, blob: kept, at: Timestamp(1) };
        store.record_upload(upload).await.unwrap();
        std::fs::write(store.blobs().scratch().join("model"), b"x").unwrap();
        std::mem::forget(unfinished);
        kept
    });
    assert!(std::fs::read_dir(folder.path().join("spool")).unwrap().count() > 0);
    until_crash(async || {
        let store = reopen(folder.path()).await;
        assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
        assert!(store.blobs().open(&kept.digest).await.is_ok());
        assert_eq!(store.upload(&"u".parse().unwrap()).await.unwrap().unwrap().blob, kept.digest);
    });
}

fn age(path: &Path, by: Duration) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
}

#[tokio::test]
async fn orphans_are_collected_once_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (old, young, used) = (blob(&store, b"old").await, blob(&store, b"young").await, blob(&store, b"used").await);
    let upload = fedwit_store::NewUpload { id: "u".parse().unwrap(), client: None, blob: used, at: Timestamp(1) };
    store.record_upload(upload).await.unwrap();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for (blob, by) in [(old, hours(2)), (young, hours(0)), (used, hours(2))] {
        age(&store.blobs().open(&blob.digest).await.unwrap().path, by);
    }
    let stranger = folder.path().join("blobs/README");
    std::fs::write(&stranger, b"not ours").unwrap();
    age(&stranger, hours(2));
    store.close().await;

    let store = open(folder.path()).await;
    crate::support::settled(&store).await;
    assert!(store.blobs().open(&old.digest).await.is_err());
    assert!(store.blobs().open(&young.digest).await.is_ok());
    assert!(store.blobs().open(&used.digest).await.is_ok());
    assert!(stranger.exists());
}
