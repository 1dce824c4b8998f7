//! The event log.

use std::collections::BTreeSet;
use std::sync::Arc;

use fedwit_domain::ports::{Append, LogError};
use fedwit_domain::{Command, Event, Recorded, SessionConfig, SessionId, Timestamp};
use fedwit_store::{Page, ParticipationFilter, RoundFilter, StoreError};
use futures_util::future::join_all;

use crate::support::{Driver, open, reopen, until_crash};

/// Two clients, five rounds, validations.
async fn trained(driver: &mut Driver, rounds: u32) {
    driver.start(rounds).await;
    for round in 1..=rounds {
        driver.open_attempt(&["a", "b"]).await;
        driver.submit("a", format!("a{round}").as_bytes(), 10).await;
        driver.submit("b", format!("b{round}").as_bytes(), 30).await;
        driver.commit(format!("model {round}").as_bytes(), Some(format!("state {round}").as_bytes())).await;
        driver.validate(round, "a", 1.0 / f64::from(round)).await;
        driver.validate(round, "b", 0.3 / f64::from(round)).await;
    }
}

#[tokio::test]
async fn a_session_is_replayed_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
    trained(&mut driver, 5).await;
    assert!(driver.session.has_ended());
    let id = driver.session.id;

    let replay = store.log().replay(id).await.unwrap().unwrap();
    assert!(replay.snapshot.is_some(), "there is one a round");
    assert!(replay.events.len() < 10, "only what came after the snapshot is read");
    assert_eq!(replay.session(id).unwrap(), driver.session);

    let events = store.log().read(id, 0, u32::MAX).await.unwrap();
    let mut session = fedwit_domain::Session::begin(id, &events[0]).unwrap();
    events[1..].iter().for_each(|event| session.apply(event));
    assert_eq!(session, driver.session, "the whole log says the same");

    let part = store.log().read(id, 3, 2).await.unwrap();
    assert_eq!(part.iter().map(|event| event.sequence).collect::<Vec<_>>(), [4, 5]);
    assert!(store.log().replay(SessionId::random()).await.unwrap().is_none());
}

#[tokio::test]
async fn numbers_come_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig::default()).await;
    driver.start(1).await;
    driver.open_attempt(&["a"]).await;
    driver.submit("a", b"a", u64::MAX).await;
    driver.commit(b"model", None).await;
    // A number whose shortest decimal form is easily read wrong by the last bit.
    driver.validate(1, "a", 1.729_434_577_137_231_4e-217).await;
    let replay = store.log().replay(driver.session.id).await.unwrap().unwrap();
    assert_eq!(replay.session(driver.session.id).unwrap(), driver.session);
}

