//! Records besides those of sessions.

use std::time::Instant;

use fedwit_domain::{CombinerName, ModelFormat, ModelId, PackageId, PredictionId, Timestamp};
use fedwit_store::{
    ClientFilter, NewAttribute, NewClient, NewMetric, NewModel, NewPackage, NewStatus, NewTelemetry, PackageFilter,
    Page, PredictionFilter, Store, TelemetryFilter,
};
use serde_json::json;

use crate::support::{DEADLINE, blob, client, open, reopen};

fn new_client(id: &str, name: &str, at: u64) -> NewClient {
    let (combiner_preferred, ip) = (None, Some("127.0.0.1".to_owned()));
    let (package, at) = ("remote".to_owned(), Timestamp(at));
    let combiner = "combiner-1".parse().unwrap();
    NewClient { id: client(id), name: name.to_owned(), package, combiner_preferred, combiner, ip, at }
}

#[tokio::test]
async fn clients_register_are_seen_and_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.register_client(new_client("a", "ann", 10)).await.unwrap();
    store.clients_seen(vec![(client("a"), Timestamp(50)), (client("b"), Timestamp(40))]).await.unwrap();
    store.clients_seen(vec![(client("a"), Timestamp(30))]).await.unwrap();
    store.register_client(new_client("a", "anna", 20)).await.unwrap();

    let a = store.client(&client("a")).await.unwrap().unwrap();
    assert_eq!((a.name.as_str(), a.package.as_str()), ("anna", "remote"));
    assert_eq!((a.created_at.0, a.updated_at.0, a.last_seen.unwrap().0), (10, 20, 50));
    let b = store.client(&client("b")).await.unwrap().unwrap();
    assert_eq!((b.name.as_str(), b.package.as_str(), b.created_at.0), ("b", "local", 40));

    let filter = ClientFilter { name: Some("anna".to_owned()), ..Default::default() };
    assert_eq!(store.clients(&filter, Page::first(10)).await.unwrap().rows, [a]);
    assert!(store.remove_client(&client("a")).await.unwrap());
    assert!(!store.remove_client(&client("a")).await.unwrap());
    let left = store.clients(&ClientFilter::default(), Page::first(10)).await.unwrap();
    assert_eq!((left.total, &left.rows[0].id), (1, &client("b")));
}

#[tokio::test]
async fn where_clients_are_placed_outlives_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let combiner = |name: &str| name.parse::<CombinerName>().unwrap();
    {
        let store = open(folder.path()).await;
        store.register_client(new_client("a", "ann", 10)).await.unwrap();
        // One that never registered, and one of which nothing is known but that it was seen.
        store.place_client(client("b"), combiner("combiner-2"), Timestamp(20)).await.unwrap();
        store.clients_seen(vec![(client("c"), Timestamp(30))]).await.unwrap();
        store.place_client(client("a"), combiner("combiner-3"), Timestamp(40)).await.unwrap();
        store.close().await;
    }
    let store = reopen(folder.path()).await;
    let placed = store.placements(10).await.unwrap();
    let expected =
        [(client("b"), combiner("combiner-2"), Timestamp(20)), (client("a"), combiner("combiner-3"), Timestamp(10))];
    assert_eq!(placed, expected);
    assert_eq!(store.placements(1).await.unwrap(), expected[..1]);
    let a = store.client(&client("a")).await.unwrap().unwrap();
    assert_eq!((a.name.as_str(), a.combiner), ("ann", Some(combiner("combiner-3"))));
    let filter = ClientFilter { combiner: Some(combiner("combiner-2")), ..Default::default() };
    assert_eq!(store.clients(&filter, Page::first(10)).await.unwrap().rows[0].id, client("b"));
}

#[tokio::test]
async fn lists_are_read_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for index in 0..10 {
        store.register_client(new_client(&format!("c{index}"), "x", index)).await.unwrap();
    }
    let read = async |filter: ClientFilter, page: Page| {
        let listed = store.clients(&filter, page).await.unwrap();
        let names: Vec<String> = listed.rows.iter().map(|row| row.id.to_string()).collect();
        (names.join(" "), listed.total, listed.rows.last().map(|row| row.number))
    };
    let all = ClientFilter::default;
    let (first, total, last) = read(all(), Page::first(3)).await;
    assert_eq!((first.as_str(), total), ("c0 c1 c2", 10));
    assert_eq!(read(all(), Page { after: last, ..Page::first(3) }).await.0, "c3 c4 c5");
    assert_eq!(read(all(), Page { offset: 8, ..Page::first(3) }).await.0, "c8 c9");
    let (newest, _, last) = read(all(), Page::last(2)).await;
    assert_eq!(newest, "c9 c8");
    assert_eq!(read(all(), Page { after: last, ..Page::last(2) }).await.0, "c7 c6");
    assert_eq!(read(all(), Page { offset: u64::MAX, ..Page::first(3) }).await.0, "");
    assert_eq!(read(all(), Page::first(0)).await, (String::new(), 10, None));
    let between = ClientFilter { from: Some(Timestamp(4)), until: Some(Timestamp(6)), ..Default::default() };
    assert_eq!(read(between, Page::first(100)).await.0, "c4 c5");
}

