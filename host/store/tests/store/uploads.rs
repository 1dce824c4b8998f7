//! Files that clients upload.

use fedwit_domain::ports::Append;
use fedwit_domain::{Command, SessionConfig, Timestamp};
use fedwit_store::{NewUpload, RecordUploadError, Store};

use crate::support::{Driver, blob, client, open, settled};

async fn upload(store: &Store, id: &str, by: Option<&str>, content: &[u8], at: u64) -> Result<(), RecordUploadError> {
    let blob = blob(store, content).await;
    let (id, client) = (id.parse().unwrap(), by.map(client));
    store.record_upload(NewUpload { id, client, blob, at: Timestamp(at) }).await
}

async fn is_there(store: &Store, content: &[u8]) -> bool {
    use sha2::Digest as _;
    settled(store).await;
    let digest = fedwit_domain::Digest::from_bytes(sha2::Sha256::digest(content).into());
    store.blobs().open(&digest).await.is_ok()
}

#[tokio::test]
async fn an_upload_may_come_twice_and_be_replaced_until_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    upload(&store, "u", Some("a"), b"one", 1).await.unwrap();
    upload(&store, "u", Some("a"), b"one", 2).await.unwrap();
    assert!(is_there(&store, b"one").await);
    upload(&store, "u", Some("a"), b"two", 3).await.unwrap();
    assert!(!is_there(&store, b"one").await);
    let row = store.upload(&"u".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((row.client, row.size_bytes, row.used_by, row.at), (Some(client("a")), 3, None, Timestamp(3)));

    let foreign = upload(&store, "u", Some("b"), b"three", 4).await;
    assert!(matches!(foreign, Err(RecordUploadError::Used)), "{foreign:?}");
    assert!(!is_there(&store, b"three").await);
    assert!(is_there(&store, b"two").await);

    store.release_upload(&"u".parse().unwrap()).await.unwrap();
    assert!(!is_there(&store, b"two").await);
    assert!(store.upload(&"u".parse().unwrap()).await.unwrap().is_none());
    store.release_upload(&"u".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_used_upload_keeps_its_name_and_its_file_goes_with_the_round() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
    driver.start(1).await;
    driver.open_attempt(&["a", "b"]).await;
    let update = driver.submit("a", b"one", 1).await.update;
    let id = update.as_str();
    assert_eq!(store.upload(&update).await.unwrap().unwrap().used_by, Some(driver.session.id));

    store.release_upload(&update).await.unwrap();
    assert_eq!(store.release_stale_uploads(Timestamp(u64::MAX)).await.unwrap(), 0);
    let other = upload(&store, id, Some("a"), b"other", 1).await;
    assert!(matches!(other, Err(RecordUploadError::Used)), "{other:?}");
    assert!(!is_there(&store, b"other").await);
    upload(&store, id, Some("a"), b"one", 1).await.unwrap();
    assert!(is_there(&store, b"one").await);

    driver.submit("b", b"two", 1).await;
    driver.commit(b"model", None).await;
    assert!(!is_there(&store, b"one").await && !is_there(&store, b"two").await);
    assert!(is_there(&store, b"model").await);
    upload(&store, id, Some("a"), b"one", 1).await.unwrap();
    assert!(!is_there(&store, b"one").await, "it has served its purpose");
    assert!(store.upload(&update).await.unwrap().unwrap().used_by.is_some());
}

#[tokio::test]
async fn what_is_accepted_is_what_was_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut drivers = Vec::new();
    for _ in 0..2 {
        let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
        driver.start(1).await;
        driver.open_attempt(&["a", "b"]).await;
        drivers.push(driver);
    }
    let submit = async |driver: &Driver, submission: &fedwit_domain::SubmitUpdate| {
        let (expected, command) = (driver.session.sequence, Command::SubmitUpdate(submission.clone()));
        let events = driver.session.clone().step(command, driver.now).0;
        store.log().append(Append { session: driver.session.id, expected, events, snapshot: None }).await
    };

    let replaced = drivers[0].upload("a", b"looked at", 1).await;
    upload(&store, replaced.update.as_str(), Some("a"), b"another", 2).await.unwrap();
    assert!(submit(&drivers[0], &replaced).await.is_err());
    let gone = drivers[0].upload("a", b"looked at", 1).await;
    store.release_upload(&gone.update).await.unwrap();
    assert!(submit(&drivers[0], &gone).await.is_err());
    let log = store.log().read(drivers[0].session.id, drivers[0].session.sequence, 10).await.unwrap();
    assert_eq!(log, [], "nothing of it is recorded");

    let twice = drivers[0].upload("a", b"for two", 1).await;
    let (first, second) = tokio::join!(submit(&drivers[0], &twice), submit(&drivers[1], &twice));
    assert!(first.is_ok() && second.is_err(), "{first:?} {second:?}");
    assert_eq!(store.upload(&twice.update).await.unwrap().unwrap().used_by, Some(drivers[0].session.id));
}

#[tokio::test]
async fn the_state_of_the_round_before_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { validate: false, ..Default::default() }).await;
    driver.start(3).await;
    let states: [Option<&[u8]>; 3] = [Some(b"state 1"), Some(b"state 2"), None];
    let mut there = Vec::new();
    for state in states {
        driver.open_attempt(&["a"]).await;
        driver.submit("a", b"a", 1).await;
        let model = format!("model {}", driver.session.completed);
        driver.commit(model.as_bytes(), state).await;
        there.push((is_there(&store, b"state 1").await, is_there(&store, b"state 2").await));
    }
    assert_eq!(there, [(true, false), (false, true), (false, false)]);
}

#[tokio::test]
async fn what_is_never_used_goes_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    upload(&store, "old", None, b"old", 10).await.unwrap();
    upload(&store, "new", None, b"new", 20).await.unwrap();
    assert_eq!(store.release_stale_uploads(Timestamp(20)).await.unwrap(), 1);
    assert!(!is_there(&store, b"old").await);
    assert!(is_there(&store, b"new").await);
}
