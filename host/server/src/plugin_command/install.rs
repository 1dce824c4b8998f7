//! `fedwit plugin install`: hands a component to a running server, and follows what becomes of it.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::server::{Refused, Server, ServerArguments};
use crate::plugins::read_component;

/// How often the server is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long an installation may take: many times what the slowest language does.
const PATIENCE: Duration = Duration::from_secs(900);

const JOB: &str = "id stage digest code message plugin { name version enabled }";

#[derive(Args)]
pub(crate) struct InstallArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file of its signature [default: the component's name with `.sig`, if that is there].
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// What it is granted of what it wants, such as `wall-clock`; give it once for each.
    #[arg(long, value_name = "PERMISSION")]
    grant: Vec<String>,
    /// Only install it; another version of its name stays the one that is used.
    #[arg(long)]
    no_enable: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// Installs it, and says how far that is on standard error.
pub(super) async fn run(arguments: InstallArguments) -> Result<()> {
    let server = Server::new(&arguments.server)?;
    let job = begin(&server, &arguments).await?;
    let job = follow(&server, job).await?;
    let plugin = &job["plugin"];
    let text = |value: &Value| value.as_str().unwrap_or_default().escape_debug().to_string();
    let state = if plugin["enabled"] == true { "enabled" } else { "not enabled" };
    let (name, version, digest) = (text(&plugin["name"]), text(&plugin["version"]), text(&job["digest"]));
    writeln!(std::io::stdout(), "{name} {version} {digest} {state}").context("writing to standard output")
}

async fn begin(server: &Server, arguments: &InstallArguments) -> Result<Value> {
    let signature = signature(arguments)?;
    let variables = json!({ "signature": signature, "grant": arguments.grant, "enable": !arguments.no_enable });
    let query = format!(
        "mutation ($file: Upload!, $signature: String, $grant: [String!]!, $enable: Boolean!) {{
            installPlugin(file: $file, signature: $signature, grant: $grant, enable: $enable) {{ {JOB} }}
        }}"
    );
    let file = read_component(&arguments.file)?;
    let name = arguments.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(server.upload(&query, variables, name, file).await?["installPlugin"].take())
}

/// The signature that was named, or that lies beside the component.
fn signature(arguments: &InstallArguments) -> Result<Option<String>> {
    let (path, named) = match &arguments.signature {
        Some(path) => (path.clone(), true),
        None => (super::sign::beside(&arguments.file), false),
    };
    match std::fs::read_to_string(&path) {
        Ok(signature) => Ok(Some(signature.trim().to_owned())),
        Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("signature {}", path.display())),
    }
}

/// Waits until the job has ended, and gives it if it went well.
async fn follow(server: &Server, mut job: Value) -> Result<Value> {
    let until = Instant::now() + PATIENCE;
    let query = format!("query ($id: ID!) {{ pluginJob(id: $id) {{ {JOB} }} }}");
    let mut said = String::new();
    loop {
        let stage = job["stage"].as_str().unwrap_or_default().to_lowercase();
        if stage != said {
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{stage}");
        }
        match stage.as_str() {
            "installed" => return Ok(job),
            "failed" => {
                let text = |key: &str| job[key].as_str().unwrap_or_default().escape_debug().to_string();
                let (code, message) = (text("code"), text("message"));
                if ["UNAVAILABLE", "INTERNAL"].contains(&code.as_str()) {
                    bail!("{message} ({code})");
                }
                return Err(Refused { code, message }.into());
            }
            _ if Instant::now() > until => bail!("the server is not done after {} s", PATIENCE.as_secs()),
            _ => {}
        }
        said = stage;
        tokio::time::sleep(ASK_EVERY).await;
        job = server.ask(&query, json!({ "id": job["id"] })).await?["pluginJob"].take();
    }
}
