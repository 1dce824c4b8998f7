//! What a registry may try.

use anyhow::{Result, ensure};
use serde_json::json;

use super::hostile::{Answer, Hostile, blob_path, manifest, sha256};
use crate::{Author, ask, installed, not_installed, plugin, pulled, server, text};

#[tokio::test]
async fn what_lies_about_itself_is_refused() -> Result<()> {
    let (hostile, author) = (Hostile::start().await?, Author::new()?);
    let (component, reference) = (author.component(), hostile.reference());
    let server = server(&[hostile.address().to_string()], &[]).await?;
    let good = || Answer::Bytes(component.clone());
    let out = author.path("out.wasm");
    // The same of a server and of the command line, which says some of them with a code of its own.
    let both = async |code: &str, said: &str| {
        not_installed(&server, &reference, code, said).await?;
        let pulled = plugin(&["pull", &reference, "--output", text(&out)])?.run().await?;
        let code = if code == "PLUGIN_TOO_LARGE" { "PLUGIN_ARTIFACT" } else { code };
        ensure!(pulled.code != 0 && pulled.err.contains(code), "{code}: {} {}", pulled.code, pulled.err);
        ensure!(!out.exists());
        anyhow::Ok(())
    };

    let layer = manifest(&component)["layers"][0].clone();
    hostile.has(&component, good(), |manifest| manifest["layers"] = json!([layer, layer]));
    both("PLUGIN_ARTIFACT", "2 layers").await?;
    hostile.has(&component, good(), |manifest| *manifest = json!({ "schemaVersion": 2, "manifests": [] }));
    both("PLUGIN_ARTIFACT", "index").await?;
    hostile.has(&component, good(), |manifest| manifest["layers"][0]["mediaType"] = "text/plain".into());
    both("PLUGIN_ARTIFACT", "text/plain").await?;
    hostile.has(&component, good(), |manifest| manifest["layers"][0]["size"] = (1_u64 << 40).into());
    both("PLUGIN_REGISTRY_FAILED", "its manifest says").await?;
    // It does not say how much comes.
    hostile.has(&component, Answer::Endless, |manifest| manifest["layers"][0]["size"] = (1_u64 << 40).into());
    both("PLUGIN_TOO_LARGE", "are allowed").await?;
    hostile.has(&component, Answer::Endless, |_| {});
    both("PLUGIN_REGISTRY_FAILED", "more comes").await?;
    hostile.has(&component, Answer::Bytes(vec![0; component.len()]), |_| {});
    both("PLUGIN_DIGEST", "component").await?;
    hostile.has(b"hello", Answer::Bytes(b"hello".to_vec()), |_| {});
    not_installed(&server, &reference, "PLUGIN_NOT_A_COMPONENT", "").await?;
    plugin(&["pull", &reference, "--output", text(&out)])?.refused("PLUGIN_ARTIFACT").await?;

    let wrong = sha256(b"something else");
    let body = manifest(&component).to_string().into_bytes();
    hostile.at("/v2/x/manifests/1", Answer::Misnamed(body.clone(), wrong.clone()));
    both("PLUGIN_DIGEST", "manifest").await?;
    hostile.at(&format!("/v2/x/manifests/{wrong}"), Answer::Bytes(body));
    not_installed(&server, &format!("{reference}@{wrong}"), "PLUGIN_DIGEST", "manifest").await?;
    hostile.at("/v2/x/manifests/1", Answer::Endless);
    both("PLUGIN_REGISTRY_FAILED", "manifest has more than").await?;
    hostile.at("/v2/x/manifests/1", Answer::Bytes(b"hello".to_vec()));
    both("PLUGIN_ARTIFACT", "JSON").await?;
    hostile.at("/v2/", Answer::Challenge("Negotiate".to_owned()));
    both("PLUGIN_REGISTRY_FAILED", "credentials").await?;
    Ok(())
}

