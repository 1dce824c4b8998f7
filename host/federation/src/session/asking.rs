//! Whom a session has asked, and for what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fedwit_domain::{Answer, ClientId, Phase, Session, SessionConfig, TaskId, ValidationAnswer};

use crate::tasks::Outboxes;
use crate::{Task, TaskKind};

/// What is in the outboxes of clients because of this session.
#[derive(Default)]
pub(super) struct Asked {
    tasks: BTreeSet<(ClientId, TaskId)>,
    config: Option<Arc<SessionConfig>>,
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
        let wanted = tasks(session, &config);
        for (client, task) in self.tasks.iter().filter(|key| !wanted.contains_key(*key)) {
            outboxes.retract(client, &task.to_string());
        }
        for ((client, _), task) in wanted.iter().filter(|(key, _)| !self.tasks.contains(*key)) {
            outboxes.put(client, Arc::clone(task));
        }
        self.tasks = wanted.into_keys().collect();
    }

    /// Asks nobody any more.
    pub(super) fn retract_all(&mut self, outboxes: &Arc<Outboxes>) {
        for (client, task) in std::mem::take(&mut self.tasks) {
            outboxes.retract(&client, &task.to_string());
        }
    }
}

/// What the session waits for, by whom.
fn tasks(session: &Session, config: &Arc<SessionConfig>) -> BTreeMap<(ClientId, TaskId), Arc<Task>> {
    let mut tasks = BTreeMap::new();
    if !session.is_active() {
        return tasks;
    }
    let id = session.id;
    // Validations first: they are of a model that is older than the one that is to be trained.
    for (round, validation) in &session.validations {
        let task_id = TaskId::Validation { session: id, round: *round };
        let kind = TaskKind::Validate { session: id, round: *round, model: validation.model };
        let task = Arc::new(Task { id: task_id.to_string(), kind });
        for (client, answer) in &validation.asked {
            if matches!(answer, ValidationAnswer::Pending { .. }) {
                tasks.insert((client.clone(), task_id), Arc::clone(&task));
            }
        }
    }
    if let Phase::Collecting(attempt) = &session.phase {
        let (round, number) = (attempt.round, attempt.number);
        let task_id = TaskId::Training { session: id, round, attempt: number };
        let timeout = session.run.as_ref().and_then(|run| run.round_timeout_s);
        let kind = TaskKind::Train {
            session: id,
            round,
            attempt: number,
            model: session.model.id,
            config: Arc::clone(config),
            round_timeout_s: timeout.unwrap_or(config.round_timeout_s),
        };
        let task = Arc::new(Task { id: task_id.to_string(), kind });
        for (client, answer) in &attempt.asked {
            if matches!(answer, Answer::Pending) {
                tasks.insert((client.clone(), task_id), Arc::clone(&task));
            }
        }
    }
    tasks
}
