//! A real registry.

use anyhow::{Context, Result, ensure};
use fedwit_tests::registry::{Kind, Registry, certificate};
use fedwit_tests::server::{Options, Server};
use serde_json::{Value, json};

use super::hostile::sha256;
use crate::{Author, ask, installed, not_installed, plugin, pulled, server, text};

#[tokio::test]
async fn what_is_pushed_comes_back_with_its_signature() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::Open).await?, Author::new()?);
    author.sign().await?;
    let reference = registry.reference("team/my-rule:1.0.0");
    let exact = author.push(&reference).await?;
    ensure!(exact.starts_with(&format!("{reference}@sha256:")), "{exact}");
    ensure!(author.push(&reference).await? == exact, "the same thing is the same thing");

    for (number, from) in [&reference, &exact].into_iter().enumerate() {
        let out = author.path(&format!("{number}.wasm"));
        let said = plugin(&["pull", from, "--output", text(&out)])?.succeed().await?;
        ensure!(said.contains(&exact) && said.contains("with a signature"), "{said}");
        ensure!(std::fs::read(&out)? == author.component());
        let [was, is] = ["fedavg.wasm.sig".to_owned(), format!("{number}.wasm.sig")]
            .map(|name| std::fs::read_to_string(author.path(&name)).unwrap());
        ensure!(was == is);
        let again = plugin(&["pull", from, "--output", text(&out)])?.fail().await?;
        ensure!(again.contains("is there already"), "{again}");
    }

    // As other tools find it.
    let url = format!("http://{}/v2/team/my-rule/manifests/1.0.0", registry.address());
    let accept = ("accept", "application/vnd.oci.image.manifest.v1+json");
    let manifest: Value = reqwest::Client::new().get(url).header(accept.0, accept.1).send().await?.json().await?;
    ensure!(manifest["config"]["mediaType"] == "application/vnd.wasm.config.v0+json", "{manifest}");
    let layers = manifest["layers"].as_array().context("layers")?;
    ensure!(layers.len() == 1 && layers[0]["mediaType"] == "application/wasm", "{manifest}");
    ensure!(layers[0]["digest"] == sha256(&author.component()));
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_a_plugin_is_refused() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::Open).await?, Author::new()?);
    let exact = author.push(&registry.reference("x:1")).await?;
    let out = author.path("out.wasm");
    let other = format!("{}@sha256:{}", registry.reference("x:1"), "0f".repeat(32));
    for (reference, code) in [
        (registry.reference("x:2"), "PLUGIN_NOT_IN_REGISTRY"),
        (registry.reference("nothing:1"), "PLUGIN_NOT_IN_REGISTRY"),
        (other, "PLUGIN_NOT_IN_REGISTRY"),
    ] {
        let said = plugin(&["pull", &reference, "--output", text(&out)])?.refused(code).await?;
        ensure!(said.contains(&reference), "{said}");
    }
    let hello = author.path("hello.wasm");
    std::fs::write(&hello, "hello")?;
    let said = plugin(&["push", text(&hello), &registry.reference("x:3")])?.fail().await?;
    ensure!(said.contains("no component") && said.contains("hello.wasm"), "{said}");
    plugin(&["push", &author.file(), &exact])?.refused("PLUGIN_REFERENCE").await?;
    for wrong in ["127.0.0.1/x:1", "oci://127.0.0.1:1/x", "oci://x:1"] {
        let said = plugin(&["pull", wrong])?.run().await?;
        ensure!(said.code == 2 && said.err.contains("is no reference"), "{wrong}: {} {}", said.code, said.err);
    }
    let said = plugin(&["pull", "oci://127.0.0.1:1/x:1", "--output", text(&out)])?.fail().await?;
    ensure!(said.contains("PLUGIN_REGISTRY_FAILED") && said.contains("127.0.0.1:1"), "{said}");
    // Encryption is wanted of everybody else.
    let said = plugin(&["pull", "oci://localhost.invalid:1/x:1", "--output", text(&out)])?.fail().await?;
    ensure!(said.contains("localhost.invalid"), "{said}");
    ensure!(!out.exists());
    Ok(())
}

#[tokio::test]
async fn a_server_pulls_from_the_registries_that_it_may_ask_and_from_no_others() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::Open).await?, Author::new()?);
    let reference = registry.reference("plugins/fedavg:1");
    let exact = author.push(&reference).await?;
    author.push(&registry.reference("others/fedavg:1")).await?;
    let server = server(&[format!("{}/plugins", registry.address())], &[]).await?;

    let said = ask(&server, &["install", &reference])?.run().await?;
    ensure!(said.code == 0 && said.out.contains("enabled"), "{}", said.err);
    let found = installed(&server).await?;
    ensure!(found.len() == 1 && found[0]["source"] == exact.as_str(), "{found:?}");
    ensure!(sha256(&author.component()).ends_with(found[0]["digest"].as_str().context("a digest")?));

    let job = pulled(&server, &exact).await?;
    ensure!(job["stage"] == "INSTALLED" && job["source"] == exact.as_str(), "{job}");
    ensure!(job["receivedBytes"] == author.component().len() && job["sizeBytes"] == job["receivedBytes"], "{job}");

    for other in ["others/fedavg:1", "plugins2/fedavg:1", "plugins:1x"] {
        let said = ask(&server, &["install", &registry.reference(other)])?;
        if other == "plugins:1x" {
            // Below the path, and not there.
            said.refused("PLUGIN_NOT_IN_REGISTRY").await?;
        } else {
            let said = said.refused("PLUGIN_REGISTRY_NOT_ALLOWED").await?;
            ensure!(said.contains("fedwit plugin pull"), "{said}");
        }
    }
    let elsewhere = "oci://127.0.0.1:1/plugins/x:1";
    ask(&server, &["install", elsewhere])?.refused("PLUGIN_REGISTRY_NOT_ALLOWED").await?;
    let none = Server::start().await?;
    ask(&none, &["install", &reference])?.refused("PLUGIN_REGISTRY_NOT_ALLOWED").await?;
    Ok(())
}