async fn add_package(store: &Store, name: &str) -> PackageId {
    let id = PackageId::random();
    let blob = blob(store, name.as_bytes()).await;
    let (description, file_name) = (String::new(), format!("{name}.tgz"));
    let (name, format, at) = (name.to_owned(), ModelFormat::Npz, Timestamp(1));
    store.add_package(NewPackage { id, name, description, file_name, format, blob, at }).await.unwrap();
    id
}

#[tokio::test]
async fn one_package_is_active_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert!(store.active_package().await.unwrap().is_none());
    let (first, second) = (add_package(&store, "one").await, add_package(&store, "two").await);
    let active = async || store.active_package().await.unwrap().map(|package| package.id);
    assert_eq!(active().await, Some(second));
    assert!(store.activate_package(Some(first)).await.unwrap());
    assert_eq!(active().await, Some(first));
    assert!(!store.activate_package(Some(PackageId::random())).await.unwrap());
    assert_eq!(active().await, Some(first));
    let others = PackageFilter { active: Some(false), ..Default::default() };
    assert_eq!(store.packages(&others, Page::first(10)).await.unwrap().rows[0].id, second);
    assert!(store.activate_package(None).await.unwrap());
    assert_eq!(active().await, None);
    assert_eq!(store.package(first).await.unwrap().unwrap().file_name, "one.tgz");
}

#[tokio::test]
async fn a_client_predicts_once_and_only_what_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (model, prediction, at) = (ModelId::random(), PredictionId::random(), Timestamp(1));
    let blob = blob(&store, b"seed").await;
    let name = "seed".to_owned();
    store.add_model(NewModel { id: model, name, blob, format: ModelFormat::Npz, at }).await.unwrap();
    let report = async |client_id: &str, data| {
        store.report_prediction(prediction, model, client(client_id), data, at).await.unwrap()
    };
    assert!(!report("a", json!({ "x": 0 })).await, "nobody asked");
    store.add_prediction(prediction, model, at).await.unwrap();
    store.add_prediction(prediction, model, at).await.unwrap();
    assert!(report("a", json!({ "x": 1 })).await);
    assert!(!report("a", json!({ "x": 2 })).await);
    assert!(report("b", json!([1.5, "ü"])).await);
    let filter = PredictionFilter { prediction: Some(prediction), ..Default::default() };
    let said = store.predictions(&filter, Page::first(10)).await.unwrap();
    let said: Vec<_> = said.rows.iter().map(|row| (row.client.as_str(), row.data.clone())).collect();
    assert_eq!(said, [("a", json!({ "x": 1 })), ("b", json!([1.5, "ü"]))]);
}

#[tokio::test]
async fn the_helper_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.helper().await.unwrap(), None);
    store.set_helper(ModelFormat::FlatFloat64).await.unwrap();
    store.set_helper(ModelFormat::Safetensors).await.unwrap();
    assert_eq!(store.helper().await.unwrap(), Some(ModelFormat::Safetensors));
}

#[tokio::test]
async fn what_clients_tell_besides_is_written_soon() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (a, at) = (client("a"), Timestamp(7));
    let metric = |key: &str, value| NewMetric {
        client: a.clone(),
        key: key.to_owned(),
        value,
        step: Some(3),
        model: None,
        round: None,
        session: None,
        at,
    };
    store.note_metrics(vec![metric("loss", 0.5), metric("accuracy", 0.9)]);
    let attribute =
        |value: &str| NewAttribute { client: a.clone(), key: "gpu".to_owned(), value: value.to_owned(), at };
    store.note_attributes(vec![attribute("none"), attribute("one")]);
    let text = |text: &str| text.to_owned();
    store.note_status(NewStatus {
        client: a.clone(),
        name: text("ann"),
        status: "ü".repeat(20_000),
        level: text("INFO"),
        kind: text("MODEL_UPDATE"),
        data: text("{}"),
        correlation: text("1"),
        session: None,
        extra: text(""),
        at,
    });
    store.note_telemetry(NewTelemetry { client: a.clone(), values: [(text("cpu"), 12.5)].into(), at });

    let page = Page::first(10);
    let began = Instant::now();
    let of_a = TelemetryFilter { client: Some(a.clone()), ..Default::default() };
    while store.telemetry(&of_a, page).await.unwrap().total == 0 {
        assert!(began.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
    let loss = TelemetryFilter { key: Some(text("loss")), ..of_a.clone() };
    let metrics = store.metrics(&loss, page).await.unwrap();
    assert_eq!((metrics.total, metrics.rows[0].value, metrics.rows[0].step), (1, 0.5, Some(3)));
    assert_eq!(store.attributes(&of_a, page).await.unwrap().total, 2);
    let current = store.current_attributes(std::slice::from_ref(&a)).await.unwrap();
    assert_eq!(current.iter().map(|row| row.value.as_str()).collect::<Vec<_>>(), ["one"]);
    assert_eq!(store.current_attributes(&[client("b")]).await.unwrap(), []);
    let kind = TelemetryFilter { kind: Some(text("MODEL_UPDATE")), level: Some(text("INFO")), ..Default::default() };
    let status = store.statuses(&kind, page).await.unwrap().rows.remove(0);
    assert_eq!((status.name.as_str(), status.status.len()), ("ann", 16 << 10), "it is cut");
    assert_eq!(store.telemetry(&of_a, page).await.unwrap().rows[0].values["cpu"], 12.5);
    assert_eq!(store.dropped_notes(), 0);
}
