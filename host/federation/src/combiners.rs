//! Combiners: each client belongs to one, which folds its updates.
//!
//! They are logical: all are in this process, each with its clients and, in a round, with its share of the updates. Where
//! there is only one, every client is its own, and nobody has to be asked.

mod book;
mod placing;
mod plugin;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use fedwit_domain::ports::LoadBalancer;
use fedwit_domain::{ClientId, CombinerName, IdError, Timestamp};
use fedwit_store::{ClientFilter, ClientRow, Listed, Page, Store, StoreError};
use tokio::sync::Mutex;

use self::book::Book;
pub(crate) use self::placing::Joining;
pub use self::plugin::LoadBalancing;
pub(crate) use self::plugin::PluginBalancer;
use crate::presence::PresenceBook;
use crate::{Federation, FederationError};

/// Who was there at the end was seen this long before it at the most: when clients were seen is recorded once a minute.
const LAST_MINUTES: Duration = Duration::from_secs(120);

/// A combiner, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combiner {
    /// Its name.
    pub name: CombinerName,
    /// Clients of it that are there.
    pub clients_online: usize,
}

/// The combiners of a server, and which client belongs to which.
pub(crate) struct Combiners {
    /// At least one.
    names: Vec<CombinerName>,
    book: Book,
    /// Who is asked where a client joins, if it is not one who always says the same.
    balancer: Option<Arc<dyn LoadBalancer>>,
    /// Clients are placed one after the other, so that each finds the ones before it counted.
    turn: Arc<Mutex<()>>,
}

impl Combiners {
    /// So many, with the clients that they had.
    ///
    /// # Errors
    /// [`FederationError::Store`].
    pub(crate) async fn start(
        count: usize,
        balancer: Option<Arc<dyn LoadBalancer>>,
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, FederationError> {
        let names = names(count)?;
        let combiners = Self { book: Book::new(names.len()), names, balancer, turn: Arc::default() };
        if combiners.is_one() {
            return Ok(combiners);
        }
        let placed = store.placements(book::MAX_CLIENTS as u64).await?;
        let last = placed.first().map_or(now, |(.., seen)| *seen);
        for (client, name, seen) in placed {
            // Clients of combiners that are gone are placed when they come back.
            if let Some(combiner) = combiners.index(name.as_str()) {
                // Whoever was there when the server went down is about to come back.
                let on_its_way = seen.plus(LAST_MINUTES) >= last;
                combiners.book.remember(client, combiner, on_its_way.then_some(now));
            }
        }
        Ok(combiners)
    }

    /// The combiner of a client that has been placed.
    pub(crate) fn of(&self, client: &ClientId) -> Option<&CombinerName> {
        if self.is_one() { Some(self.first()) } else { self.book.of(client).and_then(|index| self.names.get(index)) }
    }

    /// The combiner that has to do with a client: its own, or the first while it has none.
    pub(crate) fn responsible(&self, client: &ClientId) -> &CombinerName {
        self.of(client).unwrap_or_else(|| self.first())
    }

    fn first(&self) -> &CombinerName {
        &self.names[0]
    }

    fn is_one(&self) -> bool {
        self.names.len() == 1
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.as_str() == name)
    }

    /// Forgets a client.
    pub(crate) fn remove(&self, client: &ClientId) {
        self.book.remove(client);
    }

    fn list(&self, presence: &PresenceBook, now: Timestamp) -> Vec<Combiner> {
        let mut counts = vec![0; self.names.len()];
        for client in presence.online(now) {
            if let Some(index) = if self.is_one() { Some(0) } else { self.book.of(&client) } {
                counts[index] += 1;
            }
        }
        let combiner = |(name, clients_online): (&CombinerName, usize)| Combiner { name: name.clone(), clients_online };
        self.names.iter().zip(counts).map(combiner).collect()
    }
}

/// One is called as it always was, several are numbered.
fn names(count: usize) -> Result<Vec<CombinerName>, IdError> {
    if count <= 1 {
        return Ok(vec!["combiner".parse()?]);
    }
    (1..=count).map(|number| format!("combiner-{number}").parse()).collect()
}

impl Federation {
    /// All combiners.
    #[must_use]
    pub fn combiners(&self) -> Vec<Combiner> {
        self.inner.combiners.list(&self.inner.presence, self.now())
    }

    /// The combiner that a client belongs to, if it has been placed.
    #[must_use]
    pub fn combiner_of(&self, client: &ClientId) -> Option<&CombinerName> {
        self.inner.combiners.of(client)
    }

    /// The combiner that speaks with a client: its own, or the first while it has none.
    #[must_use]
    pub fn responsible_combiner(&self, client: &ClientId) -> &CombinerName {
        self.inner.combiners.responsible(client)
    }

    /// The combiner that speaks with those who do not say who they are.
    #[must_use]
    pub fn first_combiner(&self) -> &CombinerName {
        self.inner.combiners.first()
    }

    /// The clients of a combiner, in the order in which they were first seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clients_of(&self, combiner: &CombinerName, page: Page) -> Result<Listed<ClientRow>, StoreError> {
        // All are the only one's, also those of which that was never recorded.
        let combiner = (!self.inner.combiners.is_one()).then(|| combiner.clone());
        self.store().clients(&ClientFilter { combiner, ..ClientFilter::default() }, page).await
    }
}
