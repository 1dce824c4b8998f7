//! The data folder.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fedwit_domain::{ModelFormat, ModelId, SessionId, Timestamp};
use fedwit_store::{OpenError, Page, ParticipationFilter, Store};
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
    assert_eq!((found.as_str(), known.as_str()), ("m9999_future", "m0005_selectors"));
    assert!(folder.path().join("spool/unfinished").exists());
}

#[tokio::test]
async fn a_folder_from_before_there_were_buffered_sessions_is_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fedwit.sqlite");
    let database = Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    let applied = "CREATE TABLE seaql_migrations (version varchar NOT NULL PRIMARY KEY, applied_at bigint NOT NULL);
        INSERT INTO seaql_migrations VALUES ('m0001_records', 0);";
    database.execute_unprepared(applied).await.unwrap();
    database.execute_unprepared(include_str!("../../src/migration/m0001_records.sql")).await.unwrap();
    let (session, model, blob) = (SessionId::random(), ModelId::random(), "07".repeat(32));
    let rows = format!(
        "INSERT INTO models (id, name, blob, size_bytes, format, created_at)
            VALUES ('{model}', 'seed', '{blob}', 1, 'numpyhelper', 0);
        INSERT INTO sessions (id, name, status, config, seed_model, model, rounds_completed, rounds_until, created_at,
                updated_at)
            VALUES ('{session}', 's', 'created', '{{}}', '{model}', '{model}', 0, 0, 0, 0);
        INSERT INTO participations (session, round, attempt, client, status, update_id, blob, size_bytes, examples,
                metrics, asked_at)
            VALUES ('{session}', 1, 2, 'c', 'accepted', 'u', '{blob}', 1, 5, '{{}}', 9);"
    );
    database.execute_unprepared(&rows).await.unwrap();
    database.close().await.unwrap();

    let store = open(folder.path()).await;
    let parts = store.participations(&ParticipationFilter::default(), Page::first(10)).await.unwrap().rows;
    let [part] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!((part.task, part.staleness, part.examples, part.attempt.0), (None, 0, Some(5), 2));
    assert_eq!((part.client.as_str(), part.blob.unwrap().to_string()), ("c", blob));
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
