//! `rounds`: how each went.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use fedwit_domain::{AttemptNumber, ClientId, CombinerName, RoundId, SessionId, Timestamp};
use fedwit_store::{Listed, Page, ParticipationFilter, ParticipationRow, RoundFilter, RoundRow, SessionRow};
use serde_json::{Value, json};

use super::collection::Collection;
use super::error::RestResult;
use super::filters::Filters;
use super::{Rest, sessions, shapes};

/// Attempts of which it is remembered who took part.
const MAX_REMEMBERED: usize = 10_000;

pub(super) struct Rounds;

/// A combiner's part in an attempt.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    combiner: CombinerName,
    /// Clients that were asked.
    asked: u64,
    /// Updates that count.
    counted: u64,
}

/// Combiners' parts in attempts at rounds that have ended. FEDn's tools ask for all rounds again and again, and of these
/// nothing changes any more.
#[derive(Default)]
pub(super) struct Asked(Mutex<HashMap<(RoundId, AttemptNumber), Vec<Share>>>);

impl Asked {
    fn known(&self, row: &RoundRow) -> Option<Vec<Share>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(row.id, row.attempt)).cloned()
    }

    fn learn(&self, row: &RoundRow, shares: Vec<Share>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert((row.id, row.attempt), shares);
    }
}

impl Collection for Rounds {
    const PATH: &'static str = "rounds";
    type Filter = RoundFilter;

    fn filter(filters: &mut Filters) -> RoundFilter {
        let id: Option<RoundId> = filters.take("round_id");
        // A session beside a round's id is compared with the rounds.
        let session = id.map(|id| id.session).or_else(|| filters.take("session_id"));
        let model = filters.take("model_id");
        RoundFilter { session, round: id.map(|id| id.round), model, ..RoundFilter::default() }
    }

    async fn list(rest: &Rest, filter: RoundFilter, page: Page) -> RestResult<Listed<Value>> {
        let store = rest.federation.store();
        let Listed { rows, total } = store.rounds(&filter, page).await?;
        let mut sessions: HashMap<SessionId, Option<SessionRow>> = HashMap::new();
        let mut shown = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.id.session;
            if let Entry::Vacant(place) = sessions.entry(id) {
                place.insert(store.session(id).await?);
            }
            let session = sessions.get(&id).and_then(Option::as_ref);
            shown.push(shape(row, &shares(rest, row).await?, session));
        }
        Ok(Listed { rows: shown, total })
    }

    /// A round by itself comes with those who took part.
    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Ok(id) = id.parse::<RoundId>() else { return Ok(None) };
        let store = rest.federation.store();
        let Some(row) = store.round(id).await? else { return Ok(None) };
        let session = store.session(id.session).await?;
        let parts = store.participations(&parts_of(&row), Page::first(fedwit_store::MAX_PAGE)).await?;
        let mut round = shape(&row, &shares(rest, &row).await?, session.as_ref());
        round["participants"] = parts.rows.iter().map(participant).collect();
        if let Some(config) = round["round_config"].as_object_mut() {
            let selected = parts.rows.iter().map(|part| part.client.as_str());
            config.insert("selected_clients".to_owned(), selected.collect());
        }
        Ok(Some(round))
    }
}

fn parts_of(row: &RoundRow) -> ParticipationFilter {
    ParticipationFilter {
        session: Some(row.id.session),
        round: Some(row.id.round),
        attempt: Some(row.attempt),
        ..ParticipationFilter::default()
    }
}

async fn shares(rest: &Rest, row: &RoundRow) -> RestResult<Vec<Share>> {
    if let Some(shares) = rest.asked.known(row) {
        return Ok(shares);
    }
    let (store, combiners) = (rest.federation.store(), rest.federation.combiners());
    let shares = match combiners.as_slice() {
        [only] => {
            let asked = store.participations(&parts_of(row), Page::first(0)).await?.total;
            vec![Share { combiner: only.name.clone(), asked, counted: row.updates.into() }]
        }
        _ => {
            let parts = store.participations(&parts_of(row), Page::first(fedwit_store::MAX_PAGE)).await?;
            by_combiner(&parts.rows, |client| rest.federation.responsible_combiner(client))
        }
    };
    if row.ended_at.is_some() {
        rest.asked.learn(row, shares.clone());
    }
    Ok(shares)
}

