//! Placing clients, over a store and a load balancer that does as it is told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fedwit_domain::ports::{
    FakeBlobs, FakeClientSelector, FakeEventLog, FakeFolding, FakeLoadBalancer, LoadBalancer, SystemClock,
};
use fedwit_domain::{ClientId, Timestamp};
use fedwit_store::{OpenError, Page, Store, StoreOptions};

use super::book::{Book, MAX_CLIENTS};
use crate::federation::Ports;
use crate::pool::Pool;
use crate::presence::PresenceBook;
use crate::{ClientPackage, Federation, Plugins, Registration, RegistrationOutcome, Settings, TaskStream};

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    folder: tempfile::TempDir,
    balancer: Arc<FakeLoadBalancer>,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), balancer: Arc::default() }
    }

    async fn server(&self, combiners: usize) -> Federation {
        start(self.folder.path(), combiners, Some(Arc::clone(&self.balancer) as Arc<dyn LoadBalancer>)).await
    }
}

async fn start(folder: &Path, combiners: usize, balancer: Option<Arc<dyn LoadBalancer>>) -> Federation {
    let store = open(folder).await;
    let blobs = Arc::new(FakeBlobs::in_folder(folder).unwrap());
    let ports = Ports {
        log: Arc::new(FakeEventLog::default()),
        folding: Arc::new(FakeFolding::over(Arc::clone(&blobs))),
        blobs,
        selector: Arc::new(FakeClientSelector::default()),
        clock: Arc::new(SystemClock::default()),
        balancer,
    };
    let settings = Settings { combiners, ..Settings::default() };
    Federation::start_with(store, ports, Plugins::none(), settings, Pool::new(2)).await.unwrap()
}

