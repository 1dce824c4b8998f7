//! How a session is run.

mod buffering;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

pub use self::buffering::Buffering;

/// The settings of a session, fixed when it is created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfig {
    /// The plugin that aggregates, by name. Each round runs the version that is installed when it begins.
    pub aggregator: String,
    /// The plugin's configuration: a JSON object.
    pub aggregator_config: Map<String, Value>,
    /// The plugin that chooses whom a round asks, by name; if none is given, clients are drawn at random. Each attempt
    /// asks the version that is installed when it begins.
    #[serde(default)]
    pub client_selector: Option<String>,
    /// The client selector's configuration: a JSON object.
    #[serde(default)]
    pub client_selector_config: Map<String, Value>,
    /// If set, the session is buffered: no round waits for its clients, and a model is made of every few updates.
    #[serde(default)]
    pub buffered: Option<Buffering>,
    /// A round needs this many updates, at least.
    pub clients_required: u32,
    /// A round asks this many clients, more than are required if some are expected to fail; all that are there if
    /// none is given.
    pub clients_requested: Option<u32>,
    /// How long a round waits for clients, for its client selector, and then for their updates.
    pub round_timeout_s: u32,
    /// How long a client may be gone before its update is not waited for any more.
    pub reconnect_grace_s: u32,
    /// How often a round is tried before the session fails.
    pub attempts: u32,
    /// How many updates an attempt may lose to a plugin that breaks on them.
    pub max_exclusions: u32,
    /// Whether clients are asked to measure each round's model.
    pub validate: bool,
    /// How long their answers are waited for.
    pub validation_timeout_s: u32,
    /// What the best model is chosen by; the example-weighted mean of this metric.
    pub best_model: Option<BestModel>,
    /// The session ends as soon as a round's model gets there.
    pub target: Option<Target>,
    /// What clients are told besides: a JSON object, such as a learning rate.
    pub client_settings: Map<String, Value>,
    /// An update that claims more examples is refused.
    pub max_examples: Option<u64>,
    /// An update that differs from the global model by more than this Euclidean norm is refused.
    pub max_update_norm: Option<f64>,
    /// Whether updates are kept once their round's model is durable.
    pub keep_updates: bool,
    /// What the clients of this session read.
    pub model_format: ModelFormat,
    /// Everything random in the session follows from it.
    pub seed: u64,
}

/// The formats that models are sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelFormat {
    /// A ZIP archive of NumPy arrays.
    Npz,
    /// All values in a row, as little-endian float64.
    FlatFloat64,
    /// All values in a row, as little-endian float32.
    FlatFloat32,
    /// safetensors.
    Safetensors,
}

/// What makes a model better than another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestModel {
    /// The metric.
    pub metric: String,
    /// Which way is better.
    pub direction: Direction,
}

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is better, as of a loss.
    Minimize,
    /// More is better, as of an accuracy.
    Maximize,
}

/// Where a session may stop early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The metric; its example-weighted mean counts.
    pub metric: String,
    /// Which way it is to go.
    pub direction: Direction,
    /// What it has to reach.
    pub value: f64,
}

/// What is impossible about a configuration.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{setting}: {problem}")]
pub struct ConfigError {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            aggregator: "fedavg".to_owned(),
            aggregator_config: Map::new(),
            client_selector: None,
            client_selector_config: Map::new(),
            buffered: None,
            clients_required: 1,
            clients_requested: None,
            round_timeout_s: 180,
            reconnect_grace_s: 60,
            attempts: 3,
            max_exclusions: 3,
            validate: true,
            validation_timeout_s: 60,
            best_model: None,
            target: None,
            client_settings: Map::new(),
            max_examples: None,
            max_update_norm: None,
            keep_updates: false,
            model_format: ModelFormat::Npz,
            seed: 0,
        }
    }
}

/// A week: longer than any round, and no overflow of anything.
const MAX_SECONDS: u32 = 7 * 24 * 3600;
/// Settings travel with every task.
const MAX_SETTINGS_BYTES: usize = 64 << 10;

