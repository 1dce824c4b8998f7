//! Buffered sessions: whom to ask, and which round an update counts for.

use std::collections::BTreeMap;

use super::update::RECORDED_OF_A_CLIENT;
use crate::{
    AskedToTrain, AskedToValidate, AttemptNumber, Buffer, Buffering, CheckedUpdate, ClaimedTask, ClientId, Event,
    OpenTask, Phase, Refusal, RoundNumber, Session, Status, SubmitUpdate, TaskNumber, Timestamp, UpdateId,
    UpdateRefusal,
};

/// Where an update belongs.
struct Place<'a> {
    task: &'a OpenTask,
    /// The round that it counts for.
    round: RoundNumber,
    staleness: u32,
}

impl Session {
    /// Whether clients that are there and have nothing to do are to be asked now: the session is buffered, a model is
    /// being made, and there is room for what they send. If updates come faster than models are made of them, clients
    /// wait until the next buffer has room, and then start from a newer model.
    #[must_use]
    pub fn wants_clients(&self) -> bool {
        let Some(buffer) = &self.buffer else { return false };
        let goes_on = match (&self.phase, &self.status) {
            (Phase::Collecting(_), Status::Running | Status::Pausing) | (Phase::Aggregating(_), Status::Running) => {
                self.reached.is_none()
            }
            _ => false,
        };
        goes_on && self.taking(buffer) == Some(self.first_taking())
    }

    /// Gives tasks to those who may have one.
    pub(super) fn ask(&self, online: Vec<ClientId>, now: Timestamp) -> Vec<Event> {
        let (Some(buffer), Some(buffering), Some(run)) = (&self.buffer, &self.config.buffered, &self.run) else {
            return Vec::new();
        };
        if !self.wants_clients() {
            return Vec::new();
        }
        let may = |client: &ClientId| {
            (run.clients.is_empty() || run.clients.contains(client)) && self.has_nothing_to_do(client)
        };
        let mut idle: Vec<ClientId> = online.into_iter().filter(may).collect();
        idle.sort_unstable();
        idle.dedup();
        if let Some(most) = buffering.concurrency {
            let free = most.saturating_sub(buffer.training(now, self.round_timeout())) as usize;
            if free < idle.len() {
                let draw = format!("after task {}", buffer.last_task);
                idle.sort_by_cached_key(|client| self.lot(&draw, client));
                idle.truncate(free);
                idle.sort_unstable();
            }
        }
        if idle.is_empty() {
            return Vec::new();
        }
        let number = |client, task| AskedToTrain { client, task: TaskNumber(task) };
        let asked = idle.into_iter().zip(buffer.last_task.next().0..).map(|(client, task)| number(client, task));
        let (round, attempt, base) = (self.next_round(), self.next_attempt(), self.model.id);
        vec![Event::ClientsAsked { round, attempt, base, asked: asked.collect() }]
    }

    /// Whether a client has no task of this buffered session, and may have one. One that answers badly over and over waits
    /// for the next model.
    #[must_use]
    pub fn has_nothing_to_do(&self, client: &ClientId) -> bool {
        let asked = self.buffer.as_ref().and_then(|buffer| buffer.clients.get(client));
        asked.is_none_or(|asked| {
            let works = asked.open.as_ref().is_some_and(|task| !task.given_up);
            !works && asked.refusals < RECORDED_OF_A_CLIENT
        })
    }

    /// Takes an update of a buffered session.
    pub(super) fn submit_buffered(&self, buffer: &Buffer, submission: SubmitUpdate) -> Result<Vec<Event>, Refusal> {
        let SubmitUpdate { client, update, claimed, checked } = submission;
        let placed = self.place(buffer, &client, &claimed);
        let judged = placed.and_then(|place| Ok((place, self.check_limits(checked?)?)));
        match judged {
            Ok((Place { task, round, staleness }, checked)) => {
                // What comes before its round is open is there when the first attempt is.
                let attempt = if round == self.next_round() { self.next_attempt() } else { AttemptNumber(1) };
                let task = Some(task.number);
                let CheckedUpdate { blob, size_bytes, examples, metrics, norm: _ } = checked;
                Ok(vec![Event::UpdateAccepted {
                    round,
                    attempt,
                    task,
                    staleness,
                    client,
                    update,
                    blob,
                    size_bytes,
                    examples,
                    metrics,
                }])
            }
            Err(refusal) => self.refuse(self.next_round(), self.next_attempt(), client, update, refusal),
        }
    }

    /// What the rules say of an update before anybody has looked at its file.
    pub(super) fn misplaced(&self, client: &ClientId, claimed: &ClaimedTask) -> Option<UpdateRefusal> {
        self.place(self.buffer.as_ref()?, client, claimed).err()
    }