#[tokio::test]
async fn a_signature_counts_that_was_pushed_with_the_component() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::Open).await?, Author::new()?);
    author.push(&registry.reference("x:unsigned")).await?;
    let key = author.sign().await?;
    author.push(&registry.reference("x:signed")).await?;
    let allowed = [registry.address().to_string()];
    let server = server(&allowed, &["--plugin-keys", text(&key), "--require-signed-plugins"]).await?;
    not_installed(&server, &registry.reference("x:unsigned"), "PLUGIN_UNSIGNED", "not signed").await?;
    ask(&server, &["install", &registry.reference("x:signed")])?.succeed().await?;
    ensure!(installed(&server).await?[0]["signedBy"].as_str().is_some_and(|key| key.len() == 64));

    // Somebody else's.
    let other = Author::new()?;
    other.sign().await?;
    other.push(&registry.reference("x:other")).await?;
    ask(&server, &["install", &registry.reference("x:other")])?.refused("PLUGIN_SIGNATURE").await?;
    Ok(())
}

#[tokio::test]
async fn a_component_that_was_changed_in_the_registry_is_none() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::Open).await?, Author::new()?);
    let exact = author.push(&registry.reference("x:1")).await?;
    let blob = registry.blob(sha256(&author.component()).trim_start_matches("sha256:"));
    let mut changed = std::fs::read(&blob)?;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&blob, changed)?;
    let out = author.path("out.wasm");
    plugin(&["pull", &exact, "--output", text(&out)])?.refused("PLUGIN_DIGEST").await?;
    ensure!(!out.exists() && !author.path("out.wasm.sig").exists());
    let server = server(&[registry.address().to_string()], &[]).await?;
    not_installed(&server, &exact, "PLUGIN_DIGEST", "component").await?;
    // And one that was cut short.
    std::fs::write(&blob, &author.component()[..100])?;
    not_installed(&server, &exact, "PLUGIN_REGISTRY_FAILED", "").await?;
    Ok(())
}

#[tokio::test]
async fn certificates_are_trusted_that_the_system_has_or_that_were_named() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::Encrypted).await?, Author::new()?);
    let reference = registry.reference("x:1");
    let authority = certificate("authority.pem");
    let said = plugin(&["push", &author.file(), &reference])?.fail().await?;
    ensure!(said.contains("PLUGIN_REGISTRY_FAILED"), "{said}");
    plugin(&["push", &author.file(), &reference, "--registry-ca", text(&authority)])?.succeed().await?;
    let out = author.path("out.wasm");
    let pull = plugin(&["pull", &reference, "--output", text(&out)])?;
    pull.with("SSL_CERT_FILE", &authority).succeed().await?;
    ensure!(std::fs::read(&out)? == author.component());

    let allowed = [registry.address().to_string()];
    let trusting = server(&allowed, &["--registry-ca", text(&authority)]).await?;
    let job = pulled(&trusting, &reference).await?;
    ensure!(job["stage"] == "INSTALLED", "{job}");
    not_installed(&server(&allowed, &[]).await?, &reference, "PLUGIN_REGISTRY_FAILED", "").await?;
    Ok(())
}

#[tokio::test]
async fn a_server_is_asked_over_https_if_its_certificate_is_trusted() -> Result<()> {
    // Something that speaks TLS, and no GraphQL.
    let registry = Registry::start(Kind::Encrypted).await?;
    let url = format!("https://{}", registry.address());
    let list = || plugin(&["list", "--server", &url]);
    let said = list()?.with("SSL_CERT_FILE", certificate("authority.pem")).fail().await?;
    ensure!(said.contains("404"), "{said}");
    let said = list()?.fail().await?;
    ensure!(said.contains("no answer") && said.contains("certificate"), "{said}");
    let said = plugin(&["list", "--server", "ftp://x"])?.fail().await?;
    ensure!(said.contains("ftp://x"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_server_does_not_start_with_certificates_or_registries_that_are_none() -> Result<()> {
    let author = Author::new()?;
    let options = |arguments: &[&str]| Options::default().with(arguments);
    let bad = author.file();
    let started = Server::start_with(options(&["--plugin-registry", "r.example", "--registry-ca", &bad])).await;
    ensure!(started.is_err_and(
        |error| error.to_string().contains("certificates in ") || format!("{error:#}").contains("certificates in ")
    ));
    let started = Server::start_with(options(&["--plugin-registry", "https://r.example"])).await;
    ensure!(started.is_err());
    Ok(())
}

#[tokio::test]
async fn either_a_file_or_a_reference_is_installed() -> Result<()> {
    let server = Server::start().await?;
    let refused = server.api().graphql("mutation { installPlugin { id } }", json!({})).await;
    ensure!(refused.is_err_and(|error| format!("{error:#}").contains("either a file or a reference")));
    Ok(())
}
