//! Components that are installed.

use fedwit_domain::Timestamp;
use fedwit_domain::ports::{BlobError, StoredBlob};
use fedwit_store::{NewPlugin, Page, PluginFilter, PluginRow, Store};
use serde_json::json;

use crate::support::{blob, open, reopen, settled, until_crash};

fn new(blob: StoredBlob, name: &str, enabled: bool) -> NewPlugin {
    NewPlugin {
        blob,
        world: "aggregator".to_owned(),
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        summary: "Means.".to_owned(),
        mergeable: true,
        config_schema: json!({ "type": "object" }),
        wanted: vec!["wall-clock".to_owned()],
        granted: Vec::new(),
        source: "mean.wasm".to_owned(),
        signature: None,
        enabled,
        at: Timestamp(7),
    }
}

async fn rows(store: &Store, filter: PluginFilter) -> Vec<PluginRow> {
    store.plugins(&filter, Page::first(10)).await.unwrap().rows
}

async fn enabled(store: &Store) -> Vec<u64> {
    let filter = PluginFilter { enabled: Some(true), ..PluginFilter::default() };
    rows(store, filter).await.iter().map(|row| row.size_bytes).collect()
}

#[tokio::test]
async fn one_of_a_name_is_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (a, b, c) = (blob(&store, b"1").await, blob(&store, b"22").await, blob(&store, b"333").await);
    store.add_plugin(new(a, "mean", true)).await.unwrap();
    store.add_plugin(new(b, "mean", false)).await.unwrap();
    store.add_plugin(new(c, "other", true)).await.unwrap();
    assert_eq!(enabled(&store).await, [1, 3]);
    assert!(store.enable_plugin(b.digest).await.unwrap());
    assert_eq!(enabled(&store).await, [2, 3]);
    // Of another world, it is another plugin.
    let d = blob(&store, b"4444").await;
    store.add_plugin(NewPlugin { world: "load-balancer".to_owned(), ..new(d, "mean", true) }).await.unwrap();
    assert_eq!(enabled(&store).await, [2, 3, 4]);
    assert!(store.disable_plugin(b.digest, Some("it does not load".to_owned())).await.unwrap());
    let row = store.plugin(&b.digest).await.unwrap().unwrap();
    assert_eq!((row.enabled, row.problem.as_deref()), (false, Some("it does not load")));
    assert!(store.enable_plugin(b.digest).await.unwrap());
    assert_eq!(store.plugin(&b.digest).await.unwrap().unwrap().problem, None);
    let named = PluginFilter { name: Some("mean".to_owned()), world: Some("aggregator".to_owned()), enabled: None };
    assert_eq!(rows(&store, named).await.len(), 2);
    let unknown = fedwit_domain::Digest::from_bytes([9; 32]);
    assert!(!store.enable_plugin(unknown).await.unwrap() && !store.remove_plugin(unknown).await.unwrap());
    assert!(!store.grant_plugin(unknown, Vec::new()).await.unwrap());
}

#[tokio::test]
async fn what_is_installed_again_is_one_plugin_with_new_grants() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first = blob(&store, b"component").await;
    store.add_plugin(new(first, "mean", true)).await.unwrap();
    let again = blob(&store, b"component").await;
    let signature = Some(("signature".to_owned(), "key".to_owned()));
    let granted = vec!["wall-clock".to_owned()];
    store.add_plugin(NewPlugin { granted, signature, ..new(again, "mean", false) }).await.unwrap();
    let row = store.plugin(&first.digest).await.unwrap().unwrap();
    assert!(row.enabled);
    assert_eq!((row.granted, row.signed_by.as_deref()), (vec!["wall-clock".to_owned()], Some("key")));
    assert!(store.grant_plugin(first.digest, Vec::new()).await.unwrap());
    let row = store.plugin(&first.digest).await.unwrap().unwrap();
    assert_eq!((row.granted.len(), row.wanted.len()), (0, 1));
    assert_eq!(rows(&store, PluginFilter::default()).await.len(), 1);
}

#[tokio::test]
async fn a_plugin_keeps_its_file_and_takes_it_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let kept = blob(&store, b"component").await;
    store.add_plugin(new(kept, "mean", true)).await.unwrap();
    store.collect(&kept.digest).await.unwrap();
    settled(&store).await;
    store.blobs().open(&kept.digest).await.unwrap();
    assert!(store.remove_plugin(kept.digest).await.unwrap());
    settled(&store).await;
    assert!(matches!(store.blobs().open(&kept.digest).await, Err(BlobError::Missing(_))));
}

#[test]
fn what_is_installed_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let digest = until_crash(async || {
        let store = open(folder.path()).await;
        let component = blob(&store, b"component").await;
        store.add_plugin(new(component, "mean", true)).await.unwrap();
        component.digest
    });
    until_crash(async || {
        let store = reopen(folder.path()).await;
        assert!(store.plugin(&digest).await.unwrap().unwrap().enabled);
        store.blobs().open(&digest).await.unwrap();
    });
}
