//! What a client selector implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use crate::bindings::client_selector::exports::fedwit::plugin::client_selector::{
    Candidate, Participation, Selected,
};
use crate::{Error, Permission};

/// Chooses who is asked to train in a round, and with which settings of their own.
///
/// ```
/// use fedwit_plugin::client_selector::{Candidate, ClientSelector, Selected, Selection};
/// use fedwit_plugin::{Error, config};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// The parameters of the session, with their defaults.
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// #[serde(deny_unknown_fields, default)]
/// struct Config {
///     /// How long a client may have taken, in seconds; above 0.
///     #[schemars(extend("exclusiveMinimum" = 0))]
///     slowest: f64,
/// }
///
/// impl Default for Config {
///     fn default() -> Self {
///         Self { slowest: 60.0 }
///     }
/// }
///
/// /// Leaves out the clients that were slow. One that has never answered gets its chance.
/// struct Quick {
///     slowest_ms: f64,
/// }
///
/// impl ClientSelector for Quick {
///     const NAME: &'static str = "quick";
///     const SUMMARY: &'static str = "Leaves out the clients that were slow.";
///     type Config = Config;
///
///     fn new(config: Config) -> Result<Self, Error> {
///         config::positive("slowest", config.slowest)?;
///         Ok(Self { slowest_ms: config.slowest * 1000.0 })
///     }
///
///     fn select(&self, selection: Selection, mut candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error> {
///         let quick = |candidate: &Candidate| candidate.history.mean_duration_ms.is_none_or(|ms| ms <= self.slowest_ms);
///         candidates.retain(quick);
///         // They come in no particular order, and the same question must get the same answer.
///         candidates.sort_by(|left, right| left.client.cmp(&right.client));
///         candidates.truncate(selection.clients_requested as usize);
///         Ok(candidates.into_iter().map(|candidate| Selected::new(candidate.client)).collect())
///     }
/// }
///
/// fedwit_plugin::export!(Quick: ClientSelector);
///
/// // A test of it, which needs no WebAssembly.
/// # #[cfg(not(target_arch = "wasm32"))] {
/// use fedwit_plugin::testing::{candidate, selection};
///
/// let quick = Quick::new(config::parse(r#"{"slowest": 2}"#)?)?;
/// let mut slow = candidate("a");
/// slow.history.mean_duration_ms = Some(2001.0);
/// let chosen = quick.select(selection(5), vec![slow, candidate("b")])?;
/// assert_eq!(chosen.len(), 1);
/// assert_eq!(chosen[0].client, "b");
/// # }
/// # Ok::<(), Error>(())
/// ```
pub trait ClientSelector: Sized {
    /// Lower case, digits and hyphens; what a session names to choose this selector.
    const NAME: &'static str;
    /// One sentence, for people who choose among plugins.
    const SUMMARY: &'static str;
    /// The parameters of a session; see [`Aggregator::Config`](crate::Aggregator::Config).
    type Config: DeserializeOwned + JsonSchema;

    /// What the operator must grant.
    #[must_use]
    fn permissions() -> Vec<Permission> {
        Vec::new()
    }

    /// Takes a session's configuration. It is made anew for every call, so nothing is kept from one to the next.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the key and what is allowed; see [`crate::config`].
    fn new(config: Self::Config) -> Result<Self, Error>;

    /// Chooses among the candidates, of whom there is at least one, in no particular order. Each may be chosen once. The
    /// same question must get the same answer: randomness comes from [`Selection::seed`].
    ///
    /// # Errors
    /// [`Error::Failed`]: the attempt at the round fails.
    fn select(&self, selection: Selection, candidates: Vec<Candidate>) -> Result<Vec<Selected>, Error>;
}

/// What a round's clients are chosen for.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    /// Counts from 1.
    pub round: u64,
    /// Counts the attempts at this round from 1; above 1, too few clients answered before.
    pub attempt: u32,
    /// The same whenever this attempt is repeated, another for every other attempt.
    pub seed: u64,
    /// How many clients the session wants asked; all candidates where the session does not say.
    pub clients_requested: u32,
    /// How many must answer for the round to count. Choosing fewer fails the attempt.
    pub clients_required: u32,
}

impl Selected {
    /// A client that is asked with the session's settings.
    #[must_use]
    pub fn new(client: impl Into<String>) -> Self {
        Self { client: client.into(), settings: String::new() }
    }

    /// The same with settings for this client alone: the members of an object take the place of the session's client
    /// settings of the same names.
    ///
    /// # Errors
    /// [`Error::Failed`] if they are no JSON object.
    pub fn with_settings(self, settings: &impl serde::Serialize) -> Result<Self, Error> {
        match serde_json::to_value(settings) {
            Ok(object @ serde_json::Value::Object(_)) => Ok(Self { settings: object.to_string(), ..self }),
            Ok(other) => {
                Err(Error::Failed(format!("the settings of client `{}` are {other}, and no object", self.client)))
            }
            Err(error) => Err(Error::Failed(format!("the settings of client `{}`: {error}", self.client))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_an_object() {
        let settings = serde_json::json!({ "epochs": 3 });
        assert_eq!(Selected::new("a").with_settings(&settings).unwrap().settings, r#"{"epochs":3}"#);
        assert_eq!(Selected::new("a").settings, "");
        for no_object in [serde_json::json!(3), serde_json::json!(["epochs", 3])] {
            let refused = Selected::new("a").with_settings(&no_object);
            assert!(matches!(refused, Err(Error::Failed(why)) if why.contains("client `a`")), "{no_object}");
        }
    }
}
