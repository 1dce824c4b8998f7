//! What a client did, and what it was told.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;

use super::Task;
use crate::wait;

/// A client's record, which grows while it runs.
#[derive(Debug)]
pub struct Record {
    client: String,
    events: Mutex<Vec<(Instant, Event)>>,
}

/// Something that a client did or was told.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its stream of tasks is asked for.
    Connected,
    /// It was given a task.
    Asked(Arc<Task>),
    /// Its file was taken.
    Uploaded {
        /// For this task.
        task: Arc<Task>,
        /// Under this id.
        update: String,
        /// Whether the server says that it has it.
        taken: bool,
        /// What it was told.
        text: String,
    },
    /// Its update was answered.
    Sent(Sent),
    /// Its metrics were taken.
    Validated(Arc<Task>),
    /// A call did not work, and is going to be repeated.
    Repeats {
        /// The call.
        call: &'static str,
        /// Why it did not work.
        why: String,
    },
    /// It ended, as FEDn's client would have.
    Died(String),
}

/// An update, and the answer to it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The task that it answers.
    pub task: Arc<Task>,
    /// Its id.
    pub update: String,
    /// Its metadata.
    pub meta: String,
    /// The file that was uploaded for it.
    pub file: Option<Bytes>,
    /// What the client was told.
    pub text: String,
}

impl Record {
    pub(super) fn new(client: &str) -> Self {
        Self { client: client.to_owned(), events: Mutex::default() }
    }

    pub(super) fn add(&self, event: Event) {
        self.events().push((Instant::now(), event));
    }

    fn events(&self) -> MutexGuard<'_, Vec<(Instant, Event)>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose it is.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Everything so far, and when.
    #[must_use]
    pub fn all(&self) -> Vec<(Instant, Event)> {
        self.events().clone()
    }

    /// The updates that were answered so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        let sent = |(_, event): &(Instant, Event)| match event {
            Event::Sent(sent) => Some(sent.clone()),
            _ => None,
        };
        self.events().iter().filter_map(sent).collect()
    }

    /// How many events there are so far of the kind that is meant.
    #[must_use]
    pub fn count(&self, meant: impl Fn(&Event) -> bool) -> usize {
        self.events().iter().filter(|(_, event)| meant(event)).count()
    }

    /// Why the client ended, if it has.
    #[must_use]
    pub fn death(&self) -> Option<String> {
        self.events().iter().find_map(|(_, event)| match event {
            Event::Died(why) => Some(why.clone()),
            _ => None,
        })
    }

    /// Waits for an event.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn wait_for<T>(&self, what: &str, patience: Duration, wanted: impl Fn(&Event) -> Option<T>) -> Result<T> {
        let what = format!("`{}` to have {what}", self.client);
        wait::until(what, patience, async || Ok(self.events().iter().find_map(|(_, event)| wanted(event)))).await
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "`{}`:", self.client)?;
        for (_, event) in self.events().iter() {
            match event {
                Event::Connected => writeln!(formatter, "  connects")?,
                Event::Asked(task) => writeln!(formatter, "  is asked {}", task.correlation())?,
                Event::Uploaded { update, text, .. } => writeln!(formatter, "  uploads {update}: {text}")?,
                Event::Sent(sent) => writeln!(formatter, "  sends {}: {}", sent.update, sent.text)?,
                Event::Validated(task) => writeln!(formatter, "  validates {}", task.model())?,
                Event::Repeats { call, why } => writeln!(formatter, "  repeats {call}: {why}")?,
                Event::Died(why) => writeln!(formatter, "  dies: {why}")?,
            }
        }
        Ok(())
    }
}
