//! Clients that register, and what is said in their place.

use std::time::Duration;

use axum::http::Request;
use serde_json::{Value, json};

use crate::support::Server;

/// What FEDn's Python client sends.
fn python(package: &str) -> Value {
    json!({"name": "site", "client_id": "c1", "preferred_combiner": "", "package": package})
}

#[tokio::test]
async fn a_client_with_its_own_package_is_told_where_to_connect() {
    let server = Server::start().await;
    let expected = json!({
        "status": "assigned", "host": "localhost", "fqdn": null, "ip": "", "port": 8080, "helper_type": "",
        "package": "local", "client_id": "c1",
    });
    for _ in 0..2 {
        let answer = server.post("clients/add", python("local")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, expected.clone()));
    }
    let listed = server.get("clients/").await.json();
    assert_eq!((&listed["count"], &listed["result"][0]["status"]), (&json!(1), &json!("available")));
    assert_eq!(server.get("clients/c1").await.json()["name"], "site");
}

#[tokio::test]
async fn a_client_that_wants_a_package_asks_again_until_there_is_one() {
    let server = Server::start().await;
    let answer = server.post("clients/add", python("remote")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (203, &json!("retry")));
    server.form("packages/", &[("helper", "binaryhelper"), ("name", "p")], ("p.tgz", b"archive")).await;
    let answer = server.post("clients/add", python("remote")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["helper_type"]), (200, &json!("binaryhelper")));
}

#[tokio::test]
async fn a_client_that_is_there_is_online_whether_it_has_registered_or_not() {
    let server = Server::start().await;
    server.post("clients/add", python("local")).await;
    assert_eq!(server.get("clients/count?status=online").await.json(), json!(0));
    for client in ["c1", "unregistered"] {
        server.federation.heartbeat(&client.parse().unwrap());
    }
    let online = server.get("clients/?status=online").await.json();
    assert_eq!(online["count"], 2);
    let ids: Vec<&Value> = online["result"].as_array().unwrap().iter().map(|client| &client["client_id"]).collect();
    assert_eq!(ids, ["c1", "unregistered"]);
    assert_eq!(server.get("clients/unregistered").await.json()["status"], "online");
    assert_eq!(server.get("clients/?status=online&combiner=combiner").await.json()["count"], 2);
    assert_eq!(server.get("clients/?status=online&name=site").await.json()["count"], 1);
    assert_eq!(server.get("clients/?status=offline").await.json()["count"], 0);
    let request = Request::get("/api/v1/clients/?status=online").header("X-Limit", "1");
    let one = server.send(request, "").await.json();
    assert_eq!((&one["count"], one["result"].as_array().unwrap().len()), (&json!(2), 1));
}

#[tokio::test]
async fn a_client_can_be_forgotten() {
    let server = Server::start().await;
    server.post("clients/add", python("local")).await;
    assert_eq!(server.delete("clients/c1").await.json()["message"], "Client deleted");
    assert_eq!(server.delete("clients/c1").await.refusal().0, 404);
    assert_eq!(server.get("clients/c1").await.refusal().0, 404);
}

#[tokio::test]
async fn attributes_are_set_in_a_clients_place() {
    let server = Server::start().await;
    let attribute = json!({"key": "charging", "value": "true", "sender": {"name": "", "role": "", "client_id": "c1"}});
    assert_eq!(server.post("attributes/", attribute).await.status.as_u16(), 201);
    let expected = json!({"c1": {"charging": "true"}, "c2": {}});
    let wait = async {
        // They are written in batches.
        while server.post("attributes/current", json!({"client_ids": ["c1", "c2"]})).await.json() != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    assert_eq!(server.get("clients/c1/attributes").await.json(), json!({"charging": "true"}));
    assert_eq!(server.get("attributes/1").await.json()["key"], "charging");
    assert_eq!(server.get("attributes?sender.client_id=c2").await.json()["count"], 0);
}
