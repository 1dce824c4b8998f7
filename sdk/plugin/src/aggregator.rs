//! What an aggregator implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Error, Metric, Parameters, Permission, State, Update};

/// One round, or a share of one: turns model updates into the next global model.
///
/// `begin` is called once, then `add` and `merge` as updates and shares arrive, and in the end `partial` or `finish`.
/// After an error other than [`Error::Rejected`] nothing more is called.
pub trait Aggregator: Sized {
    /// Lower case, digits and hyphens; what a session names to choose this aggregator.
    const NAME: &'static str;
    /// One sentence, for people who choose among plugins.
    const SUMMARY: &'static str;
    /// Whether `partial` and `merge` are there, so that a round can be spread over several instances. Whatever way the
    /// updates are shared out, the model must be the same up to rounding. If not, every update goes to one instance.
    const MERGEABLE: bool;
    /// The parameters of a session: read from its JSON, and described to its users by the schema of this type.
    /// Refuse what is unknown (`#[serde(deny_unknown_fields, default)]`), and derive `Serialize` as well: without it
    /// the schema has no defaults.
    type Config: DeserializeOwned + JsonSchema;

    /// What the operator must grant.
    #[must_use]
    fn permissions() -> Vec<Permission> {
        Vec::new()
    }

    /// Prepares a round.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the key and what is allowed; see [`crate::config`].
    fn begin(config: Self::Config, context: Context) -> Result<Self, Error>;

    /// Takes one update in.
    ///
    /// # Errors
    /// [`Error::Rejected`] if this update cannot be used; then nothing may have changed.
    fn add(&mut self, update: Update) -> Result<(), Error>;

    /// Hands up what was added and merged so far.
    ///
    /// # Errors
    /// [`Error::Failed`] if this aggregator is not [mergeable](Self::MERGEABLE).
    fn partial(self) -> Result<PartialAggregate, Error> {
        Err(not_mergeable::<Self>())
    }

    /// Takes in a share that another instance folded. An empty one has no effect.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it cannot be used; then nothing may have changed. [`Error::Failed`] if this aggregator is
    /// not [mergeable](Self::MERGEABLE).
    fn merge(&mut self, part: PartialAggregate) -> Result<(), Error> {
        drop(part);
        Err(not_mergeable::<Self>())
    }

    /// Makes the new global model.
    ///
    /// # Errors
    /// [`Error::Failed`] if no update was added or merged.
    fn finish(self) -> Result<Outcome, Error>;
}

/// What a round begins with, besides the configuration.
#[derive(Debug)]
pub struct Context {
    /// Counts from 1.
    pub round: u64,
    /// For random numbers: the same whenever this round is repeated.
    pub seed: u64,
    /// The model that the round improves upon.
    pub global_model: Parameters,
    /// What this plugin returned from the session's last round; none in its first.
    pub state: Option<State>,
}

/// Parameters with a name, such as an optimiser's `momentum`.
#[derive(Debug)]
pub struct NamedParameters {
    /// Unique among its neighbours; not empty.
    pub name: String,
    /// The tensors.
    pub value: Parameters,
}

/// A share of a round's updates, folded.
#[derive(Debug)]
pub struct PartialAggregate {
    /// Tensors, such as the mean of the share.
    pub parameters: Vec<NamedParameters>,
    /// Anything else, in a form of the plugin's own; at most 1 MiB.
    pub bytes: Vec<u8>,
    /// The weight of the share; 0 if it is empty.
    pub weight: f64,
    /// How many updates it holds.
    pub updates: u64,
}

/// What a round ends with.
#[derive(Debug)]
pub struct Outcome {
    /// The new global model, with the tensors and shapes of the old; the host casts it to the old one's dtypes.
    pub model: Parameters,
    /// What to hand to the next round; none to start afresh.
    pub state: Option<State>,
    /// What to show beside the round.
    pub metrics: Vec<Metric>,
}

impl Metric {
    /// A value with its name, such as `update_norm`.
    #[must_use]
    pub fn new(name: &str, value: f64) -> Self {
        Self { name: name.to_owned(), value }
    }
}

fn not_mergeable<A: Aggregator>() -> Error {
    Error::Failed(format!("`{}` looks at all updates of a round at once: there are no shares of it", A::NAME))
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    struct Nothing {}

    struct Whole;

    impl Aggregator for Whole {
        const NAME: &'static str = "whole";
        const SUMMARY: &'static str = "Takes no shares.";
        const MERGEABLE: bool = false;
        type Config = Nothing;

        fn begin(_: Nothing, _: Context) -> Result<Self, Error> {
            Ok(Self)
        }

        fn add(&mut self, _: Update) -> Result<(), Error> {
            Ok(())
        }

        fn finish(self) -> Result<Outcome, Error> {
            Err(Error::Failed("no update was added".to_owned()))
        }
    }

    #[test]
    fn an_aggregator_without_shares_fails_by_name_where_one_is_asked_of_it() {
        let share = PartialAggregate { parameters: Vec::new(), bytes: Vec::new(), weight: 1.0, updates: 1 };
        for failed in [Whole.merge(share), Whole.partial().map(drop)] {
            assert!(matches!(failed, Err(Error::Failed(why)) if why.contains("`whole`")));
        }
    }
}
