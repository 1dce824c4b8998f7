//! Mutations, and what they are refused with.

use fedwit_domain::{Command, Start};
use serde_json::{Value, json};

use super::script::Script;
use super::support::Server;

const CREATE: &str = "mutation ($input: CreateSessionInput!) { createSession(input: $input) { id } }";

#[tokio::test]
async fn what_can_never_work_is_refused_at_once() {
    let server = Server::start().await;
    let seed = server.seed().await;
    for (config, expected, named) in [
        (json!({}), "PLUGIN_UNKNOWN", "fedavg"),
        (json!({ "aggregator": "no such plugin" }), "SESSION_CONFIG_INVALID", "aggregator"),
        (json!({ "clientsRequired": 3, "clientsRequested": 2 }), "SESSION_CONFIG_INVALID", "clients_requested"),
        (json!({ "clientsRequired": 0 }), "SESSION_CONFIG_INVALID", "clients_required"),
        (
            json!({ "validate": false, "target": { "metric": "loss", "direction": "MINIMIZE", "value": 0.1 } }),
            "SESSION_CONFIG_INVALID",
            "validate",
        ),
    ] {
        let input = json!({ "input": { "seedModelId": seed, "config": config } });
        let (code, text) = server.error(CREATE, input).await;
        assert_eq!(code, expected, "{text}");
        assert!(text.contains(named), "{text}");
    }
    let sessions = server.data("{ sessions { totalCount } }", Value::Null).await;
    assert_eq!(sessions["sessions"]["totalCount"], 0);
}

#[tokio::test]
async fn what_is_no_value_of_its_type_is_refused_before_anything_is_done() {
    let server = Server::start().await;
    let seed = server.seed().await;
    for config in [
        json!({ "clientsRequired": -1 }),
        json!({ "clientsRequired": null }),
        json!({ "aggregatorConfig": [1] }),
        json!({ "modelFormat": "ZIP" }),
        json!({ "no such setting": 1 }),
    ] {
        let input = json!({ "input": { "seedModelId": seed, "config": config } });
        assert_eq!(server.error(CREATE, input).await.0, "QUERY_INVALID", "{config}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let server = Server::start().await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    for mutation in [
        "pauseSession(id: $id) { id }",
        "resumeSession(id: $id) { id }",
        "stopSession(id: $id, reason: \"\") { id }",
        "startSession(id: $id, input: { rounds: 1 }) { id }",
        "startSession(id: $id, input: { rounds: 1, waitForClients: false }) { id }",
        "startPrediction(modelId: $id) { id }",
    ] {
        let query = format!("mutation ($id: ID!) {{ {mutation} }}");
        let (code, text) = server.error(&query, json!({ "id": nobody })).await;
        assert_eq!(code, "NOT_FOUND", "{mutation}: {text}");
        assert!(text.contains(nobody), "{mutation}: {text}");
        let (code, text) = server.error(&query, json!({ "id": "../etc/passwd" })).await;
        assert_eq!(code, "ID_INVALID", "{mutation}: {text}");
    }
    let query = "query ($id: ID!, $round: ID!) { session(id: $id) { id } model(id: $id) { id } round(id: $round) { id } \
                 client(id: $id) { id } package(id: $id) { id } plugin(name: \"x\") { name } }";
    let data = server.data(query, json!({ "id": nobody, "round": format!("{nobody}.1") })).await;
    assert!(data.as_object().unwrap().values().all(Value::is_null), "{data}");
    assert_eq!(server.error("{ round(id: \"1\") { id } }", Value::Null).await.0, "ID_INVALID");
}

/// There is no plugin here, so that a session that runs fails soon: what was done is told by its events.
#[tokio::test]
async fn a_session_is_paused_and_resumed() {
    let server = Server::start().await;
    let mut script = Script::create(&server).await;
    script.command(Command::Start(Start { rounds: 2, ..Start::default() })).await;
    script.command(Command::Pause).await;
    let id = script.session.id.to_string();
    let act = async |mutation: &str| {
        let query = format!("mutation ($id: ID!) {{ session: {mutation} {{ status reason events {{ type }} }} }}");
        server.data(&query, json!({ "id": id })).await["session"].take()
    };
    assert_eq!(act("pauseSession(id: $id)").await["status"], "PAUSED");
    let resumed = act("resumeSession(id: $id)").await;
    assert_eq!(resumed["events"][4], json!({ "type": "RESUMED" }), "{resumed}");
}

#[tokio::test]
async fn a_session_that_was_stopped_says_why_and_can_be_started_again() {
    let server = Server::start().await;
    let script = Script::create(&server).await;
    let id = json!({ "id": script.session.id.to_string() });
    let resume = "mutation ($id: ID!) { resumeSession(id: $id) { id } }";
    assert_eq!(server.error(resume, id.clone()).await.0, "SESSION_STATUS");
    let now = "mutation ($id: ID!) { startSession(id: $id, input: { rounds: 2, waitForClients: false }) { id } }";
    let (code, text) = server.error(now, id.clone()).await;
    assert_eq!(code, "CLIENTS_TOO_FEW");
    assert_eq!(text, "Number of available clients is lower than the required minimum of 1");
    let stop = "mutation ($id: ID!) { stopSession(id: $id, reason: \"enough\") { status reason } }";
    let stopped = server.data(stop, id.clone()).await;
    assert_eq!(stopped["stopSession"], json!({ "status": "STOPPED", "reason": "enough" }));
    let pause = "mutation ($id: ID!) { pauseSession(id: $id) { id } }";
    assert_eq!(server.error(pause, id.clone()).await.0, "SESSION_STATUS");
    let start = "mutation ($id: ID!) { startSession(id: $id, input: { rounds: 2 }) { roundsUntil events { type } } }";
    let started = server.data(start, id).await;
    assert_eq!(started["startSession"]["roundsUntil"], 2);
    assert_eq!(started["startSession"]["events"][2], json!({ "type": "RUN_STARTED" }));
}

#[tokio::test]
async fn nobody_can_be_asked_to_predict_if_nobody_is_there() {
    let server = Server::start().await;
    let seed = server.seed().await;
    let query = "mutation ($id: ID!) { startPrediction(modelId: $id) { id } }";
    assert_eq!(server.error(query, json!({ "id": seed })).await.0, "CLIENTS_TOO_FEW");
    let client = "client-1".parse().unwrap();
    let stream = server.federation.open_task_stream(client, None).await;
    let query = "mutation ($id: ID!) { startPrediction(modelId: $id) { modelId predictions { totalCount } } }";
    let data = server.data(query, json!({ "id": seed })).await;
    let expected = json!({ "modelId": seed, "predictions": { "totalCount": 0 } });
    assert_eq!(data["startPrediction"], expected);
    let online = server.data("{ server { clientsOnline ready lowDisk reason version } }", Value::Null).await;
    let expected = json!({ "clientsOnline": 1, "ready": true, "lowDisk": false, "reason": null,
                           "version": env!("CARGO_PKG_VERSION") });
    assert_eq!(online["server"], expected);
    drop(stream);
}