/// Of the combiners that had something to do. Clients count for the combiner that they belong to now.
fn by_combiner<'a>(parts: &[ParticipationRow], of: impl Fn(&ClientId) -> &'a CombinerName) -> Vec<Share> {
    let mut shares: BTreeMap<&CombinerName, (u64, u64)> = BTreeMap::new();
    for part in parts {
        let (asked, counted) = shares.entry(of(&part.client)).or_default();
        *asked += 1;
        *counted += u64::from(part.status == "accepted");
    }
    let share = |(combiner, (asked, counted)): (&CombinerName, _)| Share { combiner: combiner.clone(), asked, counted };
    shares.into_iter().map(share).collect()
}

fn participant(part: &ParticipationRow) -> Value {
    json!({
        "client_id": part.client,
        "status": part.status,
        "num_examples": part.examples,
        "model_update_id": part.update,
        "metrics": part.metrics,
    })
}

fn status(row: &RoundRow) -> &str {
    match row.status.as_str() {
        "waiting" | "collecting" | "aggregating" => "Pending",
        "finished" => "Finished",
        "stopped" => "Terminated",
        "failed" => "Failed",
        other => other,
    }
}

/// A round with its last attempt, as FEDn's combiners would report it.
fn shape(row: &RoundRow, shares: &[Share], session: Option<&SessionRow>) -> Value {
    let plugin = row
        .plugin
        .as_ref()
        .map(|(name, version, digest)| json!({ "name": name, "version": version, "digest": digest }));
    let report = |closed| shares.iter().map(|share| of_combiner(row, closed, share, session)).collect::<Vec<Value>>();
    let combiners = row.closed_at.map(report).unwrap_or_default();
    json!({
        "round_id": row.id.to_string(),
        "id": row.id.to_string(),
        "session_id": row.id.session,
        "round": row.id.round,
        "attempt": row.attempt,
        "status": status(row),
        "reason": row.reason,
        "code": row.code,
        "base_model_id": row.base,
        "model_id": row.model,
        "plugin": plugin,
        "round_config": session.map(|session| config(row, session)),
        "combiners": combiners,
        "round_data": {
            // From the last update that was waited for to the model that is durable.
            "time_commit": seconds(row.closed_at, row.ended_at),
            // Combiners hand on what they folded in memory, and merging it is a part of making the model.
            "reduce": { "time_fetch_model": 0.0, "time_load_model": 0.0, "time_aggregate_model": 0.0 },
        },
        "metrics": row.aggregator_metrics,
        "validation_metrics": row.validation_metrics,
        "committed_at": shapes::date(row.opened_at),
        "updated_at": shapes::date(row.ended_at.unwrap_or(row.opened_at)),
    })
}

fn of_combiner(row: &RoundRow, closed: Timestamp, share: &Share, session: Option<&SessionRow>) -> Value {
    json!({
        "name": share.combiner,
        "round_id": row.id.to_string(),
        "model_id": row.model,
        "status": if row.model.is_some() { "Success" } else { status(row) },
        "time_exec_training": seconds(row.attempt_opened_at, Some(closed)),
        "data": {
            "nr_expected_updates": share.asked,
            "nr_required_updates": session.map(|session| session.config.clients_required),
            "timeout": seconds(row.attempt_opened_at, row.deadline),
            "time_combination": seconds(Some(closed), row.ended_at),
            "aggregation_time": {
                "nr_aggregated_models": share.counted,
                // Models are loaded and added as they come, long before this.
                "time_model_load": 0.0,
                "time_model_aggregation": seconds(Some(closed), row.ended_at),
            },
        },
    })
}

fn config(row: &RoundRow, session: &SessionRow) -> Value {
    let mut config = sessions::config_shape(session);
    config["round_id"] = json!(row.id.to_string());
    config["model_id"] = json!(row.base);
    config["rounds"] = json!(1);
    config["task"] = json!("training");
    config
}

