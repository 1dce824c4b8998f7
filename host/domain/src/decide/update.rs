//! Whether an update counts.

use crate::{
    Answer, Attempt, AttemptNumber, CheckedUpdate, ClaimedTask, ClientId, Event, Phase, Refusal, RoundNumber, Session,
    SubmissionAnswer, SubmitUpdate, UpdateId, UpdateRefusal,
};

/// A client's refusals that are recorded in one attempt. A client that goes on is still told why, but leaves no trace
/// any more: the log belongs to the operator, and not to who fills it.
pub(super) const RECORDED_OF_A_CLIENT: u32 = 8;
/// Refusals that are recorded in one attempt, of all clients, besides the first ones of each that was asked.
const RECORDED_OF_ALL: u32 = 256;

impl Session {
    pub(super) fn submit(&self, submission: SubmitUpdate) -> Result<Vec<Event>, Refusal> {
        match self.known(&submission.client, &submission.update) {
            Some(Ok(())) => return Ok(Vec::new()),
            Some(Err(refusal)) => return Err(Refusal::Update(refusal)),
            None => {}
        }
        if let Some(buffer) = &self.buffer {
            return self.submit_buffered(buffer, submission);
        }
        let SubmitUpdate { client, update, claimed, checked } = submission;
        let Some(open) = self.attempt() else {
            let round = claimed.round.unwrap_or(self.completed);
            return self.refuse(round, self.next_attempt(), client, update, UpdateRefusal::Late { round });
        };
        let (round, attempt) = (open.round, open.number);
        match self.judge(open, &client, &claimed, checked) {
            Verdict::Counts(CheckedUpdate { blob, size_bytes, examples, metrics, norm: _ }) => {
                Ok(vec![Event::UpdateAccepted {
                    round,
                    attempt,
                    task: None,
                    staleness: 0,
                    client,
                    update,
                    blob,
                    size_bytes,
                    examples,
                    metrics,
                }])
            }
            Verdict::Refused(refusal) => self.refuse(round, attempt, client, update, refusal),
        }
    }

    /// What the rules say of an update before anybody has looked at its file. Looking is expensive, and who was not
    /// asked, is late, or has sent it before is answered without.
    ///
    /// Nothing if the file has to be looked at; else what the client is told.
    #[must_use]
    pub fn foregone(&self, client: &ClientId, update: &UpdateId, claimed: &ClaimedTask) -> Option<SubmissionAnswer> {
        if let Some(known) = self.known(client, update) {
            return Some(known);
        }
        if self.buffer.is_some() {
            return self.misplaced(client, claimed).map(Err);
        }
        let Some(open) = self.attempt() else {
            return Some(Err(UpdateRefusal::Late { round: claimed.round.unwrap_or(self.completed) }));
        };
        self.check_place(open, client, claimed).err().map(Err)
    }

    /// What the client was told of this update before, in the open attempt or in the one before it: the answer may
    /// have been lost on its way.
    fn known(&self, client: &ClientId, update: &UpdateId) -> Option<SubmissionAnswer> {
        if let Some(buffer) = &self.buffer {
            return buffer.known(client, update);
        }
        let answers = [self.attempt(), self.previous.as_ref()].into_iter().flatten();
        answers.filter_map(|attempt| attempt.asked.get(client)).find_map(|answer| match answer {
            Answer::Accepted(accepted) if accepted.update == *update => Some(Ok(())),
            Answer::Refused { update: known, refusal, .. } if known == update => Some(Err(refusal.clone())),
            // It had been accepted when the client was told.
            Answer::Excluded { update: known, .. } if known == update => Some(Ok(())),
            _ => None,
        })
    }

