//! What events do to a session.

use std::collections::BTreeMap;

use super::count;
use crate::{
    Accepted, Answer, AskedToValidate, Attempt, AttemptNumber, Best, Buffer, ClientId, Event, Metrics, Phase, Recorded,
    RoundNumber, Run, Session, SessionId, Status, Timestamp, UpdateId, UpdateRefusal, Validation, ValidationAnswer,
};

impl Session {
    /// The session after an event. Events come in the order of their sequence; only the first makes a session, and an
    /// event that cannot be first gives none.
    #[must_use]
    pub fn begin(id: SessionId, first: &Recorded) -> Option<Self> {
        let Event::SessionCreated { name, config, seed_model } = &first.event else { return None };
        Some(Self {
            id,
            name: name.clone(),
            config: config.clone(),
            status: Status::Created,
            model: *seed_model,
            state: None,
            completed: RoundNumber(0),
            run: None,
            phase: Phase::Idle,
            buffer: config.buffered.as_ref().map(|_| Buffer::default()),
            history: BTreeMap::new(),
            previous: None,
            late_refusals: 0,
            earlier_attempts: 0,
            failures: Vec::new(),
            validations: BTreeMap::new(),
            best: None,
            reached: None,
            recovering_until: None,
            sequence: first.sequence,
            last_event_at: first.at,
        })
    }

