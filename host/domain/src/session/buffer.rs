//! What a buffered session knows besides its rounds: whom it has asked, and the updates that wait for their models.
//!
//! It is bounded: a client has one task at most, and is forgotten a while after it was last heard; an update is in here
//! until its round's model is made.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::count;
use crate::{
    Accepted, AskedToTrain, ClientId, Digest, RoundNumber, StoredModel, SubmissionAnswer, TaskNumber, Timestamp,
    UpdateId, UpdateRefusal,
};

/// Clients and updates of a buffered session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    /// The clients that were asked.
    pub clients: BTreeMap<ClientId, Contributor>,
    /// Updates that count, by the rounds whose models are to be made of them, in the order in which they were taken.
    pub updates: BTreeMap<RoundNumber, Vec<Contribution>>,
    /// The task that was given last.
    pub last_task: TaskNumber,
}

/// A client that was asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contributor {
    /// What it was asked last, if it has not answered.
    pub open: Option<OpenTask>,
    /// What it was told last of an update: who asks again gets the same answer.
    pub last: Option<LastAnswer>,
    /// Tasks that it answered badly since the last model was made.
    pub refusals: u32,
}

/// A task that was given and not answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTask {
    /// Its number.
    pub number: TaskNumber,
    /// The round that was next when it was given.
    pub round: RoundNumber,
    /// The model that the client starts from: what the round before ended with.
    pub base: StoredModel,
    /// When it was given.
    pub asked_at: Timestamp,
    /// The client was gone for too long, and is not waited for. If its update comes all the same, it counts.
    pub given_up: bool,
}

/// What a client was told of an update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastAnswer {
    /// The task that it answered.
    pub task: TaskNumber,
    /// The update.
    pub update: UpdateId,
    /// The round that was next then.
    pub round: RoundNumber,
    /// Why it does not count, unless it does.
    pub refusal: Option<UpdateRefusal>,
}

/// An update that counts and waits for its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Whose it is.
    pub client: ClientId,
    /// The task that it answers.
    pub task: TaskNumber,
    /// The file of the model that the client started from.
    pub base: Digest,
    /// How many models have been made since that one when the round makes the next.
    pub staleness: u32,
    /// The update.
    pub accepted: Accepted,
}

impl Contribution {
    pub(crate) fn is(&self, client: &ClientId, update: &UpdateId) -> bool {
        (&self.client, &self.accepted.update) == (client, update)
    }
}

impl Buffer {
    /// How many updates count for a round.
    #[must_use]
    pub fn counted(&self, round: RoundNumber) -> u32 {
        self.updates.get(&round).map_or(0, |updates| count(updates.len()))
    }

    /// The tasks that clients work on.
    pub fn awaited(&self) -> impl Iterator<Item = (&ClientId, &OpenTask)> {
        let tasks = self.clients.iter().filter_map(|(client, asked)| Some((client, asked.open.as_ref()?)));
        tasks.filter(|(_, task)| !task.given_up)
    }

    /// How many clients train, leaving out those that were asked too long ago to be counted on.
    pub(crate) fn training(&self, now: Timestamp, patience: Duration) -> u32 {
        count(self.awaited().filter(|(_, task)| now < task.asked_at.plus(patience)).count())
    }

    /// What a client was told of an update before.
    pub(crate) fn known(&self, client: &ClientId, update: &UpdateId) -> Option<SubmissionAnswer> {
        let last = self.clients.get(client).and_then(|asked| asked.last.as_ref());
        if let Some(last) = last.filter(|last| last.update == *update) {
            return Some(last.refusal.clone().map_or(Ok(()), Err));
        }
        let mut waiting = self.updates.values().flatten();
        waiting.any(|contribution| contribution.is(client, update)).then_some(Ok(()))
    }

    pub(super) fn ask(&mut self, asked: &[AskedToTrain], round: RoundNumber, base: StoredModel, at: Timestamp) {
        for AskedToTrain { client, task } in asked {
            let open = OpenTask { number: *task, round, base, asked_at: at, given_up: false };
            self.clients.entry(client.clone()).or_default().open = Some(open);
            self.last_task = self.last_task.max(*task);
        }
    }

    pub(super) fn accept(&mut self, client: &ClientId, round: RoundNumber, staleness: u32, accepted: Accepted) {
        let Some(task) = self.answered(client, round, accepted.update.clone(), None) else { return };
        let (client, number, base) = (client.clone(), task.number, task.base.blob);
        let contribution = Contribution { client, task: number, base, staleness, accepted };
        self.updates.entry(round).or_default().push(contribution);
    }

    pub(super) fn refuse(&mut self, client: &ClientId, round: RoundNumber, update: &UpdateId, refusal: &UpdateRefusal) {
        if self.answered(client, round, update.clone(), Some(refusal.clone())).is_some()
            && let Some(asked) = self.clients.get_mut(client)
        {
            asked.refusals = asked.refusals.saturating_add(1);
        }
    }

    fn answered(
        &mut self,
        client: &ClientId,
        round: RoundNumber,
        update: UpdateId,
        refusal: Option<UpdateRefusal>,
    ) -> Option<OpenTask> {
        let asked = self.clients.get_mut(client)?;
        let task = asked.open.take()?;
        asked.last = Some(LastAnswer { task: task.number, update, round, refusal });
        Some(task)
    }

    /// Takes an update out again. Whether it was there.
    pub(super) fn exclude(&mut self, round: RoundNumber, client: &ClientId, update: &UpdateId) -> bool {
        let Some(updates) = self.updates.get_mut(&round) else { return false };
        let before = updates.len();
        updates.retain(|contribution| !contribution.is(client, update));
        updates.len() < before
    }

    pub(super) fn give_up(&mut self, client: &ClientId) {
        if let Some(task) = self.clients.get_mut(client).and_then(|asked| asked.open.as_mut()) {
            task.given_up = true;
        }
    }

    /// A model was made. What is too old to matter is forgotten.
    pub(super) fn committed(&mut self, round: RoundNumber, max_staleness: u32) {
        self.updates.remove(&round);
        // Who asks again does so within moments; a few models are enough, and at least one.
        let recent = |of: RoundNumber| round.0 <= of.0.saturating_add(max_staleness.max(1));
        self.clients.retain(|_, asked| {
            asked.refusals = 0;
            asked.open.take_if(|task| task.given_up && !recent(task.round));
            asked.last.take_if(|last| !recent(last.round));
            asked.open.is_some() || asked.last.is_some()
        });
    }

    /// The session has ended: nobody is asked any more, and no model is made of what waits.
    pub(super) fn end(&mut self) {
        self.updates.clear();
        for asked in self.clients.values_mut() {
            asked.open = None;
        }
    }
}
