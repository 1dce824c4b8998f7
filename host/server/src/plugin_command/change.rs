//! `fedwit plugin enable`, `disable` and `remove`.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::server::{NamedPlugin, Server, ServerArguments};

#[derive(Args)]
pub(crate) struct EnableArguments {
    #[command(flatten)]
    plugin: NamedPlugin,
    /// What it is granted from now on, and no more; give it once for each [default: what it was granted before].
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<String>,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Args)]
pub(crate) struct DisableArguments {
    #[command(flatten)]
    plugin: NamedPlugin,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Args)]
pub(crate) struct RemoveArguments {
    #[command(flatten)]
    plugin: NamedPlugin,
    /// Even if a session uses it, whose next attempt fails then.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) async fn enable(arguments: EnableArguments) -> Result<()> {
    let server = Server::new(&arguments.server)?;
    if !arguments.grant.is_empty() {
        let mut variables = arguments.plugin.variables();
        variables["permissions"] = arguments.grant.into();
        let query = "mutation ($name: String, $digest: String, $permissions: [String!]!) { \
                     grantPlugin(name: $name, digest: $digest, permissions: $permissions) { name } }";
        server.ask(query, variables).await?;
    }
    let query = "mutation ($name: String, $digest: String) { \
                 plugin: enablePlugin(name: $name, digest: $digest) { name version digest } }";
    say(&server.ask(query, arguments.plugin.variables()).await?["plugin"], "enabled")
}

pub(super) async fn disable(arguments: DisableArguments) -> Result<()> {
    let query = "mutation ($name: String, $digest: String) { \
                 plugin: disablePlugin(name: $name, digest: $digest) { name version digest } }";
    let data = Server::new(&arguments.server)?.ask(query, arguments.plugin.variables()).await?;
    say(&data["plugin"], "disabled")
}

pub(super) async fn remove(arguments: RemoveArguments) -> Result<()> {
    let query = "mutation ($name: String, $digest: String, $force: Boolean!) { \
                 removePlugin(name: $name, digest: $digest, force: $force) }";
    let mut variables = arguments.plugin.variables();
    variables["force"] = arguments.force.into();
    let data = Server::new(&arguments.server)?.ask(query, variables).await?;
    let digest = data["removePlugin"].as_str().unwrap_or_default().escape_debug().to_string();
    writeln!(std::io::stdout(), "{digest} removed").context("writing to standard output")
}

fn say(plugin: &Value, what: &str) -> Result<()> {
    let text = |key: &str| plugin[key].as_str().unwrap_or_default().escape_debug().to_string();
    let (name, version, digest) = (text("name"), text("version"), text("digest"));
    writeln!(std::io::stdout(), "{name} {version} {digest} {what}").context("writing to standard output")
}
