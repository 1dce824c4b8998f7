//! A registry that wants to know who asks, and who gets to know the password.

use anyhow::{Result, ensure};
use fedwit_tests::command_line::Fedwit;
use fedwit_tests::registry::{Kind, Registry, USER};
use fedwit_tests::server::{Options, Server};
use serde_json::json;

use crate::{Author, ask, not_installed, plugin, text};

const PASSWORD: &str = "FEDWIT_REGISTRY_PASSWORD";

/// What Docker's configuration holds for `ali` and `open sesame`.
const AUTH: &str = "YWxpOm9wZW4gc2VzYW1l";

/// Docker's configuration in the author's folder.
fn configure(author: &Author, config: &serde_json::Value) -> Result<()> {
    Ok(std::fs::write(author.path("config.json"), config.to_string())?)
}

#[tokio::test]
async fn a_password_comes_from_the_environment_from_standard_input_or_from_docker() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::WithPassword).await?, Author::new()?);
    let reference = registry.reference("x:1");
    let push = |more: &[&str]| Fedwit::plugin(["push", &author.file(), &reference].iter().chain(more));
    let said = push(&[])?.refused("PLUGIN_REGISTRY_DENIED").await?;
    ensure!(said.contains("asks for a user name and a password"), "{said}");
    let user = ["--username", USER.0];
    let said = push(&user)?.fail().await?;
    ensure!(said.contains(PASSWORD), "{said}");
    for wrong in ["sesame", ""] {
        let said = push(&user)?.with(PASSWORD, wrong).refused("PLUGIN_REGISTRY_DENIED").await?;
        ensure!(said.contains(USER.0) && (wrong.is_empty() || !said.contains(wrong)), "{said}");
    }
    push(&user)?.with(PASSWORD, USER.1).succeed().await?;
    push(&["--username", USER.0, "--password-stdin"])?.hearing(&format!("{}\n", USER.1)).succeed().await?;

    configure(&author, &json!({ "auths": { registry.address().to_string(): { "auth": AUTH } } }))?;
    let out = author.path("out.wasm");
    let pull = plugin(&["pull", &reference, "--output", text(&out)])?;
    pull.with("DOCKER_CONFIG", author.folder.path()).succeed().await?;
    ensure!(std::fs::read(out)? == author.component());
    Ok(())
}

#[tokio::test]
async fn docker_s_helpers_are_asked() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::WithPassword).await?, Author::new()?);
    let helper = author.path("docker-credential-cave");
    let says = json!({ "Username": USER.0, "Secret": USER.1 });
    let script = format!("#!/bin/sh\nread server\n[ \"$server\" = {} ] && echo '{says}'\n", registry.address());
    std::fs::write(&helper, script)?;
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    configure(&author, &json!({ "credsStore": "cave" }))?;
    let path = std::env::join_paths([author.folder.path().to_owned(), "/bin".into(), "/usr/bin".into()])?;
    let push = |push: Fedwit| push.with("DOCKER_CONFIG", author.folder.path()).with("PATH", &path);
    push(plugin(&["push", &author.file(), &registry.reference("x:1")])?).succeed().await?;
    std::fs::write(&helper, "#!/bin/sh\necho 'credentials not found in native keychain'; exit 1\n")?;
    push(plugin(&["push", &author.file(), &registry.reference("x:1")])?).refused("PLUGIN_REGISTRY_DENIED").await?;
    std::fs::write(&helper, "#!/bin/sh\necho open sesame; exit 1\n")?;
    let said = push(plugin(&["push", &author.file(), &registry.reference("x:1")])?).fail().await?;
    ensure!(said.contains("docker-credential-cave") && !said.contains("sesame"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_server_asks_as_docker_s_configuration_says_and_keeps_it_to_itself() -> Result<()> {
    let (registry, author) = (Registry::start(Kind::WithPassword).await?, Author::new()?);
    let reference = registry.reference("x:1");
    let push = plugin(&["push", &author.file(), &reference, "--username", USER.0])?;
    push.with(PASSWORD, USER.1).succeed().await?;
    let allowed = registry.address().to_string();
    let mut options = Options { log: "trace".to_owned(), ..Options::default() };
    options = options.with(&["--plugin-registry", &allowed]);
    options.environment = vec![("DOCKER_CONFIG".into(), author.folder.path().into())];
    let server = Server::start_with(options).await?;
    not_installed(&server, &reference, "PLUGIN_REGISTRY_DENIED", "user name and a password").await?;
    configure(&author, &json!({ "auths": { &allowed: { "auth": "YWxpOnNlc2FtZQ==" } } }))?;
    not_installed(&server, &reference, "PLUGIN_REGISTRY_DENIED", "refuses the password of `ali`").await?;
    configure(&author, &json!({ "auths": { &allowed: { "auth": AUTH } } }))?;
    ask(&server, &["install", &reference])?.succeed().await?;
    let log = std::fs::read_to_string(server.folder().join("server.log"))?;
    ensure!(log.contains(&reference));
    for secret in [USER.1, "sesame", AUTH] {
        ensure!(!log.contains(secret), "the log has the password");
    }
    Ok(())
}
