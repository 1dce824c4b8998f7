//! Blobs behind a storage adapter.

mod double;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use fedwit_domain::ports::{BlobError, StoredBlob};
use fedwit_domain::{Digest, Timestamp};
use fedwit_store::adapter::AdapterOptions;
use fedwit_store::{NewUpload, OpenError, Store};
use sha2::Digest as _;

use crate::support::{DEADLINE, blob, options, settled, until_crash};
use double::Double;

const PLENTY: u64 = 1 << 30;

/// Opens a folder, whose last owner may be on its way out.
async fn try_open(folder: &Path, adapter: impl Fn() -> AdapterOptions) -> Result<Store, OpenError> {
    let began = Instant::now();
    loop {
        match Store::open_adapted(options(folder), adapter()).await {
            Err(OpenError::Locked(_)) if began.elapsed() < DEADLINE => tokio::task::yield_now().await,
            opened => return opened,
        }
    }
}

async fn open(folder: &Path, double: &Arc<Double>, copies_bytes: u64) -> Store {
    try_open(folder, || double.options(copies_bytes)).await.unwrap()
}

fn at_rest(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join("stored/own/blobs").join(&name[..2]).join(&name)
}

async fn read(store: &Store, blob: &StoredBlob) -> Result<Vec<u8>, BlobError> {
    let file = store.blobs().open(&blob.digest).await?;
    assert_eq!(file.size_bytes, blob.size_bytes);
    Ok(std::fs::read(&file.path).unwrap())
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

async fn record(store: &Store, name: &str, blob: StoredBlob) -> NewUpload {
    let upload = NewUpload { id: name.parse().unwrap(), client: None, blob, at: Timestamp(1) };
    store.record_upload(upload.clone()).await.unwrap();
    upload
}

/// Waits until something holds that others bring about.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < DEADLINE, "{what}: it took too long");
        tokio::task::yield_now().await;
    }
}

/// Everything that lies in a folder, one file after the other.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn what_an_adapter_changes_lies_changed_and_is_read_as_it_was() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(0x55));
    let content = b"the weights of a model that nobody is to see".repeat(50_000);
    let store = open(folder.path(), &double, PLENTY).await;
    let kept = blob(&store, &content).await;
    assert_eq!(
        kept.digest,
        Digest::from_bytes(sha2::Sha256::digest(&content).into()),
        "it is that of the plain content"
    );
    record(&store, "u", kept).await;
    assert_eq!(read(&store, &kept).await.unwrap(), content);
    assert_eq!(double.gets.load(Ordering::SeqCst), 1, "of the probe: what has just come in is here already");
    let rest = std::fs::read(at_rest(folder.path(), &kept.digest)).unwrap();
    assert!(rest.len() == content.len() && !has(&rest, &content[..44]));
    assert_eq!(entries(&folder.path().join("spool")), 0);
    store.close().await;

    // A restart empties what is not at rest.
    let store = open(folder.path(), &double, PLENTY).await;
    assert!(!has(&all_bytes(folder.path()), &content[..44]));
    for _ in 0..3 {
        assert_eq!(read(&store, &kept).await.unwrap(), content);
    }
    assert_eq!(double.gets.load(Ordering::SeqCst), 3, "once for the probe, and once for all who read it");
}

#[cfg(unix)]
#[tokio::test]
async fn what_an_adapter_hands_on_is_never_copied() {
    use std::os::unix::fs::MetadataExt;

    let (folder, double) = (tempfile::tempdir().unwrap(), Double::plain());
    let store = open(folder.path(), &double, PLENTY).await;
    let made = store.blobs().scratch().join("model.safetensors");
    std::fs::write(&made, b"a model").unwrap();
    let inode = std::fs::metadata(&made).unwrap().ino();
    let kept = store.blobs().adopt(&made).await.unwrap();
    assert!(!made.exists());
    let file = store.blobs().open(&kept.digest).await.unwrap();
    assert_eq!(file.path, at_rest(&folder.path().canonicalize().unwrap(), &kept.digest));
    let metadata = std::fs::metadata(&file.path).unwrap();
    assert_eq!((metadata.ino(), metadata.nlink()), (inode, 1));
    assert_eq!(entries(&folder.path().join("copies")), 0);
    record(&store, "u", kept).await;
    store.close().await;
    let store = open(folder.path(), &double, PLENTY).await;
    assert_eq!(store.blobs().open(&kept.digest).await.unwrap().path, file.path);
}

