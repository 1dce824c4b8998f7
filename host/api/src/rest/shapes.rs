//! Records as FEDn shows them.

use chrono::{DateTime, Utc};
use fedwit_domain::{ModelFormat, RoundId, SessionConfig, Timestamp};
use fedwit_store::{
    AttributeRow, MetricRow, ModelRow, PackageRow, ParticipationRow, PredictionRow, RoundRow, RunRow, SessionRow,
    StatusRow, TelemetryRow, ValidationRow,
};
use serde_json::{Value, json};

/// As in `Tue, 24 Nov 2026 03:01:30 GMT`.
pub(super) fn date(time: Timestamp) -> String {
    DateTime::<Utc>::from(time.as_system_time()).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// As in `2026-11-24T03:01:37.657Z`.
fn iso(time: Timestamp) -> String {
    DateTime::<Utc>::from(time.as_system_time()).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn client(id: &fedwit_domain::ClientId) -> Value {
    json!({ "name": id, "role": "CLIENT", "client_id": id })
}

fn combiner(name: &str) -> Value {
    json!({ "name": name, "role": "COMBINER", "client_id": "" })
}

/// A session's status in FEDn's words. What FEDn has no word for keeps ours.
pub(super) fn session_status(status: &str) -> &str {
    match status {
        "created" => "Created",
        "running" | "pausing" => "Started",
        "paused" => "Paused",
        "finished" => "Finished",
        "stopped" => "Terminated",
        "failed" => "Failed",
        other => other,
    }
}

fn round_status(status: &str) -> &str {
    match status {
        "waiting" | "collecting" | "aggregating" => "Pending",
        "finished" => "Finished",
        "stopped" => "Terminated",
        "failed" => "Failed",
        other => other,
    }
}

pub(super) fn session(row: &SessionRow) -> Value {
    json!({
        "session_id": row.id,
        "id": row.id,
        "name": row.name,
        "status": session_status(&row.status),
        "reason": row.reason,
        "code": row.code,
        "seed_model_id": row.seed_model,
        "model_id": row.model,
        "best_model_id": row.best_model,
        "session_config": session_config(&row.config, row),
        "committed_at": date(row.created_at),
        "updated_at": date(row.updated_at),
    })
}

fn session_config(config: &SessionConfig, row: &SessionRow) -> Value {
    json!({
        "aggregator": config.aggregator,
        "aggregator_kwargs": config.aggregator_config,
        "round_timeout": config.round_timeout_s,
        "buffer_size": -1,
        "rounds": row.rounds_until,
        "delete_models_storage": !config.keep_updates,
        "clients_required": config.clients_required,
        "requested_clients": config.clients_requested,
        "validate": config.validate,
        "helper_type": config.model_format.helper(),
        "model_id": row.seed_model,
        "session_id": row.id,
        "client_settings": config.client_settings,
        "server_functions": null,
    })
}

pub(super) fn run(row: &RunRow) -> Value {
    json!({
        "run_id": row.number.to_string(),
        "session_id": row.session,
        "model_id": row.model,
        "rounds": row.rounds,
        "round_timeout": row.round_timeout_s,
        "committed_at": date(row.started_at),
        "completed_at": row.completed_at.map(date),
        "completed_at_model_id": row.completed_model,
    })
}

/// A round, with who took part in its last attempt.
pub(super) fn round(row: &RoundRow, parts: &[ParticipationRow], name: &str, session: Option<&SessionRow>) -> Value {
    let seconds = |from: Option<Timestamp>, until: Option<Timestamp>| {
        from.zip(until).map(|(from, until)| until.since(from).as_secs_f64())
    };
    let config = session.map(|session| session_config(&session.config, session));
    let asked: Vec<Value> = parts
        .iter()
        .map(|part| {
            json!({
                "client_id": part.client,
                "status": part.status,
                "num_examples": part.examples,
                "model_update_id": part.update,
            })
        })
        .collect();
    let selected: Vec<&str> = parts.iter().map(|part| part.client.as_str()).collect();
    let aggregation = json!({
        "nr_aggregated_models": row.updates,
        "time_model_load": null,
        "time_model_aggregation": seconds(row.closed_at, row.ended_at),
    });
    let of_combiner = json!({
        "name": name,
        "round_id": row.id.to_string(),
        "model_id": row.model,
        "status": if row.model.is_some() { "Success" } else { "Failed" },
        "time_exec_training": seconds(row.attempt_opened_at, row.closed_at),
        "data": {
            "nr_expected_updates": parts.len(),
            "nr_required_updates": session.map(|session| session.config.clients_required),
            "timeout": seconds(row.attempt_opened_at, row.deadline),
            "time_combination": seconds(row.closed_at, row.ended_at),
            "aggregation_time": aggregation,
        },
    });
    let plugin = row
        .plugin
        .as_ref()
        .map(|(name, version, digest)| json!({ "name": name, "version": version, "digest": digest }));
    json!({
        "round_id": row.id.to_string(),
        "session_id": row.id.session,
        "round": row.id.round,
        "attempt": row.attempt,
        "status": round_status(&row.status),
        "reason": row.reason,
        "code": row.code,
        "base_model_id": row.base,
        "model_id": row.model,
        "plugin": plugin,
        "round_config": config.map(|mut config| {
            config["round_id"] = json!(row.id.to_string());
            config["rounds"] = json!(1);
            config["task"] = json!("training");
            config["selected_clients"] = json!(selected);
            config
        }),
        "combiners": if row.closed_at.is_some() { vec![of_combiner] } else { Vec::new() },
        "round_data": {
            "time_commit": seconds(row.attempt_opened_at, row.ended_at),
            "reduce": { "time_fetch_model": 0.0, "time_load_model": 0.0, "time_aggregate_model": 0.0 },
        },
        "participants": asked,
        "metrics": row.aggregator_metrics,
        "validation_metrics": row.validation_metrics,
        "committed_at": date(row.opened_at),
        "updated_at": date(row.ended_at.unwrap_or(row.opened_at)),
    })
}

pub(super) fn model(row: &ModelRow) -> Value {
    json!({
        "model_id": row.id,
        "id": row.id,
        "model": row.id,
        "name": row.name,
        "parent_model": row.parent,
        "session_id": row.round.map(|round| round.session),
        "round_id": row.round.as_ref().map(RoundId::to_string),
        "sha256": row.blob,
        "size_bytes": row.size_bytes,
        "helper": row.format.helper(),
        "committed_at": date(row.created_at),
        "updated_at": date(row.created_at),
    })
}

pub(super) fn package(row: &PackageRow) -> Value {
    json!({
        "package_id": row.id,
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "file_name": row.file_name,
        "storage_file_name": row.file_name,
        "helper": row.format.helper(),
        "active": row.active,
        "sha256": row.blob,
        "committed_at": date(row.created_at),
        "updated_at": date(row.created_at),
    })
}

pub(super) fn validation(row: &ValidationRow, name: &str) -> Value {
    let task = fedwit_domain::TaskId::Validation { session: row.round.session, round: row.round.round };
    json!({
        "validation_id": row.number.to_string(),
        "id": row.number.to_string(),
        "model_id": row.model,
        "session_id": row.round.session,
        "round_id": row.round.to_string(),
        "data": text(&row.data),
        "weight": row.weight,
        "correlation_id": task.to_string(),
        "timestamp": iso(row.at),
        "meta": "",
        "sender": client(&row.client),
        "receiver": combiner(name),
        "committed_at": date(row.at),
    })
}

pub(super) fn prediction(row: &PredictionRow, name: &str) -> Value {
    json!({
        "id": row.number.to_string(),
        "prediction_id": row.prediction,
        "model_id": row.model,
        "data": text(&row.data),
        "correlation_id": row.prediction,
        "timestamp": iso(row.at),
        "meta": "",
        "sender": client(&row.client),
        "receiver": combiner(name),
        "committed_at": date(row.at),
    })
}

/// JSON in a string, as FEDn has it; what was no JSON is in it as it was.
fn text(data: &Value) -> String {
    data.as_str().map_or_else(|| data.to_string(), str::to_owned)
}

pub(super) fn metric(row: &MetricRow) -> Value {
    json!({
        "metric_id": row.number.to_string(),
        "id": row.number.to_string(),
        "key": row.key,
        "value": row.value,
        "step": row.step,
        "model_id": row.model,
        "round_id": row.round.as_ref().map(RoundId::to_string),
        "session_id": row.session,
        "timestamp": iso(row.at),
        "sender": client(&row.client),
        "committed_at": date(row.at),
    })
}

pub(super) fn attribute(row: &AttributeRow) -> Value {
    json!({
        "attribute_id": row.number.to_string(),
        "id": row.number.to_string(),
        "key": row.key,
        "value": row.value,
        "timestamp": iso(row.at),
        "sender": client(&row.client),
        "committed_at": date(row.at),
    })
}

pub(super) fn status(row: &StatusRow) -> Value {
    json!({
        "status_id": row.number.to_string(),
        "id": row.number.to_string(),
        "status": row.status,
        "timestamp": iso(row.at),
        "log_level": row.level,
        "data": row.data,
        "correlation_id": row.correlation,
        "type": row.kind,
        "extra": row.extra,
        "session_id": row.session,
        "sender": { "name": row.name, "role": "CLIENT", "client_id": row.client },
        "committed_at": date(row.at),
    })
}

pub(super) fn telemetry(row: &TelemetryRow) -> Value {
    let values = row.values.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    json!({
        "telemetry_id": row.number.to_string(),
        "id": row.number.to_string(),
        "telemetries": values.collect::<Vec<Value>>(),
        "timestamp": iso(row.at),
        "sender": client(&row.client),
        "committed_at": date(row.at),
    })
}

/// A format by FEDn's name for it.
pub(super) fn format(helper: &str) -> Result<ModelFormat, super::error::RestError> {
    helper.parse().map_err(|error: fedwit_domain::ConfigError| super::error::RestError::bad_request(error.problem))
}