    fn judge(
        &self,
        open: &Attempt,
        client: &ClientId,
        claimed: &ClaimedTask,
        checked: Result<CheckedUpdate, UpdateRefusal>,
    ) -> Verdict {
        let placed = self.check_place(open, client, claimed);
        match placed.and(checked).and_then(|checked| self.check_limits(checked)) {
            Ok(checked) => Verdict::Counts(checked),
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// Whether an update is in its place, whatever is in its file.
    fn check_place(&self, open: &Attempt, client: &ClientId, claimed: &ClaimedTask) -> Result<(), UpdateRefusal> {
        self.check_claim(open, claimed)?;
        let round = open.round;
        match open.asked.get(client) {
            None => Err(UpdateRefusal::NotAsked { round }),
            Some(Answer::Accepted(_) | Answer::Excluded { .. }) => Err(UpdateRefusal::Duplicate { round }),
            Some(Answer::Pending | Answer::Refused { .. } | Answer::GivenUp) => match self.phase {
                Phase::Collecting(_) => Ok(()),
                _ => Err(UpdateRefusal::Late { round }),
            },
        }
    }

    /// An update counts for the attempt that it was made for, and for no other. What a client does not say is taken to be
    /// right: some say less than others.
    fn check_claim(&self, open: &Attempt, claimed: &ClaimedTask) -> Result<(), UpdateRefusal> {
        let ClaimedTask { round, attempt, task, model } = claimed;
        if let Some(task) = task {
            return Err(UpdateRefusal::NoTask { claimed: format!("task {task}") });
        }
        let round = round.unwrap_or(open.round);
        let attempt = attempt.unwrap_or(if round == open.round { open.number } else { AttemptNumber(1) });
        if (round, attempt) < (open.round, open.number) {
            return Err(UpdateRefusal::Late { round });
        }
        if (round, attempt) > (open.round, open.number) {
            return Err(UpdateRefusal::NoTask { claimed: format!("round {round}, attempt {attempt}") });
        }
        match model {
            Some(model) if *model != self.model.id => {
                Err(UpdateRefusal::NoTask { claimed: format!("an update of model {model}") })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_limits(&self, checked: CheckedUpdate) -> Result<CheckedUpdate, UpdateRefusal> {
        let examples = checked.examples;
        if examples == 0 {
            return Err(UpdateRefusal::Examples { problem: "it rests on no examples".to_owned() });
        }
        if let Some(most) = self.config.max_examples.filter(|most| examples > *most) {
            let problem = format!("its {examples} examples are more than the session's limit of {most}");
            return Err(UpdateRefusal::Examples { problem });
        }
        match (checked.norm, self.config.max_update_norm) {
            (Some(norm), Some(limit)) if norm > limit => Err(UpdateRefusal::Norm { norm, limit }),
            _ => Ok(checked),
        }
    }

    pub(super) fn refuse(
        &self,
        round: RoundNumber,
        attempt: AttemptNumber,
        client: ClientId,
        update: UpdateId,
        refusal: UpdateRefusal,
    ) -> Result<Vec<Event>, Refusal> {
        let bad_answers = self.bad_answers(&client, &refusal);
        let (of_client, of_all) = match self.attempt() {
            _ if bad_answers.is_some() => (bad_answers, 0),
            None => (None, self.late_refusals),
            Some(open) => {
                let of_client = match open.asked.get(&client) {
                    Some(Answer::Refused { times, .. }) => Some(*times),
                    Some(Answer::Pending | Answer::GivenUp) if refusal.answers() => Some(0),
                    _ => None,
                };
                (of_client, open.refusals)
            }
        };
        if of_all >= RECORDED_OF_ALL && of_client.is_none_or(|times| times >= RECORDED_OF_A_CLIENT) {
            return Err(Refusal::Update(refusal));
        }
        let answered = self.open_task(&client).filter(|_| bad_answers.is_some());
        let task = answered.map(|task| task.number);
        Ok(vec![Event::UpdateRefused { round, attempt, task, client, update, refusal }])
    }
}

enum Verdict {
    Counts(CheckedUpdate),
    Refused(UpdateRefusal),
}