/// An upload is answered when the adapter has put it, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_for_before_the_adapter_has_it() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(1));
    let store = open(folder.path(), &double, PLENTY).await;
    double.gate.close();
    let upload = {
        let store = store.clone();
        tokio::spawn(async move { blob(&store, b"weights").await })
    };
    until("the adapter is asked", async || double.gate.waiting() == 1).await;
    assert!(!upload.is_finished());
    let digest = Digest::from_bytes(sha2::Sha256::digest(b"weights").into());
    assert!(store.blobs().begin().await.is_ok(), "others go on");
    double.gate.open();
    assert_eq!(upload.await.unwrap().digest, digest);
    assert!(at_rest(folder.path(), &digest).exists());
}

#[tokio::test]
async fn what_lies_there_changed_is_an_error_that_names_the_blob() {
    for double in [Double::plain(), Double::masking(9)] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), &double, PLENTY).await;
        let (good, bad) = (blob(&store, b"good").await, blob(&store, &[3; 100_000]).await);
        record(&store, "good", good).await;
        record(&store, "bad", bad).await;
        store.close().await;
        let path = at_rest(folder.path(), &bad.digest);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[50_000] ^= 1;
        std::fs::write(&path, bytes).unwrap();

        let store = open(folder.path(), &double, PLENTY).await;
        for _ in 0..2 {
            let error = read(&store, &bad).await.unwrap_err();
            assert!(matches!(error, BlobError::Damaged(digest) if digest == bad.digest), "{error}");
        }
        assert_eq!(read(&store, &good).await.unwrap(), b"good");
        assert_eq!(entries(&folder.path().join("copies")), usize::from(double.mask != 0), "nothing of it is kept");
    }
}

#[tokio::test]
async fn an_adapter_that_loses_a_byte_is_found_out_at_the_start() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    double.lossy.store(true, Ordering::SeqCst);
    let error = try_open(folder.path(), || double.options(PLENTY)).await.err().unwrap();
    assert!(
        error.to_string().contains("`double`: it cannot read what it wrote before: it gives other bytes"),
        "{error}"
    );
    double.lossy.store(false, Ordering::SeqCst);
    open(folder.path(), &double, PLENTY).await;
}

#[tokio::test]
async fn so_is_one_with_another_secret() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), &Double::masking(9), PLENTY).await.close().await;
    let error = try_open(folder.path(), || Double::masking(8).options(PLENTY)).await.err().unwrap();
    assert!(matches!(&error, OpenError::Adapter { name, .. } if name == "double"), "{error}");
    open(folder.path(), &Double::masking(9), PLENTY).await;
}

#[tokio::test]
async fn while_an_adapter_is_broken_nothing_is_taken_and_nothing_is_lost() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    let store = open(folder.path(), &double, 0).await;
    let kept = blob(&store, b"kept").await;
    record(&store, "kept", kept).await;
    double.broken.store(true, Ordering::SeqCst);
    let mut writer = store.blobs().begin().await.unwrap();
    writer.write(b"lost"[..].into()).await.unwrap();
    for error in
        [writer.finish().await.err(), read(&store, &kept).await.err(), store.blobs().remove(&kept.digest).await.err()]
    {
        let Some(BlobError::Adapter { what, adapter, problem }) = error else { panic!("{error:?}") };
        assert_eq!((what.len(), adapter.as_str(), problem.as_str()), (64, "double", "it is broken"));
    }
    until("the spool is empty", async || entries(&folder.path().join("spool")) == 0).await;
    // The records go on.
    settled(&store).await;
    double.broken.store(false, Ordering::SeqCst);
    assert_eq!(read(&store, &kept).await.unwrap(), b"kept");
    let again = blob(&store, b"lost").await;
    assert_eq!(read(&store, &again).await.unwrap(), b"lost");
}

#[tokio::test]
async fn a_copy_goes_when_there_is_no_room_but_not_while_it_is_read() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    let store = open(folder.path(), &double, 10).await;
    let (one, two) = (blob(&store, b"one------").await, blob(&store, b"two------").await);
    let first = store.blobs().open(&one.digest).await.unwrap();
    let second = store.blobs().open(&two.digest).await.unwrap();
    assert_eq!(
        (std::fs::read(&first.path).unwrap(), std::fs::read(&second.path).unwrap()),
        (b"one------".into(), b"two------".into())
    );
    drop(first);
    assert_eq!(entries(&folder.path().join("copies")), 1);
    assert_eq!(std::fs::read(&second.path).unwrap(), b"two------");
    assert_eq!(read(&store, &one).await.unwrap(), b"one------", "it is made anew");
}

