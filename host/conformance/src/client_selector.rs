//! The rules of client selectors.

use std::collections::BTreeMap;

use fedwit_runtime::{Candidate, Metric, Participation, PluginError, Selected, Selection};
use serde_json::{Map, Value};

use crate::Verdict;
use crate::rule::{Broken, Rule, Scene, broken, text};

/// What every client selector has to do.
pub(crate) const RULES: &[Rule] = &[
    ("defaults-are-accepted", "the defaults that its schema names are those that it has", defaults),
    ("unknown-keys-are-refused", "a key that its schema does not name is refused by its name", unknown_keys),
    (
        "candidates-are-chosen",
        "it chooses candidates alone, each once, and their settings are objects",
        candidates_alone,
    ),
    ("repeatable", "the same question has the same answer", repeatable),
    ("order-does-not-matter", "candidates are chosen in whatever order they come", order),
    ("requests-are-kept-to", "no more clients are chosen than are requested, or it is told", requests),
    ("one-candidate-is-enough", "where there is one candidate it answers", one_candidate),
    ("many-candidates-are-handled", "thousands of candidates are within its limits", many_candidates),
];

/// Candidates of a few histories.
const FEW: u32 = 12;
/// Candidates of a server that is busy.
const MANY: u32 = 5000;

/// Who was chosen, with which settings; the order says nothing.
type Chosen = BTreeMap<String, Map<String, Value>>;

impl Scene {
    fn select(
        &self,
        config: &Map<String, Value>,
        requested: u32,
        attempt: u32,
        candidates: Vec<Candidate>,
    ) -> Result<Chosen, PluginError> {
        let selection = Selection {
            config: text(config),
            round: 4,
            attempt,
            seed: 7 + u64::from(attempt),
            clients_requested: requested,
            clients_required: 1,
        };
        let selected = self.plugin.select(selection, candidates)?;
        Ok(selected.into_iter().map(|Selected { client, settings }| (client, settings)).collect())
    }

    fn choose(&self, requested: u32, candidates: Vec<Candidate>) -> Result<Chosen, Broken> {
        Ok(self.select(&self.config, requested, 1, candidates)?)
    }
}

/// So many candidates that differ in whatever a selector could go by. The first has done nothing yet.
fn candidates(count: u32) -> Vec<Candidate> {
    (0..count).map(candidate).collect()
}

fn candidate(index: u32) -> Candidate {
    let (asked, accepted) = (index % 7, index % 5 % (index % 7 + 1));
    let did = |value: f64| (accepted > 0).then_some(value);
    let history = Participation {
        asked,
        accepted,
        refused: u32::from(asked > accepted),
        given_up: asked.saturating_sub(accepted + 1),
        last_asked_round: (asked > 0).then_some(3),
        last_accepted_round: (accepted > 0).then_some(1 + u64::from(index % 3)),
        mean_duration_ms: did(1000.0 + f64::from(index % 11) * 250.0),
        last_duration_ms: did(900.0 + f64::from(index % 13) * 300.0),
        num_examples: (accepted > 0).then_some(50 + u64::from(index % 17) * 10),
        metrics: did(1.0 / f64::from(1 + index % 19))
            .map(|value| Metric { name: "train_loss".to_owned(), value })
            .into_iter()
            .collect(),
    };
    let attributes = [("region", ["north", "south", ""][index as usize % 3]), ("device", "mobile")];
    Candidate {
        client: format!("client-{:04}", index * 7919 % 10_007),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        history,
    }
}

fn defaults(scene: &Scene) -> Result<Verdict, Broken> {
    scene.plugin.check(&text(&scene.with_defaults()))?;
    let told = scene.select(&scene.with_defaults(), 5, 1, candidates(FEW))?;
    if told == scene.choose(5, candidates(FEW))? {
        Ok(Verdict::Passed)
    } else {
        broken("with its schema's defaults it chooses others than without them")
    }
}

fn unknown_keys(scene: &Scene) -> Result<Verdict, Broken> {
    scene.refuses_unknown_keys(|config| scene.plugin.check(&text(config)))
}

/// The host refuses every other answer, and says why.
fn candidates_alone(scene: &Scene) -> Result<Verdict, Broken> {
    for requested in [1, FEW / 2, FEW] {
        for attempt in [1, 2] {
            scene.select(&scene.config, requested, attempt, candidates(FEW))?;
        }
    }
    Ok(Verdict::Passed)
}

fn repeatable(scene: &Scene) -> Result<Verdict, Broken> {
    for requested in [1, 4, FEW] {
        if scene.choose(requested, candidates(FEW))? != scene.choose(requested, candidates(FEW))? {
            return broken(format!("asked twice for {requested} clients, it chooses others"));
        }
    }
    Ok(Verdict::Passed)
}

fn order(scene: &Scene) -> Result<Verdict, Broken> {
    let all = candidates(FEW);
    let backward = all.iter().rev().cloned().collect::<Vec<_>>();
    let mixed = (0..all.len()).map(|index| all[index * 5 % all.len()].clone()).collect::<Vec<_>>();
    for requested in [1, 4, FEW - 1] {
        let expected = scene.choose(requested, all.clone())?;
        for (how, candidates) in [("backward", &backward), ("mixed", &mixed)] {
            if scene.choose(requested, candidates.clone())? != expected {
                return broken(format!("of candidates that come {how} it chooses others"));
            }
        }
    }
    Ok(Verdict::Passed)
}

/// A server asks them all; one that chooses some to spare, for those that will be gone, does so on purpose.
fn requests(scene: &Scene) -> Result<Verdict, Broken> {
    for requested in [1, 2, 5, FEW, FEW + 3] {
        let chosen = scene.choose(requested, candidates(FEW))?.len();
        if chosen > requested as usize {
            return Ok(Verdict::Noted(format!("asked for {requested} clients, it chooses {chosen}")));
        }
    }
    Ok(Verdict::Passed)
}

fn one_candidate(scene: &Scene) -> Result<Verdict, Broken> {
    for index in [0, 6] {
        scene.choose(1, vec![candidate(index)])?;
        // A session that wants all clients may want more than there are.
        scene.choose(FEW, vec![candidate(index)])?;
    }
    Ok(Verdict::Passed)
}

fn many_candidates(scene: &Scene) -> Result<Verdict, Broken> {
    scene.choose(MANY / 10, candidates(MANY))?;
    Ok(Verdict::Passed)
}
