//! What is refused, and how it is said.

use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Server, safetensors};

async fn seed(server: &Server) -> String {
    let added = server.form("models/", &[], ("m.safetensors", &safetensors(&[1.0]))).await.json();
    added["model_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_that_cannot_work_is_refused_at_once() {
    let server = Server::start().await;
    let seed = seed(&server).await;
    for (config, code, named) in [
        (json!({"aggregator": "nope"}), "PLUGIN_UNKNOWN", "nope"),
        (json!({"aggregator": "fedopt"}), "PLUGIN_UNKNOWN", "fedadam"),
        (json!({"clients_required": 0}), "SESSION_CONFIG_INVALID", "clients_required"),
        (json!({"round_timeout": 0}), "SESSION_CONFIG_INVALID", "round_timeout"),
        (json!({"server_functions": "class ServerFunctions: ..."}), "INVALID", "plugin"),
        (json!({"buffer_size": 0}), "INVALID", "buffer_size"),
        (json!({"aggregator": "splitlearningagg"}), "INVALID", "split learning"),
    ] {
        let body = json!({"name": null, "seed_model_id": seed, "session_config": config});
        let answer = server.post("sessions/", body).await;
        let (status, message) = answer.refusal();
        assert_eq!((status, &answer.json()["code"]), (400, &json!(code)), "{config}: {message}");
        assert!(message.contains(named), "{config}: {message}");
    }
    for body in [json!({}), json!({"session_config": {}}), json!({"session_config": {"model_id": "m"}}), json!([])] {
        assert_eq!(server.post("sessions/", body.clone()).await.refusal().0, 400, "{body}");
    }
    assert_eq!(server.get("sessions/count").await.json(), json!(0));
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_started_and_not_changed() {
    let server = Server::start().await;
    let id = "83102292-e475-4ab7-aa48-fd829bb7fac3";
    for told in ["x", id] {
        let refusal = server.post("sessions/start", json!({"session_id": told, "rounds": 1})).await.refusal();
        assert_eq!(refusal, (400, "Session with specified ID does not exist".to_owned()));
    }
    assert_eq!(server.post("sessions/start", json!({})).await.refusal().0, 400);
    assert_eq!(server.put(&format!("sessions/{id}"), json!({"status": "Terminated"})).await.refusal().0, 404);
    assert_eq!(server.post("predictions/start", json!({"prediction_id": id})).await.refusal().0, 400, "no model");
    let nobody = json!({"prediction_id": id, "model_id": seed(&server).await});
    assert_eq!(server.post("predictions/start", nobody).await.refusal().0, 400, "nobody is there");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_a_bad_request() {
    let server = Server::start().await;
    let kind = "application/json";
    for (body, status) in [("", 400), ("{", 400), (r#"{"client_id": 1}"#, 400), (&" ".repeat(2 << 20)[..], 413)] {
        let request = Request::post("/api/v1/clients/add").header("content-type", kind);
        assert_eq!(server.send(request, body.to_owned()).await.refusal().0, status, "{body:.20}");
    }
    let request = Request::post("/api/v1/clients/add").header("content-type", "text/plain");
    assert_eq!(server.send(request, "{}").await.refusal().0, 400);
    let form = Request::post("/api/v1/models/").header("content-type", "application/x-www-form-urlencoded");
    let (status, message) = server.send(form, "helper=numpyhelper").await.refusal();
    assert!(status == 400 && message.contains("`file`"), "{message}");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_callers_protocol() {
    let server = Server::start().await;
    assert_eq!(server.get("nothing").await.refusal().0, 404);
    assert_eq!(server.send(Request::get("/"), "").await.status.as_u16(), 404);
    assert_eq!(server.delete("rounds").await.refusal().0, 405);
    let call = Request::post("/fedn.Control/Start").header("content-type", "application/grpc");
    let call = server.send(call, "").await;
    assert_eq!((call.status.as_u16(), &call.headers["grpc-status"]), (200, &"12".parse().unwrap()));
}

#[tokio::test]
async fn a_page_of_another_site_reaches_nothing() {
    let server = Server::start().await;
    for path in ["/api/v1/clients/add", "/graphql", "/fedn.Connector/SendHeartbeat", "/api/v1/models/"] {
        for (header, value) in [("host", "evil.example"), ("origin", "http://evil.example")] {
            let answer = server.send(Request::post(path).header(header, value), "").await;
            assert_eq!(answer.status.as_u16(), 403, "{path} {header}");
            let answer: Value = answer.json();
            assert_eq!(answer["code"], "REQUEST_FORGEABLE", "{path} {header}");
        }
    }
}