fn seconds(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<f64> {
    from.zip(until).map(|(from, until)| until.since(from).as_secs_f64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_domain::{Digest, Metrics, ModelId, RoundNumber};

    use super::*;

    fn finished() -> RoundRow {
        RoundRow {
            number: 1,
            id: RoundId { session: SessionId::random(), round: RoundNumber(2) },
            attempt: AttemptNumber(1),
            status: "finished".to_owned(),
            reason: None,
            code: None,
            base: ModelId::random(),
            model: Some(ModelId::random()),
            plugin: Some(("fedavg".to_owned(), "0.1.0".to_owned(), Digest::from_bytes([0; 32]))),
            selector: None,
            opened_at: Timestamp(0),
            attempt_opened_at: Some(Timestamp(1000)),
            deadline: Some(Timestamp(181_000)),
            closed_at: Some(Timestamp(3500)),
            ended_at: Some(Timestamp(3750)),
            updates: 3,
            examples: 300,
            aggregator_metrics: Metrics::new(),
            validation_metrics: None,
        }
    }

    fn share(name: &str, asked: u64, counted: u64) -> Share {
        Share { combiner: name.parse().unwrap(), asked, counted }
    }

    #[test]
    fn a_finished_round_says_how_long_its_parts_took() {
        let row = finished();
        let round = shape(&row, &[share("combiner", 4, 3)], None);
        let data = &round["combiners"][0]["data"];
        assert_eq!((&round["status"], &round["combiners"][0]["status"]), (&json!("Finished"), &json!("Success")));
        assert_eq!(round["combiners"][0]["time_exec_training"], json!(2.5));
        assert_eq!((&data["time_combination"], &data["timeout"]), (&json!(0.25), &json!(180.0)));
        assert_eq!(
            (&data["nr_expected_updates"], &data["aggregation_time"]["nr_aggregated_models"]),
            (&json!(4), &json!(3))
        );
        assert_eq!(round["round_data"]["time_commit"], json!(0.25));
        assert_eq!(round["round_id"], json!(row.id.to_string()));
    }

    #[test]
    fn a_round_that_still_collects_has_no_combiners() {
        let row =
            RoundRow { status: "collecting".to_owned(), closed_at: None, ended_at: None, model: None, ..finished() };
        let round = shape(&row, &[share("combiner", 4, 3)], None);
        assert_eq!((&round["status"], &round["combiners"]), (&json!("Pending"), &json!([])));
    }

    #[test]
    fn each_combiner_reports_its_clients() {
        let part = |client: &str, status: &str| ParticipationRow {
            number: 1,
            round: finished().id,
            attempt: AttemptNumber(1),
            client: client.parse().unwrap(),
            task: None,
            status: status.to_owned(),
            update: None,
            blob: None,
            size_bytes: None,
            staleness: 0,
            examples: None,
            metrics: Metrics::new(),
            settings: serde_json::Map::new(),
            asked_at: Timestamp(0),
            answered_at: None,
        };
        let (one, two): (CombinerName, CombinerName) = ("c-1".parse().unwrap(), "c-2".parse().unwrap());
        let parts = [part("a", "accepted"), part("b", "given_up"), part("x", "accepted")];
        let shares = by_combiner(&parts, |client| if client.as_str() == "x" { &two } else { &one });
        assert_eq!(shares, [share("c-1", 2, 1), share("c-2", 1, 1)]);
        let round = shape(&finished(), &shares, None);
        let expected = round["combiners"].as_array().unwrap().iter().map(|of| &of["data"]["nr_expected_updates"]);
        assert_eq!(expected.collect::<Vec<_>>(), [&json!(2), &json!(1)]);
    }

    #[test]
    fn an_attempt_is_counted_once() {
        let (asked, row) = (Asked::default(), finished());
        assert_eq!(asked.known(&row), None);
        asked.learn(&row, vec![share("combiner", 4, 3)]);
        assert_eq!(asked.known(&row), Some(vec![share("combiner", 4, 3)]));
        assert_eq!(asked.known(&RoundRow { attempt: AttemptNumber(2), ..row }), None);
        for _ in 0..=MAX_REMEMBERED {
            asked.learn(&finished(), Vec::new());
        }
        assert!(asked.0.lock().is_ok_and(|counts| counts.len() <= MAX_REMEMBERED));
    }
}
