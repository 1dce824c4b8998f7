//! What the tables say of a session.

use fedwit_domain::{
    AttemptFailure, AttemptNumber, BestModel, Command, Commit, Direction, Metrics, RoundId, RoundNumber, SessionConfig,
    UpdateRefusal,
};
use fedwit_store::{
    ModelFilter, Page, ParticipationFilter, RefusalFilter, RoundFilter, RunFilter, Store, ValidationFilter,
};

use crate::support::{Driver, client, open, plugin};

/// A session with a bit of everything: an attempt that nobody answers, one that loses an update, a refusal, a client
/// that is given up, validations, a best model.
async fn eventful(store: &Store, keep_updates: bool) -> Driver {
    let best_model = Some(BestModel { metric: "val_loss".to_owned(), direction: Direction::Minimize });
    let config = SessionConfig { clients_required: 2, keep_updates, best_model, ..Default::default() };
    let mut driver = Driver::create(store, config).await;
    driver.start(2).await;
    driver.open_attempt(&["a"]).await;
    driver.later(10);
    driver.open_attempt(&["a", "b", "c", "d"]).await;
    driver.submit("a", b"a1", 10).await;
    // Nobody else answers in time.
    driver.later(200);
    driver.does(Command::Wake).await;
    driver.open_attempt(&["a", "b", "c", "d"]).await;
    driver.later(1);
    driver.submit("a", b"a2", 10).await;
    driver.submit("b", b"b2", 30).await;
    driver.submit_bad("c", UpdateRefusal::Tensors { problem: "w: it is not finite".to_owned() }).await;
    let update = driver.submit("d", b"d2", 100).await.update;
    let (round, attempt) = (RoundNumber(1), AttemptNumber(2));
    let problem = "trap".to_owned();
    driver.does(Command::Exclude { round, attempt, client: client("d"), update, problem }).await;
    driver.later(1);
    driver.commit(b"model 1", Some(b"state 1")).await;
    driver.validate(1, "a", 0.5).await;
    driver.validate(1, "b", 0.25).await;
    driver.later(61);
    driver.does(Command::Wake).await;
    driver
}

fn page() -> Page {
    Page::first(100)
}

#[tokio::test]
async fn a_session_is_shown_as_its_events_left_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let driver = eventful(&store, false).await;
    let (id, session) = (driver.session.id, &driver.session);

    let row = store.session(id).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.status.as_str(), row.reason.as_deref()), ("digits", "running", None));
    assert_eq!((row.seed_model, row.model), (driver.seed.id, session.model.id));
    assert_eq!(row.best_model, session.best.map(|best| best.model));
    assert!(row.best_model.is_some());
    assert_eq!((row.rounds_completed, row.rounds_until), (1, 2));
    assert_eq!(row.config, session.config);
    assert_eq!(row.updated_at, session.last_event_at);

    let round = store.round(RoundId { session: id, round: RoundNumber(1) }).await.unwrap().unwrap();
    assert_eq!((round.status.as_str(), round.attempt, round.reason.as_deref()), ("finished", AttemptNumber(2), None));
    assert_eq!((round.base, round.model), (driver.seed.id, Some(session.model.id)));
    assert_eq!((round.updates, round.examples), (2, 40), "what was excluded does not count");
    assert_eq!(round.plugin.unwrap(), (plugin().name, plugin().version, plugin().digest));
    assert_eq!(round.opened_at.0, 1_700_000_000_000, "it began when clients were first awaited");
    assert_eq!(round.attempt_opened_at.unwrap().0, 1_700_000_210_000);
    assert_eq!(round.closed_at.unwrap().0, 1_700_000_211_000);
    assert_eq!(round.ended_at.unwrap().0, 1_700_000_212_000);
    assert_eq!(round.aggregator_metrics, Metrics::from([("updates".to_owned(), 2.0)]));
    let loss = round.validation_metrics.unwrap()["val_loss"];
    assert!((loss - (0.5 * 10.0 + 0.25 * 30.0) / 40.0).abs() < 1e-12, "{loss}");

    let model = store.model(session.model.id).await.unwrap().unwrap();
    assert_eq!((model.name.as_str(), model.parent), ("digits_1", Some(driver.seed.id)));
    assert_eq!(model.round, Some(RoundId { session: id, round: RoundNumber(1) }));
    assert_eq!((model.blob, model.size_bytes), (session.model.blob, session.model.size_bytes));

    let runs = store.runs(&RunFilter { session: Some(id), ..Default::default() }, page()).await.unwrap();
    assert_eq!((runs.total, runs.rows[0].rounds, runs.rows[0].round_timeout_s), (1, 2, 180));
    assert_eq!((runs.rows[0].model, runs.rows[0].completed_at), (driver.seed.id, None));

    let filter = ValidationFilter { session: Some(id), ..Default::default() };
    let validations = store.validations(&filter, page()).await.unwrap();
    let said: Vec<_> = validations.rows.iter().map(|row| (row.client.as_str(), row.weight, row.model)).collect();
    assert_eq!(said, [("a", 10.0, session.model.id), ("b", 30.0, session.model.id)]);
    assert_eq!(validations.rows[1].data["val_loss"], 0.25);
}

