//! Tasks, as clients read them.

use fedwit_domain::{ClientId, CombinerName, RoundId, SessionConfig, Timestamp};
use fedwit_federation::{Task, TaskKind};
use serde_json::{Map, Value, json};

use super::proto;

/// The message that asks a client for something.
pub(super) fn request(task: &Task, client: &ClientId, combiner: &CombinerName, now: Timestamp) -> proto::TaskRequest {
    let (model, session, data, kind) = match &task.kind {
        TaskKind::Train { session, round, model, config, own_settings, round_timeout_s, .. } => {
            let round = RoundId { session: *session, round: *round };
            let mut data = training_data(task, round, &model.to_string(), config, *round_timeout_s);
            let mut settings = config.client_settings.clone();
            settings.extend(own_settings.clone());
            if !settings.is_empty() {
                data.insert("client_settings".to_owned(), Value::Object(settings));
            }
            let data = Value::Object(data);
            (model, session.to_string(), data.to_string(), proto::StatusType::ModelUpdate)
        }
        TaskKind::Validate { session, model, .. } => {
            (model, session.to_string(), String::new(), proto::StatusType::ModelValidation)
        }
        // The session's place carries the request: so FEDn's clients echo it.
        TaskKind::Predict { prediction, model } => {
            let data = json!({ "presigned_url": "" }).to_string();
            (model, prediction.to_string(), data, proto::StatusType::ModelPrediction)
        }
    };
    let party = |role: proto::Role, name: &str, client_id: &str| {
        Some(proto::Client { role: role.into(), name: name.to_owned(), client_id: client_id.to_owned() })
    };
    proto::TaskRequest {
        // Clients ignore what does not come from a combiner.
        sender: party(proto::Role::Combiner, combiner.as_str(), ""),
        receiver: party(proto::Role::Client, client.as_str(), client.as_str()),
        model_id: model.to_string(),
        data,
        correlation_id: task.id.clone(),
        timestamp: now.0.to_string(),
        meta: String::new(),
        session_id: session,
        r#type: kind.into(),
    }
}

/// What a training task says of its round. Every value is a string, as the C++ client needs it, but for the client's
/// settings, which are an object; they are left out where there are none.
fn training_data(
    task: &Task,
    round: RoundId,
    model: &str,
    config: &SessionConfig,
    timeout_s: u32,
) -> Map<String, Value> {
    let flag = |value: bool| if value { "True" } else { "False" };
    let required = config.clients_required.to_string();
    let requested = config.clients_requested.map_or_else(|| "-1".to_owned(), |requested| requested.to_string());
    let buffer_size = config.buffered.as_ref().map_or_else(|| "-1".to_owned(), |buffered| buffered.size.to_string());
    [
        ("aggregator", config.aggregator.as_str()),
        ("aggregator_kwargs", "None"),
        ("buffer_size", &buffer_size),
        ("clients_required", &required),
        ("delete_models_storage", flag(!config.keep_updates)),
        ("helper_type", config.model_format.helper()),
        ("model_id", model),
        ("requested_clients", &requested),
        ("round_id", &round.to_string()),
        ("round_timeout", &timeout_s.to_string()),
        ("rounds", "1"),
        ("server_functions", "None"),
        ("session_id", &round.session.to_string()),
        ("task", "training"),
        ("task_id", &task.id),
        ("validate", flag(config.validate)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), Value::from(value)))
    .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::sync::Arc;

    use fedwit_domain::{AttemptNumber, ModelId, PredictionId, RoundNumber, SessionId, TaskId};

    use super::*;

    fn shown(task: &Task) -> proto::TaskRequest {
        request(task, &"c".parse().unwrap(), &"combiner".parse().unwrap(), Timestamp(1))
    }

    fn training(config: SessionConfig) -> (proto::TaskRequest, Value) {
        training_of_one(config, Map::new())
    }

    fn training_of_one(config: SessionConfig, own_settings: Map<String, Value>) -> (proto::TaskRequest, Value) {
        let (session, round, attempt) = (SessionId::random(), RoundNumber(3), AttemptNumber(2));
        let task = TaskId::Training { session, round, attempt };
        let (model, config) = (ModelId::random(), Arc::new(config));
        let kind = TaskKind::Train { session, round, task, model, config, own_settings, round_timeout_s: 7 };
        let request = shown(&Task { id: task.to_string(), kind });
        let data = serde_json::from_str(&request.data).unwrap();
        (request, data)
    }

    #[test]
    fn a_training_task_is_strings_all_over() {
        let (request, data) = training(SessionConfig::default());
        let data = data.as_object().unwrap();
        assert!(data.values().all(Value::is_string), "{data:?}");
        assert_eq!(data["round_id"], format!("{}.3", request.session_id));
        assert_eq!(data["task_id"], request.correlation_id);
        assert_eq!(data["model_id"], request.model_id);
        assert_eq!(request.r#type(), proto::StatusType::ModelUpdate);
        assert_eq!(request.sender.unwrap().role(), proto::Role::Combiner);
    }

    #[test]
    fn settings_of_clients_are_an_object() {
        let settings = serde_json::from_str(r#"{"lr": 0.1}"#).unwrap();
        let (_, data) = training(SessionConfig { client_settings: settings, ..SessionConfig::default() });
        assert_eq!(data["client_settings"], json!({ "lr": 0.1 }));
    }

    #[test]
    fn a_clients_own_settings_take_the_place_of_the_sessions() {
        let settings = json!({ "lr": 0.1, "epochs": 1 }).as_object().unwrap().clone();
        let own = json!({ "epochs": 5, "name": "c" }).as_object().unwrap().clone();
        let config = SessionConfig { client_settings: settings, ..SessionConfig::default() };
        let (_, data) = training_of_one(config, own.clone());
        assert_eq!(data["client_settings"], json!({ "lr": 0.1, "epochs": 5, "name": "c" }));
        let (_, data) = training_of_one(SessionConfig::default(), own.clone());
        assert_eq!(data["client_settings"], Value::Object(own));
    }

    #[test]
    fn a_prediction_is_named_in_the_place_of_the_session() {
        let (prediction, model) = (PredictionId::random(), ModelId::random());
        let task = Task { id: prediction.to_string(), kind: TaskKind::Predict { prediction, model } };
        assert_eq!(shown(&task).session_id, prediction.to_string());
    }
}
