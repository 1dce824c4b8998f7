//! Load balancing: which combiner a client joins.

use std::collections::BTreeMap;

use async_trait::async_trait;
use thiserror::Error;

use crate::{ClientId, CombinerName};

/// Chooses combiners.
#[async_trait]
pub trait LoadBalancer: Send + Sync {
    /// What it is called, for people.
    fn name(&self) -> &str;

    /// The name of the combiner that a client joins. It may be any text; whoever asks sees whether there is such a
    /// combiner, and bounds the time that this takes.
    ///
    /// # Errors
    /// [`BalancingError`].
    async fn place(&self, placement: Placement) -> Result<String, BalancingError>;
}

/// A client that is to be placed, and where it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The client.
    pub client: ClientId,
    /// A name for people.
    pub name: String,
    /// What it says of itself.
    pub attributes: BTreeMap<String, String>,
    /// The combiner that it would like. There may be none of that name.
    pub preferred: Option<String>,
    /// The combiners that there are: at least one.
    pub combiners: Vec<CombinerLoad>,
}

/// A combiner, and what it has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombinerLoad {
    /// Its name.
    pub name: CombinerName,
    /// Clients that were placed on it, and are there.
    pub clients: u32,
    /// How many clients it is meant for, if there is a bound.
    pub capacity: Option<u32>,
}

/// Why a load balancer does not say where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BalancingError(pub String);

pub(super) mod fake;