#[tokio::test]
async fn who_took_part_is_shown_with_what_came_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let driver = eventful(&store, true).await;
    let id = driver.session.id;
    let filter = ParticipationFilter { session: Some(id), round: Some(RoundNumber(1)), ..Default::default() };
    let all = store.participations(&filter, page()).await.unwrap();
    let said: Vec<String> = all
        .rows
        .iter()
        .map(|row| {
            let kept = if row.blob.is_some() { "kept" } else { "-" };
            let examples = row.examples.map_or("-".to_owned(), |examples| examples.to_string());
            format!("{} {} {} {examples} {kept}", row.attempt, row.client, row.status)
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    1 a accepted 10 kept
    1 b asked - -
    1 c asked - -
    1 d asked - -
    2 a accepted 10 kept
    2 b accepted 30 kept
    2 c refused - -
    2 d excluded 100 kept
    ");
    let one = ParticipationFilter { client: Some(client("c")), attempt: Some(AttemptNumber(2)), ..filter };
    let one = store.participations(&one, page()).await.unwrap();
    assert_eq!((one.total, one.rows[0].answered_at.unwrap().0), (1, 1_700_000_211_000));

    let refusals = store.refusals(&RefusalFilter { session: Some(id), ..Default::default() }, page()).await.unwrap();
    let said: Vec<String> =
        refusals.rows.iter().map(|row| format!("{} {} {}", row.client, row.code, row.reason)).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    c UPDATE_TENSORS w: it is not finite
    d UPDATE_EXCLUDED the aggregator excluded it: trap
    ");
}

#[tokio::test]
async fn a_round_that_waits_or_fails_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let config = SessionConfig { clients_required: 2, attempts: 2, ..Default::default() };
    let mut driver = Driver::create(&store, config).await;
    driver.start(3).await;
    driver.open_attempt(&["a"]).await;
    let id = RoundId { session: driver.session.id, round: RoundNumber(1) };
    let waiting = "1 of the 2 clients that it needs are there";
    let round = store.round(id).await.unwrap().unwrap();
    assert_eq!((round.status.as_str(), round.reason.as_deref()), ("waiting", Some(waiting)));
    assert_eq!(store.session(id.session).await.unwrap().unwrap().reason.as_deref(), Some(waiting));

    driver.later(200);
    driver.does(Command::Wake).await;
    let round = store.round(id).await.unwrap().unwrap();
    assert_eq!((round.status.as_str(), round.code.as_deref()), ("failed", Some("ROUND_TOO_FEW_CLIENTS")));

    let failure = AttemptFailure::Aggregator { problem: "there is no plugin `x`".to_owned() };
    driver.does(Command::CannotOpen { failure }).await;
    let round = store.round(id).await.unwrap().unwrap();
    assert_eq!((round.attempt, round.code.as_deref()), (AttemptNumber(2), Some("ROUND_AGGREGATOR_FAILED")));
    let session = store.session(id.session).await.unwrap().unwrap();
    assert_eq!((session.status.as_str(), session.code.as_deref()), ("failed", Some("ROUND_AGGREGATOR_FAILED")));
    assert_eq!(session.reason.as_deref(), Some("the aggregator failed: there is no plugin `x`"));
    let runs = store.runs(&RunFilter::default(), page()).await.unwrap();
    assert_eq!((runs.rows[0].completed_at, runs.rows[0].completed_model), (Some(driver.now), Some(driver.seed.id)));

    driver.start(1).await;
    let session = store.session(id.session).await.unwrap().unwrap();
    assert_eq!((session.status.as_str(), session.reason, session.code), ("running", None, None));
    driver.open_attempt(&["a", "b"]).await;
    let round = store.round(id).await.unwrap().unwrap();
    assert_eq!((round.status.as_str(), round.attempt, round.reason), ("collecting", AttemptNumber(3), None));
}

