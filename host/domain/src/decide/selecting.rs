//! Whom an attempt asks: as many as are requested, drawn by lot, or those whom a client selector chooses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ports::{Candidate, Selection};
use crate::session::count;
use crate::{Answer, AttemptFailure, Buffer, Choice, ClientId, PluginVersion, Selected, Session, Timestamp};

/// Bytes of the settings of one client: they travel with its task.
const SETTINGS_BYTES: usize = 64 << 10;
/// Bytes of the settings of all clients of an attempt: they are in its event, and in the state until it is over.
const ALL_SETTINGS_BYTES: usize = 8 << 20;

/// Whom an attempt asks.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) clients: Vec<ClientId>,
    pub(super) selector: Option<PluginVersion>,
    pub(super) settings: BTreeMap<ClientId, Map<String, Value>>,
}

impl Session {
    /// What the client selector is to be asked now, if the session has one: the next attempt may be opened, and as many
    /// clients as it needs are there.
    #[must_use]
    pub fn selection(&self, online: Vec<ClientId>, now: Timestamp) -> Option<Selection> {
        let selector = self.config.client_selector.clone().filter(|_| self.wants_attempt())?;
        let clients = self.candidates(online, now).ok()?;
        let (round, attempt) = (self.next_round(), self.next_attempt());
        let seed = self.drawn(&format!("selection {round} {attempt}")).as_u64_pair().0;
        let clients_requested = self.config.clients_requested.unwrap_or(count(clients.len()));
        let history = |client: &ClientId| self.history.get(client).cloned().unwrap_or_default();
        let candidate = |client: ClientId| Candidate { history: history(&client), client, attributes: BTreeMap::new() };
        Some(Selection {
            selector,
            config: self.config.client_selector_config.clone(),
            round,
            attempt,
            seed,
            clients_requested,
            clients_required: self.config.clients_required,
            candidates: clients.into_iter().map(candidate).collect(),
        })
    }

    /// Who is there and may be asked, each once and in order; or how many, if no attempt can be opened with them.
    pub(super) fn candidates(&self, online: Vec<ClientId>, now: Timestamp) -> Result<Vec<ClientId>, u32> {
        let chosen = |run: &crate::Run, client: &ClientId| run.clients.is_empty() || run.clients.contains(client);
        let may = |client: &ClientId| self.run.as_ref().is_some_and(|run| chosen(run, client));
        let mut candidates: Vec<ClientId> = online.into_iter().filter(may).collect();
        // Who trains for a buffered session is there, even if nothing is heard of it until it has an update.
        candidates.extend(self.buffer.iter().flat_map(Buffer::awaited).map(|(client, _)| client.clone()));
        candidates.sort_unstable();
        candidates.dedup();
        let online = count(candidates.len());
        if online < self.config.clients_required || self.still_returning(&candidates, now) {
            return Err(online);
        }
        Ok(candidates)
    }

    /// Whether somebody who took part before the server went away may still come back. A round that began without them
    /// would be of whoever was quickest.
    fn still_returning(&self, there: &[ClientId], now: Timestamp) -> bool {
        let Some(previous) = self.previous.as_ref() else { return false };
        let missing = |(client, answer): (&ClientId, &Answer)| {
            !matches!(answer, Answer::GivenUp) && there.binary_search(client).is_err()
        };
        self.recovering_until.is_some_and(|until| now < until) && previous.asked.iter().any(missing)
    }

    /// As many of the candidates as are requested, drawn by lot; nobody in a buffered session, which asks at any time.
    pub(super) fn by_lot(&self, mut clients: Vec<ClientId>) -> Asked {
        if self.buffer.is_some() {
            return Asked::default();
        }
        if let Some(requested) = self.config.clients_requested.filter(|requested| *requested < count(clients.len())) {
            let draw = format!("{} {}", self.next_round(), self.next_attempt());
            clients.sort_by_cached_key(|client| self.lot(&draw, client));
            clients.truncate(requested as usize);
            clients.sort_unstable();
        }
        Asked { clients, ..Asked::default() }
    }

    /// What a client selector chose among the candidates, if it can be.
    pub(super) fn as_chosen(&self, choice: Choice, candidates: &[ClientId]) -> Result<Asked, AttemptFailure> {
        let Choice { selector, selected, .. } = choice;
        let PluginVersion { name, version, .. } = &selector;
        let wrong =
            |problem: String| AttemptFailure::Selector { problem: format!("plugin `{name}` {version}: {problem}") };
        let (mut clients, mut settings, mut bytes) = (BTreeSet::new(), BTreeMap::new(), 0_usize);
        for Selected { client, settings: own } in selected {
            if candidates.binary_search(&client).is_err() {
                return Err(wrong(format!("it chose {client}, which is no candidate")));
            }
            if !clients.insert(client.clone()) {
                return Err(wrong(format!("it chose {client} twice")));
            }
            if own.is_empty() {
                continue;
            }
            let length = serde_json::to_string(&own).map_or(usize::MAX, |text| text.len());
            if length > SETTINGS_BYTES {
                let problem = format!("the settings of {client} have {length} bytes, more than {SETTINGS_BYTES}");
                return Err(wrong(problem));
            }
            bytes = bytes.saturating_add(length);
            settings.insert(client, own);
        }
        if bytes > ALL_SETTINGS_BYTES {
            let problem = format!("the settings of all clients have {bytes} bytes, more than {ALL_SETTINGS_BYTES}");
            return Err(wrong(problem));
        }
        let (chosen, required) = (clients.len(), self.config.clients_required);
        if count(chosen) < required {
            return Err(wrong(format!("it chose {chosen} of the {required} clients that the round needs")));
        }
        Ok(Asked { clients: clients.into_iter().collect(), selector: Some(selector), settings })
    }

    /// A number that is as good as drawn for a client, and the same whenever it is drawn again.
    pub(super) fn lot(&self, draw: &str, client: &ClientId) -> Uuid {
        self.drawn(&format!("{draw} {client}"))
    }

    fn drawn(&self, what: &str) -> Uuid {
        let text = format!("{} {what}", self.config.seed);
        Uuid::new_v5(&self.id.as_uuid(), text.as_bytes())
    }
}