/// The folder's last owner may be on its way out.
async fn open(folder: &Path) -> Store {
    let began = Instant::now();
    loop {
        let options = StoreOptions { folder: folder.join("data"), low_disk_bytes: 0 };
        match Store::open(options).await {
            Ok(store) => return store,
            Err(OpenError::Locked(_)) if began.elapsed() < PATIENCE => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn client(number: usize) -> ClientId {
    format!("client-{number}").parse().unwrap()
}

async fn register(server: &Federation, id: &ClientId, preferred: Option<&str>) -> String {
    let registration = Registration {
        id: Some(id.clone()),
        name: String::new(),
        package: ClientPackage::Local,
        combiner_preferred: preferred.map(str::to_owned),
        ip: None,
    };
    match server.register_client(registration).await.unwrap() {
        RegistrationOutcome::Assigned { combiner, .. } => combiner.to_string(),
        RegistrationOutcome::NoPackage => panic!("it has its own"),
    }
}

async fn connect(server: &Federation, id: &ClientId, wished: Option<&str>) -> (TaskStream, String) {
    let stream = server.open_task_stream(id.clone(), wished).await;
    (stream, server.combiner_of(id).unwrap().to_string())
}

fn counts(server: &Federation) -> Vec<usize> {
    server.combiners().iter().map(|combiner| combiner.clients_online).collect()
}

#[tokio::test]
async fn one_combiner_has_every_client_and_asks_nobody() {
    let world = World::new();
    let server = world.server(1).await;
    assert_eq!(register(&server, &client(1), Some("elsewhere")).await, "combiner");
    let (_stream, combiner) = connect(&server, &client(2), None).await;
    assert_eq!((combiner.as_str(), counts(&server)), ("combiner", vec![1]));
    assert!(world.balancer.asked().is_empty());
    let all = server.clients_of(server.first_combiner(), Page::first(10)).await.unwrap();
    assert_eq!(all.total, 1, "the one that registered; the other is recorded in a while");
}

#[tokio::test]
async fn the_load_balancer_is_told_what_there_is_and_decides() {
    let world = World::new();
    let server = world.server(3).await;
    assert_eq!(register(&server, &client(1), Some("combiner-3")).await, "combiner-3");
    let (_stream, _) = connect(&server, &client(1), None).await;
    assert_eq!(register(&server, &client(2), Some("nowhere")).await, "combiner-1");
    let asked = world.balancer.asked();
    let loads: Vec<(String, u32)> =
        asked[1].combiners.iter().map(|combiner| (combiner.name.to_string(), combiner.clients)).collect();
    let expected = [("combiner-1", 0), ("combiner-2", 0), ("combiner-3", 1)];
    assert_eq!(loads, expected.map(|(name, clients)| (name.to_owned(), clients)));
    assert_eq!((asked[1].client.clone(), asked[1].preferred.as_deref()), (client(2), Some("nowhere")));
    assert_eq!(asked.len(), 2, "who is placed is not placed again when it connects");
}

#[tokio::test]
async fn loads_even_out_also_when_all_come_at_once() {
    for balanced in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let balancer = balanced.then(|| Arc::new(FakeLoadBalancer::default()) as Arc<dyn LoadBalancer>);
        let server = start(folder.path(), 4, balancer).await;
        let ids: Vec<ClientId> = (0..40).map(client).collect();
        let registering = ids.iter().map(|id| register(&server, id, None));
        let mut by_combiner: BTreeMap<String, usize> = BTreeMap::new();
        for combiner in futures_util::future::join_all(registering).await {
            *by_combiner.entry(combiner).or_default() += 1;
        }
        assert_eq!(by_combiner.into_values().collect::<Vec<_>>(), [10; 4]);
    }
}

#[tokio::test]
async fn a_load_balancer_that_fails_or_makes_things_up_keeps_nobody_out() {
    let world = World::new();
    let server = world.server(2).await;
    assert_eq!(register(&server, &client(1), None).await, "combiner-1");
    world.balancer.fail("trapped");
    assert_eq!(
        register(&server, &client(2), Some("combiner-1")).await,
        "combiner-2",
        "the one with the fewest clients"
    );
    for nonsense in ["", "combiner-3", "combiner-1 ", "\u{1b}[2J"] {
        world.balancer.answer(nonsense);
        let id: ClientId = format!("n-{}", nonsense.len()).parse().unwrap();
        assert!(["combiner-1", "combiner-2"].contains(&register(&server, &id, None).await.as_str()));
    }
    world.balancer.heal();
    assert_eq!(register(&server, &client(3), Some("combiner-2")).await, "combiner-2");
}

#[tokio::test]
async fn a_load_balancer_that_hangs_is_waited_for_once_and_not_for_long() {
    let world = World::new();
    let server = world.server(2).await;
    world.balancer.hang();
    let began = Instant::now();
    let ids: Vec<ClientId> = (0..20).map(client).collect();
    let placed = futures_util::future::join_all(ids.iter().map(|id| register(&server, id, None))).await;
    assert!(began.elapsed() < Duration::from_secs(8), "FEDn's clients wait for ten seconds: {:?}", began.elapsed());
    assert_eq!(world.balancer.asked().len(), 1, "while it hangs nobody else asks it");
    assert_eq!(placed.iter().filter(|combiner| *combiner == "combiner-1").count(), 10);
}

#[tokio::test]
async fn a_client_that_registers_again_stays_unless_it_would_like_another() {
    let world = World::new();
    let server = world.server(3).await;
    assert_eq!(register(&server, &client(1), Some("combiner-2")).await, "combiner-2");
    for preferred in [None, Some("combiner-2"), Some("nowhere")] {
        assert_eq!(register(&server, &client(1), preferred).await, "combiner-2");
    }
    assert_eq!(register(&server, &client(1), Some("combiner-1")).await, "combiner-1");
    let (_stream, combiner) = connect(&server, &client(1), Some("combiner-3")).await;
    assert_eq!((combiner.as_str(), counts(&server)), ("combiner-1", vec![1, 0, 0]));
}

#[tokio::test]
async fn a_client_that_never_registered_is_placed_when_it_connects_and_that_is_kept() {
    let world = World::new();
    {
        let server = world.server(3).await;
        assert_eq!(server.combiner_of(&client(1)), None);
        let (_stream, combiner) = connect(&server, &client(1), Some("combiner-3")).await;
        assert_eq!(combiner, "combiner-3");
        server.shutdown().await;
        server.store().clone().close().await;
    }
    // More combiners move nobody, fewer only those whose combiner is gone.
    for (combiners, expected) in [(4, "combiner-3"), (2, "combiner-1")] {
        let server = world.server(combiners).await;
        let (stream, combiner) = connect(&server, &client(1), None).await;
        assert_eq!(combiner, expected, "{combiners} combiners");
        drop(stream);
        server.shutdown().await;
        server.store().clone().close().await;
    }
}

#[test]
fn what_is_remembered_is_bounded_and_others_are_placed_all_the_same() {
    let (book, now) = (Book::new(2), Timestamp(0));
    let presence = PresenceBook::new(now, Duration::from_secs(30));
    for number in 0..MAX_CLIENTS {
        book.remember(client(number), 0, None);
    }
    let beyond = client(MAX_CLIENTS);
    assert_eq!(book.place(&beyond, &presence, now, |_| 1), 1);
    assert_eq!(book.of(&beyond), None);
    book.remove(&client(0));
    book.place(&beyond, &presence, now, |_| 1);
    assert_eq!((book.of(&beyond), book.loads(&presence, now)), (Some(1), vec![0, 1]));
}

#[test]
fn who_is_expected_counts_for_a_while_and_who_is_there_for_as_long() {
    let book = Book::new(2);
    let presence = PresenceBook::new(Timestamp(0), Duration::from_secs(30));
    let later = Timestamp(120_000);
    book.place(&client(1), &presence, Timestamp(0), |_| 0);
    book.place(&client(2), &presence, Timestamp(0), |_| 1);
    book.remember(client(3), 1, None);
    assert_eq!(book.loads(&presence, Timestamp(0)), [1, 1]);
    presence.opened(&client(2), Timestamp(0));
    presence.heartbeat(&client(3), later);
    assert_eq!(book.loads(&presence, later), [0, 2]);
}
