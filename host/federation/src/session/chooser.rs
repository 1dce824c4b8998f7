//! Asking the client selector of a session whom the next attempt asks.
//!
//! It thinks in a task of its own, so that the session goes on answering meanwhile. What it chose is recorded with the
//! attempt that it is opened for, so that nothing is asked again when the log is replayed; a server that goes down before
//! that asks again, and the same question has the same answer.

use std::sync::Arc;

use fedwit_domain::ports::{ClientSelector, Selection};
use fedwit_domain::{AttemptNumber, Choice, ClientId, RoundNumber, Run, Session};
use fedwit_store::Store;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Keeps the question in step with the session.
pub(super) struct Chooser {
    selector: Arc<dyn ClientSelector>,
    store: Store,
    reports: mpsc::Sender<Chosen>,
    open: Option<Question>,
    /// Counts questions, so that answers to one that was given up are told apart.
    asked: u64,
}

struct Question {
    number: u64,
    /// What it is asked for. Another run may have other clients.
    of: (RoundNumber, AttemptNumber, Option<Run>),
    online: Vec<ClientId>,
    answer: Option<Result<Choice, String>>,
    /// Dropped, nobody waits for the answer any more.
    _thinking: AbortOnDropHandle<()>,
}

/// What came of a question.
pub(super) struct Chosen {
    question: u64,
    answer: Result<Choice, String>,
}

impl Chooser {
    pub(super) fn new(selector: Arc<dyn ClientSelector>, store: Store) -> (Self, mpsc::Receiver<Chosen>) {
        let (sender, reports) = mpsc::channel(1);
        (Self { selector, store, reports: sender, open: None, asked: 0 }, reports)
    }

    /// Gives up what is no question any more.
    pub(super) fn look(&mut self, session: &Session) {
        self.open.take_if(|question| !session.wants_attempt() || !question.is_of(session));
    }

    /// Whether somebody is being chosen.
    pub(super) fn is_thinking(&self) -> bool {
        self.open.as_ref().is_some_and(|question| question.answer.is_none())
    }

    /// What was chosen, among which clients, if that is known by now.
    pub(super) fn take(&mut self) -> Option<(Vec<ClientId>, Result<Choice, String>)> {
        let question = self.open.take_if(|question| question.answer.is_some())?;
        Some((question.online, question.answer?))
    }

    /// Asks.
    pub(super) fn ask(&mut self, session: &Session, selection: Selection) {
        self.asked += 1;
        let number = self.asked;
        let online = selection.candidates.iter().map(|candidate| candidate.client.clone()).collect();
        let (selector, store, reports) = (Arc::clone(&self.selector), self.store.clone(), self.reports.clone());
        let patience = session.round_timeout();
        let thinking = tokio::spawn(async move {
            let name = selection.selector.clone();
            let answer = tokio::time::timeout(patience, select(&*selector, &store, selection)).await;
            // Its turn among others is in it: a plugin that computes is stopped long before.
            let late = |_| Err(format!("`{name}` is not done after {} s", patience.as_secs()));
            let answer = answer.unwrap_or_else(late);
            // If the session has gone to rest, it asks again when it wakes.
            let _ = reports.send(Chosen { question: number, answer }).await;
        });
        let thinking = AbortOnDropHandle::new(thinking);
        let of = of(session);
        self.open = Some(Question { number, of, online, answer: None, _thinking: thinking });
    }

    /// Takes what came of a question.
    pub(super) fn hear(&mut self, Chosen { question: number, answer }: Chosen) {
        if let Some(question) = self.open.as_mut().filter(|question| question.number == number) {
            question.answer = Some(answer);
        }
    }
}

impl Question {
    fn is_of(&self, session: &Session) -> bool {
        let (round, attempt, run) = &self.of;
        (*round, *attempt, run.as_ref()) == (session.next_round(), session.next_attempt(), session.run.as_ref())
    }
}

fn of(session: &Session) -> (RoundNumber, AttemptNumber, Option<Run>) {
    (session.next_round(), session.next_attempt(), session.run.clone())
}

/// Fills in what the session does not know of its clients, and asks.
async fn select(selector: &dyn ClientSelector, store: &Store, mut selection: Selection) -> Result<Choice, String> {
    let clients: Vec<ClientId> = selection.candidates.iter().map(|candidate| candidate.client.clone()).collect();
    let attributes = store.attributes_of(&clients).await;
    let mut attributes = attributes.map_err(|error| format!("the attributes of clients could not be read: {error}"))?;
    for candidate in &mut selection.candidates {
        candidate.attributes = attributes.remove(&candidate.client).unwrap_or_default();
    }
    selector.select(selection).await.map_err(|error| error.to_string())
}
