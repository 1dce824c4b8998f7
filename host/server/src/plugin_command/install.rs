//! `fedwit plugin install`: hands a component to a running server, or says where it is to pull one from, and follows what
//! becomes of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::job::{self, JOB};
use super::server::{Refused, Server, ServerArguments};
use super::sign::{beside, read_signature};
use crate::plugins::read_component;
use crate::registry::PluginReference;

/// What a server says that is not to ask a registry.
const NOT_ALLOWED: &str = "PLUGIN_REGISTRY_NOT_ALLOWED";

#[derive(Args)]
pub(crate) struct InstallArguments {
    /// The component; or a reference, `oci://REGISTRY/REPOSITORY:TAG`, which the server pulls if its operator allows that.
    #[arg(value_name = "FILE|REFERENCE")]
    component: String,
    /// The file of its signature [default: the component's name with `.sig`, if that is there; of a reference, what was
    /// pushed with it].
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
    let job = if arguments.component.starts_with(PluginReference::SCHEME) {
        begin_pull(&server, &arguments).await?
    } else {
        begin_upload(&server, &arguments).await?
    };
    let job = job::follow(&server, &job).await?;
    let plugin = &job["plugin"];
    let text = |value: &Value| value.as_str().unwrap_or_default().escape_debug().to_string();
    let state = if plugin["enabled"] == true { "enabled" } else { "not enabled" };
    let (name, version, digest) = (text(&plugin["name"]), text(&plugin["version"]), text(&job["digest"]));
    writeln!(std::io::stdout(), "{name} {version} {digest} {state}").context("writing to standard output")
}

async fn begin_upload(server: &Server, arguments: &InstallArguments) -> Result<Value> {
    let path = Path::new(&arguments.component);
    let file = read_component(path)?;
    let signature = match &arguments.signature {
        Some(path) => Some(read_signature(path)?),
        None => Some(beside(path)).filter(|path| path.exists()).map(|path| read_signature(&path)).transpose()?,
    };
    let query = format!(
        "mutation ($file: Upload!, $signature: String, $grant: [String!]!, $enable: Boolean!) {{
            installPlugin(file: $file, signature: $signature, grant: $grant, enable: $enable) {{ {JOB} }}
        }}"
    );
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(server.upload(&query, variables(arguments, signature.as_deref()), name, file).await?["installPlugin"].take())
}

async fn begin_pull(server: &Server, arguments: &InstallArguments) -> Result<Value> {
    // What is no reference is said here.
    let reference: PluginReference = arguments.component.parse()?;
    let signature = arguments.signature.as_deref().map(read_signature).transpose()?;
    let mut variables = variables(arguments, signature.as_deref());
    variables["reference"] = reference.to_string().into();
    let query = format!(
        "mutation ($reference: String!, $signature: String, $grant: [String!]!, $enable: Boolean!) {{
            installPlugin(reference: $reference, signature: $signature, grant: $grant, enable: $enable) {{ {JOB} }}
        }}"
    );
    match server.ask(&query, variables).await {
        Ok(mut data) => Ok(data["installPlugin"].take()),
        Err(error) => Err(match error.downcast::<Refused>() {
            Ok(Refused { code, message }) if code == NOT_ALLOWED => {
                let instead = "pull it and install the file: `fedwit plugin pull REFERENCE --output FILE`, then `fedwit \
                               plugin install FILE`";
                Refused { code, message: format!("{message}, with --plugin-registry; or {instead}") }.into()
            }
            Ok(refused) => refused.into(),
            Err(error) => error,
        }),
    }
}

fn variables(arguments: &InstallArguments, signature: Option<&str>) -> Value {
    json!({ "signature": signature, "grant": arguments.grant, "enable": !arguments.no_enable })
}