#[tokio::test]
async fn deadlines_are_shown_as_the_domain_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig::default()).await;
    driver.start(1).await;
    driver.open_attempt(&["a"]).await;
    let id = RoundId { session: driver.session.id, round: RoundNumber(1) };
    for away in [30, 1000] {
        driver.later(away);
        driver.does(Command::Recover).await;
        let round = store.round(id).await.unwrap().unwrap();
        assert_eq!(round.deadline, driver.session.next_deadline(), "after {away} seconds");
    }
}

#[tokio::test]
async fn a_stopped_session_has_no_open_rounds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
    driver.start(1).await;
    driver.open_attempt(&["a", "b"]).await;
    driver.does(Command::Stop { reason: "by ann".to_owned() }).await;
    let rounds = store.rounds(&RoundFilter::default(), page()).await.unwrap();
    assert_eq!((rounds.rows[0].status.as_str(), rounds.rows[0].reason.as_deref()), ("stopped", Some("by ann")));
    let session = store.session(driver.session.id).await.unwrap().unwrap();
    assert_eq!((session.status.as_str(), session.reason.as_deref()), ("stopped", Some("by ann")));
}

#[tokio::test]
async fn a_pause_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { clients_required: 2, ..Default::default() }).await;
    driver.start(1).await;
    driver.open_attempt(&["a"]).await;
    driver.does(Command::Pause).await;
    let rounds = store.rounds(&RoundFilter::default(), page()).await.unwrap();
    assert_eq!((rounds.rows[0].reason.as_deref(), rounds.rows[0].deadline), (Some("the session is paused"), None));
    assert_eq!(store.session(driver.session.id).await.unwrap().unwrap().status, "paused");
    driver.does(Command::Resume).await;
    assert_eq!(store.session(driver.session.id).await.unwrap().unwrap().status, "running");
}

#[tokio::test]
async fn the_trail_leads_from_seed_to_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut driver = Driver::create(&store, SessionConfig { validate: false, ..Default::default() }).await;
    driver.start(4).await;
    for round in 1..=4 {
        driver.open_attempt(&["a"]).await;
        driver.submit("a", format!("a{round}").as_bytes(), 1).await;
        driver.commit(format!("model {round}").as_bytes(), None).await;
    }
    let of = |round| Commit::model_id(driver.session.id, RoundNumber(round));
    let ids = |rows: Vec<fedwit_store::ModelRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let seed = driver.seed.id;
    assert_eq!(ids(store.ancestors(of(4), 10, false).await.unwrap()), [of(3), of(2), of(1), seed]);
    assert_eq!(ids(store.ancestors(of(4), 2, true).await.unwrap()), [of(4), of(3)]);
    assert_eq!(ids(store.ancestors(of(4), 0, true).await.unwrap()), []);
    assert_eq!(ids(store.descendants(seed, 10).await.unwrap()), [of(1), of(2), of(3), of(4)]);
    assert_eq!(ids(store.descendants(seed, 3).await.unwrap()), [of(1), of(2), of(3)]);
    assert_eq!(ids(store.leaf_models(page()).await.unwrap().rows), [of(4)]);
    let seeds = ModelFilter { seed: Some(true), ..Default::default() };
    assert_eq!(ids(store.models(&seeds, page()).await.unwrap().rows), [seed]);
    let improved_upon = ModelFilter { leaf: Some(false), seed: Some(false), ..Default::default() };
    assert_eq!(ids(store.models(&improved_upon, Page::last(2)).await.unwrap().rows), [of(3), of(2)]);
}