#[tokio::test]
async fn two_cannot_both_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let driver = Driver::create(&store, SessionConfig::default()).await;
    let mut events = driver.session.clone().step(Command::Stop { reason: "enough".to_owned() }, driver.now).0;
    let append = |events: &[Recorded], expected| {
        let (log, events) = (store.log(), events.to_vec());
        let append = Append { session: driver.session.id, expected, events, snapshot: None };
        async move { log.append(append).await }
    };
    append(&events, 1).await.unwrap();
    let again = append(&events, 1).await;
    assert!(matches!(again, Err(LogError::Conflict { expected: 1, .. })), "{again:?}");
    events[0].sequence = 7;
    let gap = append(&events, 2).await;
    assert!(matches!(gap, Err(LogError::Store(_))), "{gap:?}");
    assert_eq!(store.log().read(driver.session.id, 0, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn writes_that_come_at_once_share_commits_and_one_that_fails_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut drivers = Vec::new();
    for _ in 0..100 {
        drivers.push(Driver::create(&store, SessionConfig::default()).await);
    }
    let mut heard = store.log().appended();
    let before = store.commits();
    let appends = drivers.iter_mut().enumerate().map(|(index, driver)| {
        let expected = if index % 10 == 3 { 5 } else { 1 };
        let events = driver.session.step(Command::Stop { reason: "enough".to_owned() }, driver.now).0;
        let append = Append { session: driver.session.id, expected, events, snapshot: None };
        let log = store.log();
        async move { log.append(append).await }
    });
    let answers = join_all(appends).await;
    let commits = store.commits() - before;
    assert!(commits <= 5, "{commits} commits");
    let mut stopped = BTreeSet::new();
    for (index, (answer, driver)) in answers.iter().zip(&drivers).enumerate() {
        assert_eq!(answer.is_ok(), index % 10 != 3, "{index}: {answer:?}");
        let row = store.session(driver.session.id).await.unwrap().unwrap();
        assert_eq!(row.status == "stopped", answer.is_ok());
        if answer.is_ok() {
            stopped.insert(driver.session.id);
        }
    }
    let mut told = BTreeSet::new();
    while let Ok(appended) = heard.try_recv() {
        assert_eq!(appended.sequence, 2);
        told.insert(appended.session);
    }
    assert_eq!(told, stopped, "all that is durable is told, and nothing else");
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let session = SessionId::random();
    let events = vec![Recorded {
        sequence: 1,
        at: Timestamp(1),
        event: Event::RunStarted { rounds: 1, clients: Vec::new(), model_name_prefix: None, round_timeout_s: None },
    }];
    let answer = store.log().append(Append { session, expected: 0, events, snapshot: None }).await;
    assert!(matches!(answer, Err(LogError::Store(_))), "{answer:?}");
    assert!(store.log().replay(session).await.unwrap().is_none());
}

#[tokio::test]
async fn what_may_go_on_by_itself_is_active() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut running = Driver::create(&store, SessionConfig::default()).await;
    let mut pausing = Driver::create(&store, SessionConfig::default()).await;
    let mut paused = Driver::create(&store, SessionConfig::default()).await;
    let _created = Driver::create(&store, SessionConfig::default()).await;
    let mut stopped = Driver::create(&store, SessionConfig::default()).await;
    for driver in [&mut running, &mut pausing, &mut paused, &mut stopped] {
        driver.start(1).await;
    }
    pausing.open_attempt(&["a"]).await;
    pausing.does(Command::Pause).await;
    paused.does(Command::Pause).await;
    stopped.does(Command::Stop { reason: "enough".to_owned() }).await;
    assert_eq!(store.log().active().await.unwrap(), [running.session.id, pausing.session.id]);
}

#[test]
fn what_was_appended_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let session = until_crash(async || {
        let store = open(folder.path()).await;
        let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
        trained(&mut driver, 2).await;
        driver.session
    });
    until_crash(async || {
        let store = reopen(folder.path()).await;
        let replay = store.log().replay(session.id).await.unwrap().unwrap();
        assert_eq!(replay.session(session.id).unwrap(), session);
        let row = store.session(session.id).await.unwrap().unwrap();
        assert_eq!((row.status.as_str(), row.rounds_completed, row.model), ("finished", 2, session.model.id));
        assert!(store.blobs().open(&session.model.blob).await.is_ok());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_sees_whole_events_and_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
    let id = driver.session.id;
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut reads, mut completed) = (0_u32, 0);
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let row = store.session(id).await.unwrap().unwrap();
                    assert!(row.rounds_completed >= completed, "what was read is not undone");
                    completed = row.rounds_completed;
                    let filter = RoundFilter { session: Some(id), ..Default::default() };
                    let finished = RoundFilter { status: Some("finished".to_owned()), ..filter };
                    assert!(store.rounds(&finished, Page::first(100)).await.unwrap().total >= completed.into());
                    let asked = ParticipationFilter { session: Some(id), ..Default::default() };
                    assert_eq!(store.participations(&asked, Page::first(100)).await.unwrap().total % 2, 0);
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    trained(&mut driver, 10).await;
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_closed_store_takes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let log = store.log();
    let driver = Driver::create(&store, SessionConfig::default()).await;
    drop(driver.store);
    store.clone().close().await;
    let answer = store.set_helper(fedwit_domain::ModelFormat::Npz).await;
    assert!(matches!(answer, Err(StoreError::Closed)), "{answer:?}");
    let events = driver.session.clone().step(Command::Stop { reason: "enough".to_owned() }, driver.now).0;
    let append = Append { session: driver.session.id, expected: 1, events, snapshot: None };
    assert!(matches!(log.append(append).await, Err(LogError::Store(_))));
    let again = open(folder.path()).await;
    assert!(again.session(driver.session.id).await.unwrap().is_some());
}