#[tokio::test]
async fn what_nothing_refers_to_is_removed() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    let store = open(folder.path(), &double, PLENTY).await;
    let (mine, yours) = (blob(&store, b"x").await, blob(&store, b"x").await);
    assert_eq!(double.puts.load(Ordering::SeqCst), 2, "the probe, and once what came twice");
    store.collect(&mine.digest).await.unwrap();
    settled(&store).await;
    assert_eq!(read(&store, &yours).await.unwrap(), b"x", "it was finished twice, and given up once");
    store.collect(&yours.digest).await.unwrap();
    settled(&store).await;
    assert!(matches!(read(&store, &yours).await, Err(BlobError::Missing(_))), "at once");
    let rest = at_rest(folder.path(), &yours.digest);
    until("it is gone", async || !rest.exists()).await;
    assert_eq!(entries(&folder.path().join("copies")), 0);
    store.blobs().remove(&yours.digest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_brings_anew_is_not_removed_with_what_another_lets_go_of() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    let store = open(folder.path(), &double, PLENTY).await;
    let upload = |round: u32, name: &str| {
        let (store, id) = (store.clone(), format!("{name}-{round}"));
        async move {
            let blob = blob(&store, b"the same").await;
            record(&store, &id, blob).await
        }
    };
    for round in 0..100 {
        let first = upload(round, "first").await;
        let release = store.release_upload(&first.id);
        let (second, released) = tokio::join!(tokio::spawn(upload(round, "second")), release);
        released.unwrap();
        let second = second.unwrap();
        settled(&store).await;
        assert_eq!(read(&store, &second.blob).await.unwrap(), b"the same");
        // Not only the copy: also what it is made of.
        let rest = at_rest(folder.path(), &second.blob.digest);
        assert!(rest.exists(), "round {round}");
        store.release_upload(&second.id).await.unwrap();
        settled(&store).await;
        assert!(store.blobs().open(&second.blob.digest).await.is_err());
    }
}

#[test]
fn what_a_crash_leaves_is_collected_at_the_next_start() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    let (kept, left) = until_crash(async || {
        let store = open(folder.path(), &double, PLENTY).await;
        let kept = blob(&store, b"kept").await;
        record(&store, "kept", kept).await;
        let mut unfinished = store.blobs().begin().await.unwrap();
        unfinished.write(vec![1; 3 << 20].into()).await.unwrap();
        // Put, and not recorded.
        let left: Vec<StoredBlob> = vec![blob(&store, b"1").await, blob(&store, b"2").await, blob(&store, b"3").await];
        (kept, left)
    });
    until_crash(async || {
        let store = open(folder.path(), &double, PLENTY).await;
        for blob in &left {
            until("it is collected", async || !at_rest(folder.path(), &blob.digest).exists()).await;
            assert!(matches!(read(&store, blob).await, Err(BlobError::Missing(_))));
        }
        assert_eq!(read(&store, &kept).await.unwrap(), b"kept");
        assert_eq!(entries(&folder.path().join("spool")), 0);
    });
}

#[tokio::test]
async fn a_folder_is_opened_with_the_adapter_that_wrote_it() {
    let (folder, double) = (tempfile::tempdir().unwrap(), Double::masking(9));
    let store = open(folder.path(), &double, PLENTY).await;
    let kept = blob(&store, b"kept").await;
    record(&store, "kept", kept).await;
    store.close().await;
    let began = Instant::now();
    let error = loop {
        match Store::open(options(folder.path())).await.err().unwrap() {
            OpenError::Locked(_) if began.elapsed() < DEADLINE => tokio::task::yield_now().await,
            error => break error,
        }
    };
    assert!(
        matches!(&error, OpenError::OtherAdapter { problem, .. } if problem.contains("--storage-adapter double")),
        "{error}"
    );
    let other = || AdapterOptions { name: "other".to_owned(), ..double.options(PLENTY) };
    let error = try_open(folder.path(), other).await.err().unwrap();
    assert!(matches!(&error, OpenError::OtherAdapter { .. }), "{error}");
    let store = open(folder.path(), &double, PLENTY).await;
    assert_eq!(read(&store, &kept).await.unwrap(), b"kept");
}

/// Files come in, and copies lie, where the operator says.
#[tokio::test]
async fn what_is_in_the_clear_lies_elsewhere_if_it_is_to() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let double = Double::masking(9);
    let elsewhere = || AdapterOptions { scratch: Some(memory.path().to_owned()), ..double.options(PLENTY) };
    let store = try_open(folder.path(), elsewhere).await.unwrap();
    let content = b"the weights of a model".repeat(200_000);
    let mut writer = store.blobs().begin().await.unwrap();
    writer.write(content.clone().into()).await.unwrap();
    assert!(store.blobs().scratch().starts_with(memory.path().canonicalize().unwrap()));
    assert_eq!(entries(store.blobs().scratch()), 1);
    assert_eq!(entries(&folder.path().join("spool")), 0);
    let kept = writer.finish().await.unwrap();
    let file = store.blobs().open(&kept.digest).await.unwrap();
    assert!(file.path.starts_with(memory.path().canonicalize().unwrap()));
    assert_eq!(std::fs::read(&file.path).unwrap(), content);
    assert!(!has(&all_bytes(folder.path()), b"the weights of a model"));
}