    /// Takes in what happened next.
    pub fn apply(&mut self, recorded: &Recorded) {
        let Recorded { sequence, at, event } = recorded;
        match event {
            Event::SessionCreated { .. } => {}
            Event::RunStarted { rounds, clients, model_name_prefix, round_timeout_s } => {
                self.status = Status::Running;
                self.phase = Phase::Idle;
                self.reached = None;
                self.run = Some(Run {
                    until: RoundNumber(self.completed.0.saturating_add(*rounds)),
                    clients: clients.iter().cloned().collect(),
                    model_name_prefix: model_name_prefix.clone(),
                    round_timeout_s: *round_timeout_s,
                });
            }
            Event::ClientsAwaited { online, until, .. } => {
                self.phase = Phase::Awaiting { online: *online, until: *until };
            }
            Event::AttemptOpened { round, attempt, asked, deadline, plugin, settings, .. } => {
                let asked: BTreeMap<_, _> = asked.iter().map(|client| (client.clone(), Answer::Pending)).collect();
                self.late_refusals = 0;
                self.recovering_until = None;
                // Those that came before it was opened, or that were in the attempt before it.
                let counted = self.buffer.as_ref().map_or(0, |buffer| buffer.counted(*round));
                self.phase = Phase::Collecting(Attempt {
                    round: *round,
                    number: *attempt,
                    plugin: plugin.clone(),
                    opened_at: *at,
                    deadline: *deadline,
                    pending: count(asked.len()),
                    asked,
                    settings: settings.clone(),
                    counted,
                    exclusions: 0,
                    refusals: 0,
                });
            }
            Event::ClientsAsked { round, asked, .. } => {
                let base = self.model;
                if let Some(buffer) = &mut self.buffer {
                    buffer.ask(asked, *round, base, *at);
                }
            }
            Event::UpdateAccepted { round, attempt, client, update, blob, examples, metrics, staleness, .. } => {
                let (update, blob, examples) = (update.clone(), *blob, *examples);
                let accepted = Accepted { update, blob, examples, metrics: metrics.clone(), at: *at };
                self.accept((*round, *attempt), client, *staleness, accepted);
            }
            Event::UpdateRefused { round, attempt, client, update, refusal, task } => {
                if let (Some(buffer), Some(_)) = (&mut self.buffer, task) {
                    buffer.refuse(client, *round, update, refusal);
                }
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    open.refusals = open.refusals.saturating_add(1);
                    open.refused(client, update, refusal);
                } else {
                    self.late_refusals = self.late_refusals.saturating_add(1);
                }
            }
            Event::UpdateExcluded { round, attempt, client, update, problem, task: _ } => {
                let buffered = self.buffer.as_mut().is_some_and(|buffer| buffer.exclude(*round, client, update));
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    open.exclusions = open.exclusions.saturating_add(1);
                    open.counted = open.counted.saturating_sub(u32::from(buffered));
                    open.answer(client, Answer::Excluded { update: update.clone(), problem: problem.clone() });
                }
            }
            Event::ClientGivenUp { round, attempt, client, .. } => {
                if let Some(buffer) = &mut self.buffer {
                    buffer.give_up(client);
                }
                if let Some(open) = self.attempt_mut(*round, *attempt) {
                    open.answer(client, Answer::GivenUp);
                }
            }
            Event::AttemptClosed { .. } => {
                if let Phase::Collecting(attempt) = std::mem::replace(&mut self.phase, Phase::Idle) {
                    self.phase = Phase::Aggregating(attempt);
                }
            }
            Event::AttemptFailed { failure, .. } => {
                self.leave_attempt(*at);
                self.failures.push(failure.clone());
            }
            Event::RoundCommitted { round, model, state, .. } => {
                self.leave_attempt(*at);
                self.failures.clear();
                self.earlier_attempts = 0;
                self.completed = *round;
                self.model = *model;
                self.state.clone_from(state);
                if let (Some(buffer), Some(buffering)) = (&mut self.buffer, &self.config.buffered) {
                    buffer.committed(*round, buffering.max_staleness);
                }
            }
            Event::ValidationOpened { round, model, asked, until } => {
                let pending = count(asked.len());
                let slot = |asked: &AskedToValidate| {
                    (asked.client.clone(), ValidationAnswer::Pending { trained: asked.trained })
                };
                let asked = asked.iter().map(slot).collect();
                self.validations.insert(*round, Validation { model: *model, asked, until: *until, pending });
            }
            Event::ValidationReported { round, client, metrics, weight, .. } => {
                let (metrics, weight) = (metrics.clone(), weight.weight());
                self.validated(*round, client, ValidationAnswer::Reported { metrics, weight });
            }
            Event::ValidationGivenUp { round, client } => {
                self.validated(*round, client, ValidationAnswer::GivenUp);
            }
            Event::ValidationClosed { round, means, best, .. } => self.close_validation(*round, means, *best),
            Event::PauseRequested => self.status = Status::Pausing,
            Event::Paused => {
                self.status = Status::Paused;
                self.phase = Phase::Idle;
            }
            Event::Resumed => self.status = Status::Running,
            Event::Recovered => self.postpone(*at),
            Event::Stopped { reason } => self.end(*at, Status::Stopped { reason: reason.clone() }),
            Event::Finished { reason } => self.end(*at, Status::Finished { reason: reason.clone() }),
            Event::Failed { round, failure } => {
                self.end(*at, Status::Failed { round: *round, failure: failure.clone() });
            }
        }
        self.sequence = *sequence;
        self.last_event_at = *at;
    }

    fn accept(
        &mut self,
        (round, attempt): (RoundNumber, AttemptNumber),
        client: &ClientId,
        staleness: u32,
        accepted: Accepted,
    ) {
        let buffered = self.buffer.is_some();
        if let Some(buffer) = &mut self.buffer {
            buffer.accept(client, round, staleness, accepted.clone());
        }
        if let Some(open) = self.attempt_mut(round, attempt) {
            open.counted = open.counted.saturating_add(u32::from(buffered));
            open.answer(client, Answer::Accepted(accepted));
        }
    }

    fn close_validation(&mut self, round: RoundNumber, means: &Metrics, best: bool) {
        let Some(closed) = self.validations.remove(&round) else { return };
        if let (true, Some(by)) = (best, &self.config.best_model)
            && let Some(value) = means.get(&by.metric)
        {
            self.best = Some(Best { model: closed.model, round, value: *value });
        }
        if let Some(target) = &self.config.target
            && let Some(value) = means.get(&target.metric)
            && target.reached_by(*value)
        {
            self.reached = Some((round, *value));
        }
    }

    fn validated(&mut self, round: RoundNumber, client: &ClientId, answer: ValidationAnswer) {
        let Some(validation) = self.validations.get_mut(&round) else { return };
        if let Some(slot) = validation.asked.get_mut(client)
            && matches!(slot, ValidationAnswer::Pending { .. })
        {
            *slot = answer;
            validation.pending = validation.pending.saturating_sub(1);
        }
    }

    fn end(&mut self, at: Timestamp, status: Status) {
        self.status = status;
        let open = u32::from(self.attempt().is_some());
        self.earlier_attempts = self.earlier_attempts.saturating_add(count(self.failures.len())).saturating_add(open);
        self.leave_attempt(at);
        self.validations.clear();
        self.failures.clear();
        if let Some(buffer) = &mut self.buffer {
            buffer.end();
        }
    }

    /// Nothing happened between the last event and now because the server was away. What was left of each wait is left
    /// again, and at least the time that a client has to come back.
    fn postpone(&mut self, now: Timestamp) {
        let (last, grace) = (self.last_event_at, self.config.reconnect_grace());
        self.recovering_until = Some(now.plus(grace));
        let postponed = |until: Timestamp| now.plus(until.since(last).max(grace));
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Awaiting { until, .. } => *until = postponed(*until),
            Phase::Collecting(attempt) | Phase::Aggregating(attempt) => attempt.deadline = postponed(attempt.deadline),
        }
        for validation in self.validations.values_mut() {
            validation.until = postponed(validation.until);
        }
    }

    fn attempt_mut(&mut self, round: RoundNumber, number: AttemptNumber) -> Option<&mut Attempt> {
        match &mut self.phase {
            Phase::Collecting(attempt) | Phase::Aggregating(attempt)
                if attempt.round == round && attempt.number == number =>
            {
                Some(attempt)
            }
            _ => None,
        }
    }
}

impl Attempt {
    fn answer(&mut self, client: &ClientId, answer: Answer) {
        let Some(slot) = self.asked.get_mut(client) else { return };
        let is = |answer: &Answer| (matches!(answer, Answer::Pending), matches!(answer, Answer::Accepted(_)));
        let (was, becomes) = (is(slot), is(&answer));
        self.pending = self.pending + u32::from(becomes.0) - u32::from(was.0);
        self.counted = self.counted + u32::from(becomes.1) - u32::from(was.1);
        *slot = answer;
    }

    /// What was refused is remembered, so that asking again gets the same answer; what counts still counts. A client
    /// whose update was no answer to this attempt is still waited for.
    fn refused(&mut self, client: &ClientId, update: &UpdateId, refusal: &UpdateRefusal) {
        if !refusal.answers() {
            return;
        }
        let times = match self.asked.get(client) {
            Some(Answer::Pending | Answer::GivenUp) => 1,
            Some(Answer::Refused { times, .. }) => times.saturating_add(1),
            Some(Answer::Accepted(_) | Answer::Excluded { .. }) | None => return,
        };
        self.answer(client, Answer::Refused { update: update.clone(), refusal: refusal.clone(), times });
    }
}
