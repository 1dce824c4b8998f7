//! Model updates, checked before any plugin sees them.

use fedwit_tensor::{Parameters, TensorError};
use thiserror::Error;

use crate::Metric;

/// What is known about an update besides its tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateInfo {
    /// Its own name: no two updates of one aggregation share it.
    pub update: String,
    /// The client that sent it.
    pub client: String,
    /// The round whose global model the client started from.
    pub round: u64,
    /// How many global models have been made since that one: 0 where rounds wait for their clients.
    pub staleness: u32,
    /// How many examples the client trained on.
    pub num_examples: u64,
    /// What the client measured.
    pub metrics: Vec<Metric>,
}

/// A client's update that has passed the checks: of the global model's tensors, shapes and dtypes, with finite values
/// and a positive number of examples.
#[derive(Clone, Debug)]
pub struct Update {
    pub(crate) info: UpdateInfo,
    pub(crate) parameters: Parameters,
    pub(crate) base: Parameters,
}

impl Update {
    /// Checks an update of `base`, the global model that the client started from.
    ///
    /// # Errors
    /// [`Refusal::Tensors`] names the first tensor that is missing, unexpected, of another shape or dtype, or not
    /// finite; [`Refusal::NoExamples`].
    pub fn checked(info: UpdateInfo, parameters: &Parameters, base: &Parameters) -> Result<Self, Refusal> {
        if info.num_examples == 0 {
            return Err(Refusal::NoExamples);
        }
        let parameters = parameters.ordered_as(base.layout()).map_err(Refusal::Tensors)?;
        parameters.check_finite().map_err(Refusal::Tensors)?;
        Ok(Self { info, parameters, base: base.clone() })
    }

    /// What is known about it.
    #[must_use]
    pub fn info(&self) -> &UpdateInfo {
        &self.info
    }
}

/// Why an update does not count. It carries no weight.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not an update of the global model.
    #[error("{0}")]
    Tensors(TensorError),
    /// It rests on nothing, and a mean weighted with nothing is not a number.
    #[error("the number of examples is 0, but must be at least 1")]
    NoExamples,
    /// An update counts once.
    #[error("update `{update}` is in this aggregation already")]
    Repeated {
        /// The update.
        update: String,
    },
    /// It was made for another round.
    #[error("the update is for round {found}, but round {expected} is being aggregated")]
    OtherRound {
        /// The round that is being aggregated.
        expected: u64,
        /// The round that the update was made in, and as many later as it is stale.
        found: u64,
    },
}
