//! Models and packages that come in and go out.

use serde_json::json;

use crate::support::{Server, safetensors};

#[tokio::test]
async fn a_seed_model_comes_back_as_it_was_and_in_other_formats() {
    let server = Server::start().await;
    let file = safetensors(&[1.0, 2.0]);
    let added = server.form("models/", &[("helper", "numpyhelper"), ("name", "seed")], ("m.bin", &file)).await.json();
    assert_eq!((&added["success"], &added["message"]), (&json!(true), &json!("Model added successfully")));
    let id = added["model_id"].as_str().unwrap();
    let row = server.get(&format!("models/{id}")).await.json();
    assert_eq!((&row["name"], &row["model"], &row["parent_model"]), (&json!("seed"), &json!(id), &json!(null)));
    let sent = server.get(&format!("models/{id}/download")).await;
    assert_eq!(sent.headers["content-length"], file.len().to_string());
    assert!(sent.body == file);
    let npz = server.get(&format!("models/{id}/download?format=numpyhelper")).await;
    assert_eq!(&npz.body[..4], b"PK\x03\x04");
    let flat = server.get(&format!("models/{id}/download?format=androidhelper")).await;
    assert_eq!(flat.body, [1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat());
    assert_eq!(server.get(&format!("models/{id}/download?format=zip")).await.refusal().0, 400);
}

#[tokio::test]
async fn a_flat_seed_is_what_the_form_says_or_the_active_helper() {
    let server = Server::start().await;
    let file: Vec<u8> = [1.0_f64, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let helper = server.get("helpers/active").await.refusal();
    assert_eq!(helper, (400, "No active helper".to_owned()), "for which FEDn's tools take NumPy's");
    assert_eq!(server.form("models/", &[], ("m.bin", &file)).await.refusal().0, 400);
    assert_eq!(server.put("helpers/active", json!({"helper": "binaryhelper"})).await.status.as_u16(), 200);
    assert_eq!(server.get("helpers/active").await.json(), "binaryhelper");
    let added = server.form("models/", &[], ("m.bin", &file)).await;
    assert_eq!(added.status.as_u16(), 200, "{}", added.text());
    let added = server.form("models/", &[("helper", "androidhelper")], ("m.bin", &file)).await;
    let id = added.json()["model_id"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("models/{id}")).await.json()["helper"], "androidhelper");
}

#[tokio::test]
async fn a_seed_that_is_none_is_refused_by_name() {
    let server = Server::start().await;
    let fault = server.form("models/", &[], ("m.safetensors", &safetensors(&[1.0, f32::NAN]))).await;
    let (status, message) = fault.refusal();
    assert!(status == 400 && message.contains("`w`"), "{message}");
    assert_eq!(fault.json()["code"], "SEED_MODEL_INVALID");
    assert_eq!(server.form("models/", &[("helper", "gz")], ("m", b"x")).await.refusal().0, 400);
    assert_eq!(server.get("models/count").await.json(), json!(0));
}

#[tokio::test]
async fn a_package_becomes_active_and_is_downloaded_by_its_file_name() {
    let server = Server::start().await;
    for path in ["packages/active", "packages/download", "packages/checksum", "packages/download?name=x.tgz"] {
        assert_eq!(server.get(path).await.refusal().0, 404, "{path}");
    }
    let fields = [("helper", "numpyhelper"), ("name", "first"), ("description", "d")];
    let first = server.form("packages/", &fields, ("client.tgz", b"first")).await.json();
    let fields = [("helper", "numpyhelper"), ("name", "second")];
    let second = server.form("packages/", &fields, ("client.tar.gz", b"second")).await.json();
    assert_eq!(second["message"], "Package uploaded");

    let active = server.get("packages/active").await.json();
    assert_eq!((&active["name"], &active["package_id"]), (&json!("second"), &second["package_id"]));
    let sent = server.get("packages/download").await;
    assert_eq!(sent.text(), "second");
    assert_eq!(sent.headers["content-disposition"], "attachment; filename=\"client.tar.gz\"");
    // `printf second | sha256sum`
    let sum = "16367aacb67a4a017c8da8ab95682ccb390863780f7114dda0a0e0c55644c7c4";
    assert_eq!(server.get("packages/checksum").await.json()["checksum"], sum);
    assert_eq!(server.get("clients/config?checksum=true").await.json()["checksum"], sum);
    assert_eq!(server.get("clients/config?checksum=false").await.json().get("checksum"), None);

    let id = first["package_id"].as_str().unwrap();
    let stored = server.get(&format!("packages/{id}")).await.json()["storage_file_name"].clone();
    for name in [stored.as_str().unwrap(), "first", "client.tgz"] {
        assert_eq!(server.get(&format!("packages/download?name={name}")).await.text(), "first", "{name}");
    }
    assert_eq!(server.put("packages/active", json!({"id": id})).await.status.as_u16(), 200);
    assert_eq!(server.get("packages/active").await.json()["name"], "first");
    assert_eq!(server.delete("packages/active").await.status.as_u16(), 200);
    assert_eq!(server.get("packages/active").await.refusal().0, 404);
    assert_eq!(server.put("packages/active", json!({"id": "x"})).await.refusal().0, 404);
}

#[tokio::test]
async fn a_package_is_no_path_and_no_program() {
    let server = Server::start().await;
    for name in ["../p.tgz", "p.exe", ""] {
        let (status, message) = server.form("packages/", &[("helper", "numpyhelper")], (name, b"x")).await.refusal();
        assert!(status == 400, "{name}: {message}");
    }
    assert_eq!(server.form("packages/", &[], ("p.tgz", b"x")).await.refusal().0, 400, "no helper");
    assert_eq!(server.form("packages/", &[("helper", "numpyhelper")], ("p.tgz", b"")).await.refusal().0, 400);
}
