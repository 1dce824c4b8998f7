//! What is kept for client selectors, and of what they chose.

use std::collections::BTreeMap;
use std::time::Instant;

use fedwit_domain::{Choice, Command, Digest, PluginVersion, RoundId, RoundNumber, Selected, SessionConfig, Timestamp};
use fedwit_store::{NewAttribute, Page, ParticipationFilter, Store};
use serde_json::{Map, Value, json};

use crate::support::{DEADLINE, Driver, client, open, plugin};

fn selector() -> PluginVersion {
    PluginVersion { name: "uniform".to_owned(), version: "0.1.0".to_owned(), digest: Digest::from_bytes([5; 32]) }
}

fn own() -> Map<String, Value> {
    Map::from_iter([("epochs".to_owned(), json!(3))])
}

/// What the tables say of the first round: what chose, and what each client was told alone.
async fn shown(
    store: &Store,
    driver: &Driver,
) -> (Option<(String, String, Digest)>, Vec<(String, Map<String, Value>)>) {
    let id = RoundId { session: driver.session.id, round: RoundNumber(1) };
    let round = store.round(id).await.unwrap().unwrap();
    let filter = ParticipationFilter { session: Some(id.session), ..Default::default() };
    let parts = store.participations(&filter, Page::first(10)).await.unwrap().rows;
    (round.selector, parts.into_iter().map(|part| (part.client.to_string(), part.settings)).collect())
}

#[tokio::test]
async fn what_was_chosen_is_on_record_and_made_anew_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let config = SessionConfig { client_selector: Some("uniform".to_owned()), ..Default::default() };
    let mut driver = Driver::create(&store, config).await;
    driver.start(1).await;
    let selected =
        [("a", own()), ("c", Map::new())].map(|(name, settings)| Selected { client: client(name), settings });
    let (round, attempt) = (RoundNumber(1), fedwit_domain::AttemptNumber(1));
    let choice = Some(Choice { round, attempt, selector: selector(), selected: selected.to_vec() });
    let online = ["a", "b", "c"].map(client).to_vec();
    driver.does(Command::OpenAttempt { online, plugin: plugin(), choice }).await;
    let selector = selector();
    let expected = (
        Some((selector.name, selector.version, selector.digest)),
        vec![("a".to_owned(), own()), ("c".to_owned(), Map::new())],
    );
    assert_eq!(shown(&store, &driver).await, expected);
    store.rebuild().await.unwrap();
    assert_eq!(shown(&store, &driver).await, expected);
    let replayed = store.log().replay(driver.session.id).await.unwrap().unwrap().session(driver.session.id);
    assert_eq!(replayed, Some(driver.session));
}

async fn attributes(store: &Store, names: &[&str]) -> BTreeMap<String, BTreeMap<String, String>> {
    let clients: Vec<_> = names.iter().map(|name| client(name)).collect();
    let found = store.attributes_of(&clients).await.unwrap();
    found.into_iter().map(|(client, attributes)| (client.to_string(), attributes)).collect()
}

#[tokio::test]
async fn what_many_clients_say_of_themselves_is_read_at_once_and_no_client_is_in_the_way_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let attribute = |name: &str, key: &str, value: &str| NewAttribute {
        client: client(name),
        key: key.to_owned(),
        value: value.to_owned(),
        at: Timestamp(1),
    };
    store.note_attributes(vec![attribute("a", "gpu", "none"), attribute("a", "gpu", "one")]);
    store.note_attributes((0..100).map(|index| attribute("talker", &format!("key-{index:03}"), "x")).collect());
    store.note_attributes(vec![attribute("long", "k", &"ü".repeat(5000)), attribute("c", "region", "north")]);
    let began = Instant::now();
    while attributes(&store, &["c", "a"]).await.len() < 2 {
        assert!(began.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
    let found = attributes(&store, &["a", "b", "talker", "long"]).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "long", "talker"], "b has said nothing, and c is not asked for");
    assert_eq!(found["a"], BTreeMap::from([("gpu".to_owned(), "one".to_owned())]));
    assert_eq!((found["talker"].len(), found["long"]["k"].chars().count()), (64, 1024));
    assert!(found["talker"].contains_key("key-000") && !found["talker"].contains_key("key-064"));
    assert!(attributes(&store, &[]).await.is_empty());
    // More clients than a statement may have parameters.
    let many: Vec<String> = (0..40_000).map(|index| format!("client-{index}")).chain(["a".to_owned()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(attributes(&store, &many).await.len(), 1);
}
