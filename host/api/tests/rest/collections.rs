//! What all collections have in common.

use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Server, safetensors};

const COLLECTIONS: [&str; 12] = [
    "attributes",
    "clients",
    "metrics",
    "models",
    "packages",
    "predictions",
    "rounds",
    "runs",
    "sessions",
    "statuses",
    "telemetry",
    "validations",
];

#[tokio::test]
async fn every_collection_is_listed_counted_and_looked_up() {
    let server = Server::start().await;
    for name in COLLECTIONS {
        let empty = r#"{"count":0,"result":[]}"#;
        for path in [name.to_owned(), format!("{name}/"), format!("/{name}"), format!("{name}?name=x")] {
            // FEDn's command line takes the values in this order.
            assert_eq!(server.get(&path).await.text(), empty, "{path}");
        }
        assert_eq!(server.post(&format!("{name}/list"), json!({"name": "x,y"})).await.text(), empty, "{name}");
        assert_eq!(server.get(&format!("{name}/count")).await.text(), "0", "{name}");
        assert_eq!(server.post(&format!("{name}/count/"), json!({})).await.text(), "0", "{name}");
        for id in ["x", "1", "-1", "9223372036854775808", "83102292-e475-4ab7-aa48-fd829bb7fac3"] {
            let (status, message) = server.get(&format!("{name}/{id}")).await.refusal();
            assert_eq!((status, message), (404, format!("Entity with id: {id} not found")), "{name}");
        }
    }
}

#[tokio::test]
async fn pages_are_cut_by_headers_and_counts_are_of_all() {
    let server = Server::start().await;
    for number in 0..3 {
        let name = format!("seed {number}");
        server.form("models/", &[("name", &name)], ("m.safetensors", &safetensors(&[1.0]))).await;
    }
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::get(format!("/api/v1/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = server.send(request, "").await.json();
        let rows = answer["result"].as_array().unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        (answer["count"].as_u64().unwrap(), names.join(", "))
    };
    let all = "seed 2, seed 1, seed 0".to_owned();
    assert_eq!(ask("models", &[]).await, (3, all.clone()), "the newest comes first");
    // As `APIClient.get_active_model` asks.
    let newest = [("X-Limit", "1"), ("X-Sort-Key", "committed_at"), ("X-Sort-Order", "desc")];
    assert_eq!(ask("models/", &newest).await, (3, "seed 2".to_owned()));
    assert_eq!(ask("models", &[("X-Skip", "1"), ("X-Sort-Order", "asc")]).await, (3, "seed 1, seed 2".to_owned()));
    assert_eq!(ask("models?name=seed+1", &[]).await, (1, "seed 1".to_owned()));
    assert_eq!(ask("models?name__ne=seed+1&helper=safetensors", &[]).await, (2, "seed 2, seed 0".to_owned()));
    assert_eq!(ask("models", &[("X-Sort-Key", "name"), ("X-Sort-Order", "desc"), ("X-Limit", "0")]).await, (3, all));
    assert_eq!(server.get("models/count?name__gte=seed+1").await.json(), json!(2));
}

#[tokio::test]
async fn slashes_too_many_and_too_few_do_not_matter() {
    let server = Server::start().await;
    for path in ["//api/v1/clients/count", "/api/v1//clients//count/", "///api/v1/clients/count?x=null"] {
        assert_eq!(server.send(Request::get(path), "").await.json(), json!(0), "{path}");
    }
    for (path, body) in [("/health", "OK"), ("/health/", "OK")] {
        assert_eq!(server.send(Request::get(path), "").await.text(), body, "{path}");
    }
    let status = server.send(Request::get("/get_controller_status"), "").await.json();
    assert_eq!(status["state"], "idle");
}

#[tokio::test]
async fn there_is_one_combiner_that_answers_to_its_name() {
    let server = Server::start().await;
    let combiners = server.get("combiners/").await.json();
    let combiner = &combiners["result"][0];
    assert_eq!((&combiners["count"], &combiner["name"]), (&json!(1), &json!("combiner")));
    assert_eq!((&combiner["address"], &combiner["port"]), (&json!("localhost"), &json!(8080)));
    for id in ["combiner", combiner["combiner_id"].as_str().unwrap()] {
        assert_eq!(server.get(&format!("combiners/{id}")).await.json(), *combiner);
    }
    assert_eq!(server.get("combiners/count?name=other").await.json(), json!(0));
    assert_eq!(server.get("combiners/other").await.refusal().0, 404);
    let clients: Value = server.post("combiners/clients/count", json!({"combiners": ""})).await.json();
    assert_eq!(clients["result"][0]["count"], json!(0));
}
