//! Queries that bring files.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::support::{Server, error, safetensors};

const SEED: &str =
    "mutation ($file: Upload!) { uploadSeedModel(file: $file, name: \"first\") { id name format digest } }";

/// A part of a form: its name, a file's name if it is one, and what is in it.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, content) in parts {
        let file_name = file_name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head = format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--cut--\r\n");
    body
}

fn operations(query: &str) -> Vec<u8> {
    json!({ "query": query, "variables": { "file": null } }).to_string().into_bytes()
}

async fn send(server: &Server, parts: &[Part<'_>]) -> (StatusCode, Value) {
    let headers = [("content-type", "multipart/form-data; boundary=cut"), ("x-fedwit", "test")];
    server.send(&headers, form(parts)).await
}

pub(crate) async fn upload(server: &Server, query: &str, name: &str, file: &[u8]) -> Value {
    let map = json!({ "0": ["variables.file"] }).to_string();
    let parts = [("operations", None, &*operations(query)), ("map", None, map.as_bytes()), ("0", Some(name), file)];
    let (status, answer) = send(server, &parts).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn a_seed_model_is_taken() {
    let server = Server::start().await;
    let answer = upload(&server, SEED, "seed.safetensors", &safetensors(&[0.5; 1000])).await;
    let model = &answer["data"]["uploadSeedModel"];
    assert_eq!((&model["name"], &model["format"]), (&json!("first"), &json!("SAFETENSORS")), "{answer}");
    let query = "query ($id: ID!) { model(id: $id) { sizeBytes digest downloadUrl trail { id } } }";
    let data = server.data(query, json!({ "id": model["id"] })).await;
    assert_eq!(data["model"]["digest"], model["digest"]);
    assert_eq!(data["model"]["sizeBytes"], safetensors(&[0.5; 1000]).len());
    assert_eq!(data["model"]["trail"], json!([]));
    let flat: Vec<u8> = [1.0_f64, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let query = "mutation ($file: Upload!) { uploadSeedModel(file: $file, format: FLAT_FLOAT64) { format } }";
    let answer = upload(&server, query, "seed.bin", &flat).await;
    assert_eq!(answer["data"]["uploadSeedModel"]["format"], "FLAT_FLOAT64", "{answer}");
}

#[tokio::test]
async fn a_hostile_seed_is_refused_and_its_fault_named() {
    let server = Server::start().await;
    let truncated = &safetensors(&[1.0; 10])[..60];
    for (file, named) in [(&*safetensors(&[1.0, f32::NAN]), "weights"), (truncated, ""), (b"", ""), (b"hello", "")] {
        let (code, text) = error(&upload(&server, SEED, "seed", file).await);
        assert_eq!(code, "SEED_MODEL_INVALID", "{text}");
        assert!(text.contains(named), "{text}");
    }
    let models = server.data("{ models { totalCount } }", Value::Null).await;
    assert_eq!(models["models"]["totalCount"], 0);
}

#[tokio::test]
async fn a_package_is_taken_and_becomes_active() {
    let server = Server::start().await;
    let query = "mutation ($file: Upload!) { uploadPackage(file: $file) { name fileName sizeBytes active format } }";
    let answer = upload(&server, query, "package.tgz", b"not looked into").await;
    let expected = json!({ "name": "package.tgz", "fileName": "package.tgz", "sizeBytes": 15, "active": true,
                           "format": "NPZ" });
    assert_eq!(answer["data"]["uploadPackage"], expected, "{answer}");
    let active = server.data("{ activePackage { fileName } packages { totalCount } }", Value::Null).await;
    assert_eq!(active, json!({ "activePackage": { "fileName": "package.tgz" }, "packages": { "totalCount": 1 } }));
    let (code, _) = error(&upload(&server, query, "../../x.tgz", b"x").await);
    assert_eq!(code, "INVALID");
}

#[tokio::test]
async fn a_form_that_any_page_could_send_is_refused() {
    let server = Server::start().await;
    let parts = [("operations", None, &*operations(SEED)), ("map", None, &b"{}"[..])];
    let (status, answer) = server.send(&[("content-type", "multipart/form-data; boundary=cut")], form(&parts)).await;
    assert_eq!((status, error(&answer).0.as_str()), (StatusCode::FORBIDDEN, "REQUEST_FORGEABLE"));
}

#[tokio::test]
async fn a_form_that_is_not_as_specified_is_refused() {
    let server = Server::start().await;
    let map = |map: Value| map.to_string().into_bytes();
    let (operations, file) = (operations(SEED), safetensors(&[1.0]));
    let good = map(json!({ "0": ["variables.file"] }));
    let cases: &[(&str, &[Part<'_>])] = &[
        ("nothing", &[]),
        ("no map", &[("operations", None, &operations), ("0", Some("x"), &file)]),
        ("the file first", &[("0", Some("x"), &file), ("operations", None, &operations), ("map", None, &good)]),
        ("no JSON", &[("operations", None, b"{"), ("map", None, &good), ("0", Some("x"), &file)]),
        ("no file", &[("operations", None, &operations), ("map", None, &good)]),
        ("another file", &[("operations", None, &operations), ("map", None, &good), ("1", Some("x"), &file)]),
        (
            "no place",
            &[
                ("operations", None, &operations),
                ("map", None, &map(json!({ "0": ["variables.x"] }))),
                ("0", Some("x"), &file),
            ],
        ),
        (
            "two places",
            &[
                ("operations", None, &operations),
                ("map", None, &map(json!({ "0": ["variables.file", "variables.file"] }))),
                ("0", Some("x"), &file),
            ],
        ),
        (
            "two files",
            &[
                ("operations", None, &operations),
                ("map", None, &map(json!({ "0": ["variables.file"], "1": [] }))),
                ("0", Some("x"), &file),
            ],
        ),
        (
            "a large query",
            &[("operations", None, &vec![b' '; (1 << 20) + 1]), ("map", None, &good), ("0", Some("x"), &file)],
        ),
    ];
    for (case, parts) in cases {
        let (status, answer) = send(&server, parts).await;
        assert_eq!((status, error(&answer).0.as_str()), (StatusCode::BAD_REQUEST, "INVALID"), "{case}: {answer}");
    }
    let models = server.data("{ models { totalCount } }", Value::Null).await;
    assert_eq!(models["models"]["totalCount"], 0);
}

#[tokio::test]
async fn a_file_cannot_be_made_up() {
    let server = Server::start().await;
    for file in [json!(null), json!("x.npz"), json!("#__graphql_file__:0")] {
        let (code, text) = server.error(SEED, json!({ "file": file })).await;
        assert_eq!(code, "QUERY_INVALID", "{text}");
    }
    let (code, _) = server.error(SEED, json!({ "file": "\u{0}file 0" })).await;
    assert_eq!(code, "INVALID");
}