    /// Where an update belongs, whatever is in its file: it answers the task that its client was given and that is not
    /// answered yet, and no other.
    fn place<'a>(
        &'a self,
        buffer: &'a Buffer,
        client: &ClientId,
        claimed: &ClaimedTask,
    ) -> Result<Place<'a>, UpdateRefusal> {
        let late = || UpdateRefusal::Late { round: claimed.round.unwrap_or(self.completed) };
        if self.has_ended() || matches!(self.status, Status::Created) {
            return Err(late());
        }
        let not_asked = || UpdateRefusal::NotAsked { round: self.next_round() };
        let asked = buffer.clients.get(client).ok_or_else(not_asked)?;
        let answered = asked.last.as_ref().filter(|last| claimed.task == Some(last.task));
        if let Some(answered) = answered {
            return Err(UpdateRefusal::Duplicate { round: answered.round });
        }
        let task = asked.open.as_ref().ok_or_else(late)?;
        check_claim(task, claimed)?;
        let round = self.taking(buffer).ok_or_else(late)?;
        let staleness = round.0.saturating_sub(task.round.0);
        match self.config.buffered.as_ref().map(|buffering| buffering.max_staleness) {
            Some(limit) if staleness > limit => Err(UpdateRefusal::TooStale { staleness, limit }),
            _ => Ok(Place { task, round, staleness }),
        }
    }

    /// The round that the next update counts for: the first whose buffer has room, unless the run ends before it.
    fn taking(&self, buffer: &Buffer) -> Option<RoundNumber> {
        let size = self.config.buffered.as_ref()?.size;
        let until = self.run.as_ref()?.until;
        let mut round = self.first_taking();
        while buffer.counted(round) >= size {
            round = round.next();
        }
        (round <= until).then_some(round)
    }

    /// The first round that may still take updates.
    fn first_taking(&self) -> RoundNumber {
        match self.phase {
            Phase::Aggregating(_) => self.next_round().next(),
            _ => self.next_round(),
        }
    }

    /// The task that an update of a round answered.
    pub(super) fn contributed(&self, round: RoundNumber, client: &ClientId, update: &UpdateId) -> Option<TaskNumber> {
        let updates = self.buffer.as_ref()?.updates.get(&round)?;
        let contribution = updates.iter().find(|contribution| contribution.is(client, update));
        contribution.map(|contribution| contribution.task)
    }

    /// How often it answered badly since the last model, for a client that is answering badly now.
    pub(super) fn bad_answers(&self, client: &ClientId, refusal: &UpdateRefusal) -> Option<u32> {
        let asked = self.buffer.as_ref()?.clients.get(client)?;
        (refusal.answers() && asked.open.is_some()).then_some(asked.refusals)
    }

    /// Whether a round's model is measured: one at a time, every so many, and the last one.
    pub(super) fn is_measured(&self, buffering: &Buffering, round: RoundNumber) -> bool {
        let last = self.run.as_ref().is_some_and(|run| round >= run.until);
        last || (self.validations.is_empty() && round.0.is_multiple_of(buffering.validate_every.max(1)))
    }

    /// The clients that a round's model is made of, but for those that are gone.
    pub(super) fn contributors(&self, round: RoundNumber) -> Vec<AskedToValidate> {
        let Some(buffer) = &self.buffer else { return Vec::new() };
        let mut trained = BTreeMap::<&ClientId, u64>::new();
        for contribution in buffer.updates.get(&round).into_iter().flatten() {
            let examples = trained.entry(&contribution.client).or_default();
            *examples = examples.saturating_add(contribution.accepted.examples);
        }
        let there = |client: &ClientId| !self.open_task(client).is_some_and(|task| task.given_up);
        let there = trained.into_iter().filter(|(client, _)| there(client));
        there.map(|(client, trained)| AskedToValidate { client: client.clone(), trained: Some(trained) }).collect()
    }
}

/// What a client does not say is taken to be right: some say less than others.
fn check_claim(task: &OpenTask, claimed: &ClaimedTask) -> Result<(), UpdateRefusal> {
    let round = claimed.round.unwrap_or(task.round);
    let number = claimed.task.unwrap_or(task.number);
    if number < task.number || round < task.round {
        return Err(UpdateRefusal::Late { round });
    }
    if number > task.number || round > task.round {
        return Err(UpdateRefusal::NoTask { claimed: format!("round {round}, task {number}") });
    }
    match claimed.model {
        Some(model) if model != task.base.id => {
            Err(UpdateRefusal::NoTask { claimed: format!("an update of model {model}") })
        }
        _ => Ok(()),
    }
}
