//! Sessions whose rounds wait for nobody.

use serde::{Deserialize, Serialize};

use super::{ConfigError, SessionConfig};

/// How a buffered session is run: asynchronous federated learning with a buffer of updates (Nguyen et al. 2022, *Federated
/// Learning with Buffered Asynchronous Aggregation*, Algorithm 1).
///
/// A client trains on the newest model there is when it is asked, and is asked again as soon as its update was taken.
/// Every [`size`](Self::size) updates that count make the next model; its number is the round's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Buffering {
    /// A model is made as soon as this many updates count: the paper's K.
    pub size: u32,
    /// An update of a model that is older than this many models does not count.
    pub max_staleness: u32,
    /// How many clients train at a time; all that are there if none is given. Those that were asked longer ago than a
    /// round waits are not among them any more: others are asked in their place.
    pub concurrency: Option<u32>,
    /// Every so many models are measured by clients, and a run's last one; the clients that the model is made of measure
    /// it. More often would keep them from training.
    pub validate_every: u32,
}

impl Default for Buffering {
    fn default() -> Self {
        Self { size: 10, max_staleness: 20, concurrency: None, validate_every: 10 }
    }
}

/// The largest buffer. All of it is in the session's state.
const MAX_SIZE: u32 = 10_000;
/// The longest that a model may be started from.
const MAX_STALENESS: u32 = 1000;

impl Buffering {
    pub(super) fn check(&self, config: &SessionConfig) -> Result<(), ConfigError> {
        let &Self { size, max_staleness, concurrency, validate_every } = self;
        let required = config.clients_required;
        let problems = [
            ("buffered.size", !(1..=MAX_SIZE).contains(&size), format!("{size} is not 1 to {MAX_SIZE}")),
            (
                "buffered.size",
                size < required,
                format!("a buffer of {size} updates never has the {required} that a model needs"),
            ),
            (
                "buffered.max_staleness",
                max_staleness > MAX_STALENESS,
                format!("{max_staleness} is not 0 to {MAX_STALENESS}"),
            ),
            ("buffered.concurrency", concurrency == Some(0), "nobody would train".to_owned()),
            ("buffered.validate_every", validate_every == 0, "0 is no number of models".to_owned()),
            (
                "clients_requested",
                config.clients_requested.is_some(),
                "a buffered session has `concurrency` instead".to_owned(),
            ),
        ];
        match problems.into_iter().find(|(_, impossible, _)| *impossible) {
            Some((setting, _, problem)) => Err(ConfigError { setting, problem }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn config(buffering: Buffering) -> SessionConfig {
        SessionConfig { buffered: Some(buffering), ..SessionConfig::default() }
    }

    #[test]
    fn what_can_never_work_is_named() {
        let buffering = Buffering::default;
        assert_eq!(config(buffering()).check(), Ok(()));
        for (config, setting) in [
            (config(Buffering { size: 0, ..buffering() }), "buffered.size"),
            (SessionConfig { clients_required: 11, ..config(buffering()) }, "buffered.size"),
            (config(Buffering { max_staleness: 1001, ..buffering() }), "buffered.max_staleness"),
            (config(Buffering { concurrency: Some(0), ..buffering() }), "buffered.concurrency"),
            (config(Buffering { validate_every: 0, ..buffering() }), "buffered.validate_every"),
            (SessionConfig { clients_requested: Some(3), ..config(buffering()) }, "clients_requested"),
        ] {
            assert_eq!(config.check().unwrap_err().setting, setting);
        }
    }

    #[test]
    fn a_configuration_from_before_there_were_buffered_sessions_has_rounds() {
        let mut old = serde_json::to_value(SessionConfig::default()).unwrap();
        old.as_object_mut().unwrap().remove("buffered");
        assert_eq!(serde_json::from_value::<SessionConfig>(old).unwrap(), SessionConfig::default());
    }
}