impl SessionConfig {
    /// Refuses what can never work.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        let check = |holds: bool, setting, problem: fmt::Arguments<'_>| {
            if holds { Ok(()) } else { Err(ConfigError { setting, problem: problem.to_string() }) }
        };
        check(is_name(&self.aggregator), "aggregator", format_args!("{:.80?} is no name", self.aggregator))?;
        match &self.client_selector {
            Some(selector) => {
                check(is_name(selector), "client_selector", format_args!("{selector:.80?} is no name"))?;
                check(
                    self.buffered.is_none(),
                    "client_selector",
                    format_args!(
                        "a buffered session asks each client again as soon as it has answered, so that there is nothing to \
                         choose; how many train at a time is its `concurrency`"
                    ),
                )?;
            }
            None => check(
                self.client_selector_config.is_empty(),
                "client_selector_config",
                format_args!("there is no `client_selector` that it is for"),
            )?,
        }
        check(self.clients_required >= 1, "clients_required", format_args!("a round needs at least 1 client"))?;
        if let Some(requested) = self.clients_requested {
            check(
                requested >= self.clients_required,
                "clients_requested",
                format_args!("a round that asks {requested} clients never has the {} it needs", self.clients_required),
            )?;
        }
        if let Some(buffering) = &self.buffered {
            buffering.check(self)?;
        }
        for (setting, seconds, least) in [
            ("round_timeout_s", self.round_timeout_s, 1),
            ("reconnect_grace_s", self.reconnect_grace_s, 0),
            ("validation_timeout_s", self.validation_timeout_s, 1),
        ] {
            let range = least..=MAX_SECONDS;
            check(
                range.contains(&seconds),
                setting,
                format_args!("{seconds} is not {least} to {MAX_SECONDS} seconds"),
            )?;
        }
        check((1..=100).contains(&self.attempts), "attempts", format_args!("{} is not 1 to 100", self.attempts))?;
        check(
            self.max_exclusions <= 10_000,
            "max_exclusions",
            format_args!("{} is not 0 to 10000", self.max_exclusions),
        )?;
        check(self.max_examples != Some(0), "max_examples", format_args!("no update can have 0 examples"))?;
        if let Some(norm) = self.max_update_norm {
            check(
                norm.is_finite() && norm > 0.0,
                "max_update_norm",
                format_args!("{norm} is not positive and finite"),
            )?;
        }
        if let Some(target) = &self.target {
            check(target.value.is_finite(), "target", format_args!("{} is not finite", target.value))?;
        }
        let validated = self.target.is_some() || self.best_model.is_some();
        check(self.validate || !validated, "validate", format_args!("a target and a best model need validations"))?;
        for (setting, settings) in [
            ("aggregator_config", &self.aggregator_config),
            ("client_selector_config", &self.client_selector_config),
            ("client_settings", &self.client_settings),
        ] {
            let length = serde_json::to_string(settings).map_or(usize::MAX, |text| text.len());
            let problem = format_args!("{length} bytes are more than {MAX_SETTINGS_BYTES}");
            check(length <= MAX_SETTINGS_BYTES, setting, problem)?;
        }
        Ok(())
    }

    /// [`Self::round_timeout_s`].
    #[must_use]
    pub fn round_timeout(&self) -> Duration {
        Duration::from_secs(self.round_timeout_s.into())
    }

    /// [`Self::reconnect_grace_s`].
    #[must_use]
    pub fn reconnect_grace(&self) -> Duration {
        Duration::from_secs(self.reconnect_grace_s.into())
    }

    /// [`Self::validation_timeout_s`].
    #[must_use]
    pub fn validation_timeout(&self) -> Duration {
        Duration::from_secs(self.validation_timeout_s.into())
    }
}

impl Direction {
    /// Whether a value is better than another.
    #[must_use]
    pub fn prefers(self, value: f64, to: f64) -> bool {
        match self {
            Self::Minimize => value < to,
            Self::Maximize => value > to,
        }
    }
}

impl Target {
    /// Whether a value is there.
    #[must_use]
    pub fn reached_by(&self, value: f64) -> bool {
        !self.direction.prefers(self.value, value)
    }
}

/// The names that FEDn has for these formats.
impl ModelFormat {
    /// `numpyhelper`, `binaryhelper`, `androidhelper`, or, which FEDn does not know, `safetensors`.
    #[must_use]
    pub fn helper(self) -> &'static str {
        match self {
            Self::Npz => "numpyhelper",
            Self::FlatFloat64 => "binaryhelper",
            Self::FlatFloat32 => "androidhelper",
            Self::Safetensors => "safetensors",
        }
    }
}

impl FromStr for ModelFormat {
    type Err = ConfigError;

    fn from_str(helper: &str) -> Result<Self, ConfigError> {
        let formats = [Self::Npz, Self::FlatFloat64, Self::FlatFloat32, Self::Safetensors];
        let problem = || format!("{helper:.80?} is none of numpyhelper, binaryhelper, androidhelper, safetensors");
        let found = formats.into_iter().find(|format| format.helper() == helper);
        found.ok_or_else(|| ConfigError { setting: "helper", problem: problem() })
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}
