//! Opening, closing and ending attempts.

use std::time::Duration;

use super::selecting::Asked;
use crate::{
    Answer, Attempt, AttemptFailure, AttemptNumber, Choice, ClientId, Commit, CountedUpdate, Event, Phase,
    PluginVersion, Refusal, RoundNumber, Session, Status, Timestamp, UpdateId,
};

impl Session {
    /// Whether the next attempt may be opened: nothing else is under way, and nothing decides yet that it is needless.
    #[must_use]
    pub fn wants_attempt(&self) -> bool {
        let waits_for_target = self.buffer.is_none() && self.config.target.is_some() && !self.validations.is_empty();
        let between = matches!(self.phase, Phase::Idle | Phase::Awaiting { .. });
        let more = self.run.as_ref().is_some_and(|run| self.completed < run.until);
        self.status == Status::Running && between && more && !waits_for_target
    }

    pub(super) fn open_attempt(
        &self,
        online: Vec<ClientId>,
        plugin: PluginVersion,
        choice: Option<Choice>,
        now: Timestamp,
    ) -> Vec<Event> {
        if !self.wants_attempt() {
            return Vec::new();
        }
        let (round, attempt, until) = (self.next_round(), self.next_attempt(), now.plus(self.round_timeout()));
        let candidates = match self.candidates(online, now) {
            Ok(candidates) => candidates,
            Err(online) => {
                return match self.phase {
                    Phase::Awaiting { .. } => Vec::new(),
                    _ => vec![Event::ClientsAwaited { round, attempt, online, until }],
                };
            }
        };
        let asked = match (&self.config.client_selector, choice) {
            (None, _) => Ok(self.by_lot(candidates)),
            (Some(_), Some(choice)) if (choice.round, choice.attempt) == (round, attempt) => {
                self.as_chosen(choice, &candidates)
            }
            // It is opened once somebody has been chosen for it: what was chosen for an attempt that time has just failed
            // is no answer to what will be asked for the next.
            (Some(_), _) => return Vec::new(),
        };
        vec![match asked {
            Ok(Asked { clients, selector, settings }) => Event::AttemptOpened {
                round,
                attempt,
                base: self.model.id,
                asked: clients,
                deadline: until,
                plugin,
                selector,
                settings,
            },
            Err(failure) => Event::AttemptFailed { round, attempt, failure },
        }]
    }

    /// What no attempt can be opened for counts as one that failed.
    pub(super) fn cannot_open(&self, failure: AttemptFailure) -> Vec<Event> {
        let (round, attempt) = (self.next_round(), self.next_attempt());
        let wanted = self.wants_attempt();
        wanted.then_some(Event::AttemptFailed { round, attempt, failure }).into_iter().collect()
    }

    /// How long a round waits: for its client selector, for clients, and then for their updates.
    #[must_use]
    pub fn round_timeout(&self) -> Duration {
        let of_run = self.run.as_ref().and_then(|run| run.round_timeout_s);
        of_run.map_or(self.config.round_timeout(), |seconds| Duration::from_secs(seconds.into()))
    }

    pub(super) fn close_attempt(&self, open: &Attempt, now: Timestamp) -> Option<Event> {
        let (round, attempt) = (open.round, open.number);
        if let Some(failed) = self.too_many_exclusions(open) {
            return Some(failed);
        }
        let waits = match &self.config.buffered {
            Some(buffering) => open.counted < buffering.size,
            None => open.pending > 0,
        };
        if waits && now < open.deadline {
            return None;
        }
        Some(if open.counted >= self.config.clients_required {
            Event::AttemptClosed { round, attempt, updates: open.counted }
        } else {
            Event::AttemptFailed { round, attempt, failure: self.too_few_updates(open) }
        })
    }

    /// What the aggregator excluded may have been needed.
    pub(super) fn too_little_left(&self, open: &Attempt) -> Option<Event> {
        let (round, attempt) = (open.round, open.number);
        self.too_many_exclusions(open).or_else(|| {
            let too_few = open.counted < self.config.clients_required;
            too_few.then(|| Event::AttemptFailed { round, attempt, failure: self.too_few_updates(open) })
        })
    }

    fn too_many_exclusions(&self, open: &Attempt) -> Option<Event> {
        let (exclusions, limit) = (open.exclusions, self.config.max_exclusions);
        (exclusions > limit).then_some(Event::AttemptFailed {
            round: open.round,
            attempt: open.number,
            failure: AttemptFailure::TooManyExclusions { exclusions, limit },
        })
    }

    fn too_few_updates(&self, open: &Attempt) -> AttemptFailure {
        AttemptFailure::TooFewUpdates { counted: open.counted, required: self.config.clients_required }
    }

    pub(super) fn give_up(&self, client: &ClientId, gone_since: Timestamp, now: Timestamp) -> Vec<Event> {
        if !self.is_active() || now < gone_since.plus(self.config.reconnect_grace()) {
            return Vec::new();
        }
        let mut events = Vec::new();
        if let Phase::Collecting(open) = &self.phase
            && matches!(open.asked.get(client), Some(Answer::Pending))
        {
            let (round, attempt, client) = (open.round, open.number, client.clone());
            events.push(Event::ClientGivenUp { round, attempt, task: None, client, gone_since });
        }
        if let Some(task) = self.open_task(client).filter(|task| !task.given_up) {
            let (round, attempt, task, client) = (self.next_round(), self.next_attempt(), task.number, client.clone());
            events.push(Event::ClientGivenUp { round, attempt, task: Some(task), client, gone_since });
        }
        events.extend(self.awaited_validations(client));
        events
    }

    pub(super) fn exclude(
        &self,
        (round, attempt): (RoundNumber, AttemptNumber),
        client: ClientId,
        update: &UpdateId,
        problem: String,
    ) -> Result<Vec<Event>, Refusal> {
        self.under_way(round, attempt)?;
        let counts = |counted: &CountedUpdate<'_>| (counted.client, &counted.accepted.update) == (&client, update);
        if !self.counted_updates().any(|counted| counts(&counted)) {
            return Ok(Vec::new());
        }
        let (task, update) = (self.contributed(round, &client, update), update.clone());
        Ok(vec![Event::UpdateExcluded { round, attempt, task, update, client, problem }])
    }

    pub(super) fn fail_attempt(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        failure: AttemptFailure,
    ) -> Result<Vec<Event>, Refusal> {
        self.under_way(round, attempt)?;
        Ok(vec![Event::AttemptFailed { round, attempt, failure }])
    }

    pub(super) fn commit(&self, commit: Commit, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let Commit { round, attempt, model, state, metrics } = commit;
        if round == self.completed && model.id == self.model.id {
            return Ok(Vec::new());
        }
        let open = self.under_way(round, attempt)?;
        if !matches!(self.phase, Phase::Aggregating(_)) {
            return Err(Refusal::Stale { round, attempt });
        }
        let examples = self.counted_updates().map(|counted| counted.accepted.examples);
        let examples = examples.fold(0_u64, u64::saturating_add);
        let (updates, parent) = (open.counted, self.model.id);
        let committed = Event::RoundCommitted { round, attempt, model, parent, state, metrics, updates, examples };
        let mut events = vec![committed];
        events.extend(self.open_validation(open, model.id, now));
        Ok(events)
    }

    pub(super) fn under_way(&self, round: RoundNumber, attempt: AttemptNumber) -> Result<&Attempt, Refusal> {
        let open = self.attempt().filter(|open| open.round == round && open.number == attempt);
        open.ok_or(Refusal::Stale { round, attempt })
    }
}
