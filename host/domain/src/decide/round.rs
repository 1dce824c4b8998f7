//! Opening, closing and ending attempts.

use std::time::Duration;

use uuid::Uuid;

use crate::session::count;
use crate::{
    Answer, Attempt, AttemptFailure, AttemptNumber, Buffer, ClientId, Commit, CountedUpdate, Event, Phase,
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

    pub(super) fn open_attempt(&self, online: Vec<ClientId>, plugin: PluginVersion, now: Timestamp) -> Vec<Event> {
        let Some(run) = self.run.as_ref().filter(|_| self.wants_attempt()) else { return Vec::new() };
        let (round, attempt) = (self.next_round(), self.next_attempt());
        let timeout = self.round_timeout();
        let may = |client: &ClientId| run.clients.is_empty() || run.clients.contains(client);
        let mut asked: Vec<ClientId> = online.into_iter().filter(may).collect();
        // Who trains for a buffered session is there, even if nothing is heard of it until it has an update.
        asked.extend(self.buffer.iter().flat_map(Buffer::awaited).map(|(client, _)| client.clone()));
        asked.sort_unstable();
        asked.dedup();
        let (online, until) = (count(asked.len()), now.plus(timeout));
        if online < self.config.clients_required || self.still_returning(&asked, now) {
            return match self.phase {
                Phase::Awaiting { .. } => Vec::new(),
                _ => vec![Event::ClientsAwaited { round, attempt, online, until }],
            };
        }
        if let Some(requested) = self.config.clients_requested.filter(|requested| *requested < online) {
            let draw = format!("{round} {attempt}");
            asked.sort_by_cached_key(|client| self.lot(&draw, client));
            asked.truncate(requested as usize);
            asked.sort_unstable();
        }
        if self.buffer.is_some() {
            asked.clear();
        }
        vec![Event::AttemptOpened { round, attempt, base: self.model.id, asked, deadline: until, plugin }]
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

    /// What no attempt can be opened for counts as one that failed.
    pub(super) fn cannot_open(&self, failure: AttemptFailure) -> Vec<Event> {
        let (round, attempt) = (self.next_round(), self.next_attempt());
        let wanted = self.wants_attempt();
        wanted.then_some(Event::AttemptFailed { round, attempt, failure }).into_iter().collect()
    }

    /// A number that is as good as drawn, and the same whenever it is drawn again.
    pub(super) fn lot(&self, draw: &str, client: &ClientId) -> Uuid {
        let text = format!("{} {draw} {client}", self.config.seed);
        Uuid::new_v5(&self.id.as_uuid(), text.as_bytes())
    }

    /// How long a round waits.
    pub(super) fn round_timeout(&self) -> Duration {
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
