//! Whom a session has asked, and for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fedwit_domain::{
    Answer, Buffer, ClientId, ModelId, Phase, RoundNumber, Session, SessionConfig, TaskId, ValidationAnswer,
};
use serde_json::{Map, Value};

use crate::tasks::Outboxes;
use crate::{Task, TaskKind};

/// What is in the outboxes of clients because of this session.
#[derive(Default)]
pub(super) struct Asked {
    tasks: BTreeSet<(ClientId, TaskId)>,
    config: Option<Arc<SessionConfig>>,
}

/// Whether clients work for a session. While a buffered one is paused, they go on with what they were asked.
pub(super) fn is_under_way(session: &Session) -> bool {
    let works = || session.buffer.as_ref().is_some_and(|buffer| buffer.awaited().next().is_some());
    session.is_active() || works()
}

/// The clients that a session waits for.
pub(super) fn awaited(session: &Session) -> Vec<&ClientId> {
    let mut awaited: Vec<&ClientId> = Vec::new();
    if !session.is_active() {
        return awaited;
    }
    if let Phase::Collecting(attempt) = &session.phase {
        let pending = attempt.asked.iter().filter(|(_, answer)| matches!(answer, Answer::Pending));
        awaited.extend(pending.map(|(client, _)| client));
    }
    awaited.extend(session.buffer.iter().flat_map(Buffer::awaited).map(|(client, _)| client));
    for validation in session.validations.values() {
        let pending = validation.asked.iter().filter(|(_, answer)| matches!(answer, ValidationAnswer::Pending { .. }));
        awaited.extend(pending.map(|(client, _)| client));
    }
    awaited.sort_unstable();
    awaited.dedup();
    awaited
}

impl Asked {
    /// Asks whom the session waits for, and asks nobody else any more.
    pub(super) fn look(&mut self, session: &Session, outboxes: &Arc<Outboxes>) {
        let config = Arc::clone(self.config.get_or_insert_with(|| Arc::new(session.config.clone())));
        let wanted = self.wanted(session, &config);
        for (client, task) in self.tasks.iter().filter(|key| !wanted.contains_key(*key)) {
            outboxes.retract(client, &task.to_string());
        }
        for ((client, _), task) in &wanted {
            if let Some(task) = task {
                outboxes.put(client, Arc::clone(task));
            }
        }
        self.tasks = wanted.into_keys().collect();
    }

    /// What the session waits for, by whom. What is in an outbox already is not made again.
    ///
    /// In the order in which a client is to do it: the model that it is to measure is older than the one that it is to
    /// train, as [`TaskId`] has it.
    fn wanted(
        &self,
        session: &Session,
        config: &Arc<SessionConfig>,
    ) -> BTreeMap<(ClientId, TaskId), Option<Arc<Task>>> {
        let mut wanted = BTreeMap::new();
        if !is_under_way(session) {
            return wanted;
        }
        let mut want = |client: &ClientId, id: TaskId, task: &dyn Fn() -> Arc<Task>| {
            let key = (client.clone(), id);
            let task = (!self.tasks.contains(&key)).then(task);
            wanted.insert(key, task);
        };
        let session_id = session.id;
        for (round, validation) in &session.validations {
            let id = TaskId::Validation { session: session_id, round: *round };
            let kind = TaskKind::Validate { session: session_id, round: *round, model: validation.model };
            let task = Arc::new(Task { id: id.to_string(), kind });
            for (client, answer) in &validation.asked {
                if matches!(answer, ValidationAnswer::Pending { .. }) {
                    want(client, id, &|| Arc::clone(&task));
                }
            }
        }
        if let Phase::Collecting(attempt) = &session.phase {
            let (round, number) = (attempt.round, attempt.number);
            let id = TaskId::Training { session: session_id, round, attempt: number };
            let task = training(session, config, id, round, session.model.id, None);
            for (client, answer) in &attempt.asked {
                if matches!(answer, Answer::Pending) {
                    want(client, id, &|| match attempt.settings.get(client) {
                        Some(own) => training(session, config, id, round, session.model.id, Some(own)),
                        None => Arc::clone(&task),
                    });
                }
            }
        }
        for (client, open) in session.buffer.iter().flat_map(Buffer::awaited) {
            let id = TaskId::Buffered { session: session_id, round: open.round, number: open.number };
            want(client, id, &|| training(session, config, id, open.round, open.base.id, None));
        }
        wanted
    }

    /// Asks nobody any more.
    pub(super) fn retract_all(&mut self, outboxes: &Arc<Outboxes>) {
        for (client, task) in std::mem::take(&mut self.tasks) {
            outboxes.retract(&client, &task.to_string());
        }
    }
}

fn training(
    session: &Session,
    config: &Arc<SessionConfig>,
    task: TaskId,
    round: RoundNumber,
    model: ModelId,
    own_settings: Option<&Map<String, Value>>,
) -> Arc<Task> {
    let timeout = session.run.as_ref().and_then(|run| run.round_timeout_s);
    let kind = TaskKind::Train {
        session: session.id,
        round,
        task,
        model,
        config: Arc::clone(config),
        own_settings: own_settings.cloned().unwrap_or_default(),
        round_timeout_s: timeout.unwrap_or(config.round_timeout_s),
    };
    Arc::new(Task { id: task.to_string(), kind })
}
