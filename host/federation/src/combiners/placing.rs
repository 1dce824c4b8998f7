//! Placing a client: the load balancer is asked, and what it says is checked.
//!
//! Whether a client can register never depends on a load balancer. One that fails, takes too long or names no combiner
//! is a line in the log and a count, and the client joins the combiner with the fewest clients.

use std::sync::Arc;
use std::time::Duration;

use fedwit_domain::ports::{BalancingError, CombinerLoad, LoadBalancer, Placement};
use fedwit_domain::{ClientId, CombinerName};
use thiserror::Error;

use super::Combiners;
use crate::Federation;

/// How long a client waits for a load balancer. FEDn's clients give a registration ten seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client that is to belong to a combiner.
pub(crate) struct Joining<'a> {
    pub(crate) client: &'a ClientId,
    /// A name for people.
    pub(crate) name: &'a str,
    /// The combiner that it would like.
    pub(crate) preferred: Option<&'a str>,
}

/// Why a load balancer has not placed a client.
#[derive(Debug, Error)]
enum Unplaced {
    #[error("it is not done after {} s", PATIENCE.as_secs())]
    Late,
    #[error(transparent)]
    Failed(#[from] BalancingError),
    #[error("it names {0:.80?}, which is no combiner")]
    NoCombiner(String),
}

impl Unplaced {
    /// How it is counted.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Failed(_) => "failed",
            Self::NoCombiner(_) => "no-combiner",
        }
    }
}

impl Federation {
    /// Places a client that registers. One that has a combiner keeps it, unless it would now like another.
    pub(crate) async fn place_registered(&self, joining: Joining<'_>) -> CombinerName {
        let combiners = &self.inner.combiners;
        if let Some(known) = self.known_place(joining.client).await {
            let wishes = joining.preferred.and_then(|name| combiners.index(name));
            if wishes.is_none_or(|wished| combiners.names[wished] == known) {
                return known;
            }
        }
        self.place(joining).await
    }

    /// Places a client that connects and has no combiner: one that never registered, or whose combiner is gone.
    pub(crate) async fn place_connected(&self, client: &ClientId, wished: Option<&str>) {
        if self.inner.combiners.of(client).is_some() || self.known_place(client).await.is_some() {
            return;
        }
        let row = self.store().client(client).await.unwrap_or_else(|error| {
            tracing::warn!(client.id = %client, %error, "client `{client}` is placed as one that is unknown");
            None
        });
        let name = row.as_ref().map_or(client.as_str(), |row| &row.name);
        let preferred = row.as_ref().and_then(|row| row.combiner_preferred.as_deref()).or(wished);
        let combiner = self.place(Joining { client, name, preferred }).await;
        if let Err(error) = self.store().place_client(client.clone(), combiner, self.now()).await {
            // It is placed all the same, until the server ends.
            tracing::error!(client.id = %client, %error, "where client `{client}` belongs could not be recorded");
        }
    }

    /// The combiner that a client belongs to, as far as anybody knows, if it is still there.
    async fn known_place(&self, client: &ClientId) -> Option<CombinerName> {
        let combiners = &self.inner.combiners;
        if let Some(known) = combiners.of(client) {
            return Some(known.clone());
        }
        let recorded = self.store().client(client).await.ok()??.combiner?;
        let combiner = combiners.index(recorded.as_str())?;
        combiners.book.remember(client.clone(), combiner, None);
        Some(recorded)
    }

    async fn place(&self, joining: Joining<'_>) -> CombinerName {
        let combiners = &self.inner.combiners;
        let client = joining.client;
        let (index, outcome) = match &combiners.balancer {
            Some(balancer) => match self.ask(balancer, &joining).await {
                Ok(index) => (index, "balanced"),
                Err(error) => {
                    tracing::warn!(
                        client.id = %client, balancer = balancer.name(), %error,
                        "load balancer `{}` does not place client `{client}`: {error}", balancer.name()
                    );
                    (self.place_natively(client, None), error.outcome())
                }
            },
            None => (self.place_natively(client, joining.preferred), "native"),
        };
        metrics::counter!("fedwit_placements_total", "outcome" => outcome).increment(1);
        let combiner = combiners.names.get(index).unwrap_or_else(|| combiners.first()).clone();
        tracing::info!(client.id = %client, combiner = %combiner, "client `{client}` joins `{combiner}`");
        combiner
    }

    /// Asks the load balancer, for a while, and places the client where it says.
    async fn ask(&self, balancer: &Arc<dyn LoadBalancer>, joining: &Joining<'_>) -> Result<usize, Unplaced> {
        let Joining { client, name, preferred } = joining;
        let inner = &self.inner;
        let asking = async {
            let attributes = self.store().current_attributes(std::slice::from_ref(*client)).await;
            let attributes = attributes.unwrap_or_else(|error| {
                tracing::warn!(client.id = %client, %error, "client `{client}` is placed without its attributes");
                Vec::new()
            });
            let turn = Arc::clone(&inner.combiners.turn).lock_owned().await;
            let placement = Placement {
                client: (*client).clone(),
                name: (*name).to_owned(),
                attributes: attributes.into_iter().map(|attribute| (attribute.key, attribute.value)).collect(),
                preferred: preferred.map(str::to_owned),
                combiners: inner.combiners.loads(self),
            };
            // A load balancer that hangs keeps its turn, so that it hangs once and not once a client.
            let balancer = Arc::clone(balancer);
            let asked = tokio::spawn(async move { (balancer.place(placement).await, turn) });
            let broke = |error| BalancingError(format!("it broke: {error}"));
            let (answer, turn) = asked.await.map_err(broke)?;
            let answer = answer?;
            let index = inner.combiners.index(&answer).ok_or(Unplaced::NoCombiner(answer))?;
            let placed = inner.combiners.book.place(client, &inner.presence, self.now(), |_| index);
            drop(turn);
            Ok(placed)
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Err(Unplaced::Late))
    }

    /// On the combiner that is preferred if there is one, else on that with the fewest clients; the first of those that
    /// have as few.
    fn place_natively(&self, client: &ClientId, preferred: Option<&str>) -> usize {
        let inner = &self.inner;
        let preferred = preferred.and_then(|name| inner.combiners.index(name));
        let fewest = |loads: &[u32]| (0..loads.len()).min_by_key(|index| loads[*index]).unwrap_or(0);
        let choose = |loads: &[u32]| preferred.unwrap_or_else(|| fewest(loads));
        inner.combiners.book.place(client, &inner.presence, self.now(), choose)
    }
}

impl Combiners {
    fn loads(&self, federation: &Federation) -> Vec<CombinerLoad> {
        let loads = self.book.loads(&federation.inner.presence, federation.now());
        let load = |(name, clients): (&CombinerName, u32)| CombinerLoad { name: name.clone(), clients, capacity: None };
        self.names.iter().zip(loads).map(load).collect()
    }
}