#[tokio::test]
async fn a_server_is_not_sent_to_where_its_operator_did_not_send_it() -> Result<()> {
    let (hostile, inside, author) = (Hostile::start().await?, Hostile::start().await?, Author::new()?);
    let (component, reference) = (author.component(), hostile.reference());
    let server = server(&[hostile.address().to_string()], &[]).await?;
    let port = inside.address().port();
    inside.at("/", Answer::Bytes(component.clone()));
    inside.at("/token", Answer::Bytes(br#"{"token": "x"}"#.to_vec()));
    for (place, said) in [
        (format!("http://{}/", inside.address()), "not encrypted"),
        (format!("https://{}/", inside.address()), "no public address"),
        (format!("https://localhost:{port}/"), "has no public address"),
        (format!("https://[::ffff:127.0.0.1]:{port}/"), "no public address"),
        ("https://169.254.169.254/latest/meta-data/?secret=1".to_owned(), "no public address"),
        (format!("https://2130706433:{port}/"), "no public address"),
        ("file:///etc/passwd".to_owned(), "not encrypted"),
    ] {
        hostile.has(&component, Answer::Redirect(place.clone()), |_| {});
        let job = pulled(&server, &reference).await?;
        let message = job["message"].as_str().unwrap_or_default();
        ensure!(job["code"] == "PLUGIN_REGISTRY_FAILED" && message.contains(said), "{place}: {job}");
        ensure!(!message.contains("secret"), "{message}");
    }
    // Nor by other ways: a manifest that is elsewhere, a layer's list of places, a service of tokens.
    hostile.at("/v2/x/manifests/1", Answer::Redirect(format!("http://{}/", inside.address())));
    not_installed(&server, &reference, "PLUGIN_REGISTRY_FAILED", "sends us elsewhere").await?;
    let places = json!([format!("http://{}/", inside.address())]);
    hostile.has(&component, Answer::Bytes(Vec::new()), |manifest| manifest["layers"][0]["urls"] = places);
    hostile.at(&blob_path(&component), Answer::Redirect(String::new()));
    not_installed(&server, &reference, "PLUGIN_REGISTRY_FAILED", "").await?;
    for realm in ["http", "https"].map(|scheme| format!("{scheme}://{}/token", inside.address())) {
        hostile.at("/v2/", Answer::Challenge(format!("Bearer realm=\"{realm}\",service=\"x\"")));
        not_installed(&server, &reference, "PLUGIN_REGISTRY_FAILED", "for a token it sends us to").await?;
    }
    ensure!(inside.asked().is_empty(), "{:?}", inside.asked());
    Ok(())
}

#[tokio::test]
async fn a_component_may_be_elsewhere_in_the_same_registry_but_not_for_ever() -> Result<()> {
    let (hostile, author) = (Hostile::start().await?, Author::new()?);
    let (component, reference) = (author.component(), hostile.reference());
    let server = server(&[hostile.address().to_string()], &[]).await?;
    hostile.has(&component, Answer::Redirect(blob_path(&component)), |_| {});
    not_installed(&server, &reference, "PLUGIN_REGISTRY_FAILED", "sends us elsewhere").await?;
    hostile.at(&blob_path(&component), Answer::Redirect("/stored/here?signed=1".to_owned()));
    hostile.at("/stored/here", Answer::Bytes(component));
    let job = pulled(&server, &reference).await?;
    ensure!(job["stage"] == "INSTALLED", "{job}");
    Ok(())
}

#[tokio::test]
async fn a_token_of_the_registry_s_own_service_is_used() -> Result<()> {
    let (hostile, author) = (Hostile::start().await?, Author::new()?);
    let server = server(&[hostile.address().to_string()], &[]).await?;
    let realm = format!("http://{}/token", hostile.address());
    hostile.at("/v2/", Answer::Challenge(format!("Bearer realm=\"{realm}\",service=\"x\"")));
    hostile.has(&author.component(), Answer::Bytes(author.component()), |_| {});
    hostile.at("/token", Answer::Endless);
    not_installed(&server, &hostile.reference(), "PLUGIN_REGISTRY_FAILED", "token has more than").await?;
    hostile.at("/token", Answer::Bytes(b"{}".to_vec()));
    not_installed(&server, &hostile.reference(), "PLUGIN_REGISTRY_FAILED", "gives no token").await?;
    hostile.at("/token", Answer::Bytes(br#"{"token": "abc"}"#.to_vec()));
    ask(&server, &["install", &hostile.reference()])?.succeed().await?;
    ensure!(installed(&server).await?.len() == 1);
    Ok(())
}

/// Half a minute is how long nothing may come.
#[tokio::test]
async fn a_registry_that_falls_silent_is_given_up() -> Result<()> {
    let (hostile, author) = (Hostile::start().await?, Author::new()?);
    let server = server(&[hostile.address().to_string()], &[]).await?;
    hostile.has(&author.component(), Answer::Silent(author.component()[..1000].to_vec()), |_| {});
    not_installed(&server, &hostile.reference(), "PLUGIN_REGISTRY_FAILED", "after 1000 of").await
}
