//! Files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fedwit_domain::Digest;
use fedwit_domain::ports::{BlobError, Blobs};
use fedwit_store::{NewUpload, Store, StoreOptions};
use sha2::Digest as _;

use crate::support::{DEADLINE, blob, client, open, settled};

fn sha256(content: &[u8]) -> Digest {
    Digest::from_bytes(sha2::Sha256::digest(content).into())
}

fn spooled(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder.join("spool")).unwrap().count()
}

/// Waits until something holds that others bring about.
async fn until(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "it took too long");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_file_lies_under_its_hash_whatever_pieces_it_came_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let content: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    for piece in [4096, 1 << 20, 3_000_001, content.len()] {
        let mut writer = store.blobs().begin().await.unwrap();
        for piece in content.chunks(piece) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        assert_eq!(writer.written(), 5_000_000);
        let stored = writer.finish().await.unwrap();
        assert_eq!((stored.digest, stored.size_bytes), (sha256(&content), 5_000_000));
        let file = store.blobs().open(&stored.digest).await.unwrap();
        assert_eq!(file.size_bytes, 5_000_000);
        assert_eq!(std::fs::read(&file.path).unwrap(), content);
        let name = stored.digest.to_string();
        assert!(file.path.ends_with(format!("blobs/{}/{name}", &name[..2])));
    }
    assert_eq!(spooled(folder.path()), 0);
    let empty = store.blobs().begin().await.unwrap().finish().await.unwrap();
    assert_eq!((empty.digest, empty.size_bytes), (sha256(b""), 0));
}

#[tokio::test]
async fn a_file_that_is_not_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut writer = store.blobs().begin().await.unwrap();
    writer.write(Bytes::from(vec![1; 3 << 20])).await.unwrap();
    assert_eq!(spooled(folder.path()), 1);
    drop(writer);
    until(|| spooled(folder.path()) == 0).await;
    let prefixes = std::fs::read_dir(folder.path().join("blobs")).unwrap();
    assert!(prefixes.flat_map(|prefix| std::fs::read_dir(prefix.unwrap().path()).unwrap()).next().is_none());
}

#[tokio::test]
async fn a_file_made_here_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let blobs = store.blobs();
    let made = blobs.scratch().join("model.safetensors");
    std::fs::write(&made, b"a model").unwrap();
    let stored = blobs.adopt(&made).await.unwrap();
    assert_eq!((stored.digest, stored.size_bytes), (sha256(b"a model"), 7));
    assert!(!made.exists());
    assert_eq!(std::fs::read(blobs.open(&stored.digest).await.unwrap().path).unwrap(), b"a model");
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, b"a model").unwrap();
    assert!(matches!(blobs.adopt(&elsewhere).await, Err(BlobError::Io { .. })));
    assert!(matches!(blobs.adopt(&made).await, Err(BlobError::Io { .. })));
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let nothing = sha256(b"nothing");
    assert!(matches!(store.blobs().open(&nothing).await, Err(BlobError::Missing(digest)) if digest == nothing));
    store.blobs().remove(&nothing).await.unwrap();
    let something = blob(&store, b"something").await;
    store.blobs().remove(&something.digest).await.unwrap();
    assert!(matches!(store.blobs().open(&something.digest).await, Err(BlobError::Missing(_))));
}

#[tokio::test]
async fn below_the_mark_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let left = Arc::new(AtomicU64::new(1 << 30));
    let measured = Arc::clone(&left);
    let options = StoreOptions { folder: folder.path().to_owned(), low_disk_bytes: 1 << 20 };
    let free_space = Arc::new(move |_: &std::path::Path| Ok(measured.load(Ordering::Relaxed)));
    let store = Store::open_measuring(options, free_space).await.unwrap();
    let blobs: Arc<dyn Blobs> = store.blobs();
    let mut writer = blobs.begin().await.unwrap();
    writer.write(Bytes::from(vec![1; 15 << 20])).await.unwrap();
    assert!(!store.low_disk());

    left.store(1000, Ordering::Relaxed);
    assert!(store.low_disk());
    assert_eq!(store.available_bytes().unwrap(), 1000);
    let full = blobs.begin().await.err();
    assert!(matches!(full, Some(BlobError::Full { available_bytes: 1000, mark_bytes: 1_048_576 })), "{full:?}");
    let full = writer.write(Bytes::from(vec![1; 1 << 20])).await;
    assert!(matches!(full, Err(BlobError::Full { .. })), "{full:?}");
    // What was promised is still kept.
    store.clients_seen(vec![(client("a"), fedwit_domain::Timestamp(1))]).await.unwrap();

    left.store(1 << 30, Ordering::Relaxed);
    assert!(blobs.begin().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_brings_anew_is_not_deleted_with_what_another_lets_go_of() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let upload = |round: u32, name: &str| {
        let (store, id) = (store.clone(), format!("{name}-{round}").parse().unwrap());
        async move {
            let blob = blob(&store, b"the same").await;
            let upload = NewUpload { id, client: None, blob, at: fedwit_domain::Timestamp(1) };
            store.record_upload(upload.clone()).await.unwrap();
            upload
        }
    };
    for round in 0..200 {
        let first = upload(round, "first").await;
        let release = store.release_upload(&first.id);
        let (second, released) = tokio::join!(tokio::spawn(upload(round, "second")), release);
        released.unwrap();
        let second = second.unwrap();
        settled(&store).await;
        let file = store.blobs().open(&second.blob.digest).await.unwrap();
        assert_eq!(std::fs::read(file.path).unwrap(), b"the same");
        store.release_upload(&second.id).await.unwrap();
        settled(&store).await;
        assert!(store.blobs().open(&second.blob.digest).await.is_err());
    }
    until(|| spooled(folder.path()) == 0).await;
}

#[tokio::test]
async fn a_file_that_nobody_wants_any_more_is_collected_unless_somebody_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (mine, yours) = (blob(&store, b"x").await, blob(&store, b"x").await);
    store.collect(&mine.digest).await.unwrap();
    settled(&store).await;
    assert!(store.blobs().open(&yours.digest).await.is_ok(), "it was finished twice, and given up once");
    store.collect(&yours.digest).await.unwrap();
    settled(&store).await;
    assert!(store.blobs().open(&yours.digest).await.is_err());
}

/// Not a promise, but what a round with large updates rests on: say how fast a whole upload is, and fail if it is absurd.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_hashed_and_written_fast() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let piece = Bytes::from(vec![7; 1 << 20]);
    let began = Instant::now();
    let uploads = (0..10_u8).map(|index| {
        let (store, piece) = (store.clone(), piece.clone());
        tokio::spawn(async move {
            let mut writer = store.blobs().begin().await.unwrap();
            writer.write(Bytes::copy_from_slice(&[index])).await.unwrap();
            for _ in 0..40 {
                writer.write(piece.clone()).await.unwrap();
            }
            writer.finish().await.unwrap()
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    let took = began.elapsed();
    println!("ten uploads of 40 MiB in {took:?}: {:.0} MiB/s", 400.0 / took.as_secs_f64());
    assert!(took < Duration::from_secs(60), "{took:?}");
}
