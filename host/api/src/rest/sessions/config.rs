//! How a session is to be run, in FEDn's words and in ours.
//!
//! What FEDn has and does not use is read over; what it uses and this server does not have is refused, saying what to do
//! instead. The rest, and whether all of it can work together, is for the federation to say.

use fedwit_domain::{Buffering, SessionConfig};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rest::error::{RestError, RestResult};
use crate::rest::{kwargs, shapes};

/// FEDn's settings, and what FEDn's server functions would do: `client_settings`, and `client_selector`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    aggregator: Option<String>,
    aggregator_kwargs: Value,
    round_timeout: Option<u32>,
    client_selector: Option<String>,
    client_selector_kwargs: Value,
    buffer_size: Option<i64>,
    delete_models_storage: Option<bool>,
    clients_required: Option<u32>,
    validate: Option<bool>,
    helper_type: Option<String>,
    pub(super) model_id: Option<String>,
    server_functions: Value,
    client_settings: Option<Map<String, Value>>,
    /// `APIClient` always sends 8, and FEDn asks all clients nevertheless.
    #[serde(rename = "requested_clients")]
    _requested_clients: Value,
    /// What counts is said at the start.
    #[serde(rename = "rounds")]
    _rounds: Value,
    /// The session's own, in settings that were read from one.
    #[serde(rename = "session_id")]
    _session_id: Value,
}

impl Settings {
    pub(super) fn read(settings: Value) -> RestResult<Self> {
        serde_json::from_value(settings).map_err(|error| RestError::bad_request(format!("session_config: {error}")))
    }

    pub(super) fn config(self) -> RestResult<SessionConfig> {
        let default = SessionConfig::default();
        no_server_functions(&self.server_functions)?;
        let aggregator = self.aggregator.filter(|name| !name.is_empty()).unwrap_or(default.aggregator);
        if aggregator == "splitlearningagg" {
            return Err(no_split_learning());
        }
        let (aggregator, aggregator_config) = kwargs::aggregator(&aggregator, &self.aggregator_kwargs)?;
        let helper = self.helper_type.filter(|helper| !helper.is_empty());
        Ok(SessionConfig {
            aggregator,
            aggregator_config,
            client_selector: self.client_selector.filter(|name| !name.is_empty()),
            client_selector_config: kwargs::read("client_selector_kwargs", &self.client_selector_kwargs)?,
            buffered: buffering(self.buffer_size)?,
            clients_required: self.clients_required.unwrap_or(default.clients_required),
            round_timeout_s: self.round_timeout.unwrap_or(default.round_timeout_s),
            validate: self.validate.unwrap_or(default.validate),
            keep_updates: !self.delete_models_storage.unwrap_or(true),
            model_format: helper.as_deref().map(shapes::format).transpose()?.unwrap_or(default.model_format),
            client_settings: self.client_settings.unwrap_or_default(),
            ..SessionConfig::default()
        })
    }
}

pub(super) fn no_split_learning() -> RestError {
    RestError::bad_request("split learning is not available on this server")
}

/// Source code of a user's is not run in the server.
fn no_server_functions(code: &Value) -> RestResult<()> {
    match code {
        Value::Null => Ok(()),
        Value::String(code) if matches!(code.as_str(), "" | "None") => Ok(()),
        _ => Err(RestError::bad_request(
            "server_functions: this server runs no source code. What aggregates is a plugin, a WebAssembly component, \
             written in Python or any other language: install it, and name it in `aggregator`. What clients are told \
             besides is in `client_settings`; who is asked is in the `client_ids` of the start, or chosen by the plugin \
             that `client_selector` names",
        )),
    }
}

/// In FEDn a round ends as soon as this many updates are there, and clients that are slower have trained for nothing; here
/// theirs count for the next model.
fn buffering(buffer_size: Option<i64>) -> RestResult<Option<Buffering>> {
    match buffer_size {
        None | Some(-1) => Ok(None),
        Some(size) => match u32::try_from(size) {
            Ok(size) if size > 0 => Ok(Some(Buffering { size, ..Buffering::default() })),
            _ => Err(RestError::bad_request(format!(
                "buffer_size: {size} is no number of updates. Use -1 for rounds that wait for all clients",
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_domain::ModelFormat;
    use serde_json::json;

    use super::*;

    fn config(change: &Value) -> RestResult<SessionConfig> {
        // What `APIClient.start_session` sends.
        let mut settings = json!({
            "aggregator": "fedavg", "aggregator_kwargs": null, "round_timeout": 180, "buffer_size": -1,
            "model_id": "m", "delete_models_storage": true, "clients_required": 1, "requested_clients": 8,
            "validate": true, "helper_type": "numpyhelper", "server_functions": null,
        });
        for (key, value) in change.as_object().unwrap() {
            settings[key] = value.clone();
        }
        Settings::read(settings)?.config()
    }

    #[test]
    fn what_fedns_tools_send_by_themselves_is_the_default() {
        assert_eq!(config(&json!({})).unwrap(), SessionConfig::default());
        assert_eq!(Settings::default().config().unwrap(), SessionConfig::default());
    }

    #[test]
    fn settings_have_their_place() {
        let change = json!({
            "aggregator": "fedopt", "aggregator_kwargs": "{'serveropt': 'yogi', 'tau': 0.5}", "round_timeout": 7,
            "delete_models_storage": false, "clients_required": 3, "validate": false, "helper_type": "binaryhelper",
            "server_functions": "None", "rounds": 3, "client_settings": {"lr": 0.1},
            "client_selector": "uniform", "client_selector_kwargs": "{'fraction': 0.5}",
        });
        let config = config(&change).unwrap();
        assert_eq!(config.aggregator, "fedyogi");
        let settings = json!({"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99, "tau": 0.5});
        assert_eq!(Value::Object(config.aggregator_config), settings);
        assert_eq!((config.round_timeout_s, config.clients_required), (7, 3));
        assert_eq!((config.keep_updates, config.validate), (true, false));
        assert_eq!(config.clients_requested, None, "8 is what FEDn's tools always send");
        assert_eq!(config.model_format, ModelFormat::FlatFloat64);
        assert_eq!(config.client_settings["lr"], json!(0.1));
        assert_eq!(config.client_selector.as_deref(), Some("uniform"));
        assert_eq!(Value::Object(config.client_selector_config), json!({"fraction": 0.5}));
    }

    #[test]
    fn a_buffer_size_makes_a_buffered_session() {
        let config = config(&json!({"buffer_size": 3, "aggregator": "fedbuff"})).unwrap();
        assert_eq!(config.buffered, Some(Buffering { size: 3, ..Buffering::default() }));
    }

    #[test]
    fn what_cannot_be_had_is_refused_and_named() {
        for (change, named) in [
            (json!({"server_functions": "class ServerFunctions: ..."}), "plugin"),
            (json!({"server_functions": {"a": 1}}), "plugin"),
            (json!({"buffer_size": -2}), "buffer_size"),
            (json!({"buffer_size": 0}), "buffer_size"),
            (json!({"helper_type": "splitlearninghelper"}), "splitlearninghelper"),
            (json!({"aggregator_kwargs": "os.system('x')"}), "aggregator_kwargs"),
            (json!({"client_selector_kwargs": [1]}), "client_selector_kwargs"),
            (json!({"clients_required": -1}), "session_config"),
            (json!({"round_timeout": "soon"}), "session_config"),
            (json!({"learning_rate": 1}), "learning_rate"),
        ] {
            let refusal = config(&change).unwrap_err();
            let (status, _, message) = refusal.told();
            assert!(status == 400 && message.contains(named), "{change}: {message}");
        }
    }
}
