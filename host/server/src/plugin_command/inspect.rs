//! `fedwit plugin inspect`: what a component is, without a server.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use fedwit_federation::component_digest;
use fedwit_runtime::{Limits, Plugin};
use serde_json::{Value, json};
use wit_component::DecodedWasm;

use super::REFUSED;
use crate::command_line::PluginArguments;
use crate::plugins::{read_component, runtime};

#[derive(Args)]
pub(crate) struct InspectArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plugins: PluginArguments,
}

/// Shows it. What is no plugin that could be installed is shown as far as it goes, with what is wrong.
pub(super) fn run(arguments: &InspectArguments) -> Result<ExitCode> {
    let component = read_component(&arguments.file)?;
    let (imports, exports) = interfaces(&component);
    let mut shown = json!({
        "file": arguments.file.display().to_string(),
        "digest": component_digest(&component).to_string(),
        "size_bytes": component.len(),
        "imports": imports,
        "exports": exports,
    });
    let loaded =
        runtime(Limits::default(), &arguments.plugins)?.load(&arguments.file.display().to_string(), &component);
    let code = match &loaded {
        Ok(plugin) => {
            describe(&mut shown, plugin);
            ExitCode::SUCCESS
        }
        Err(error) => {
            shown["problem"] = json!({ "code": error.code(), "message": error.to_string() });
            REFUSED.into()
        }
    };
    let text = if arguments.json { format!("{shown:#}") } else { as_text(&shown) };
    writeln!(std::io::stdout().lock(), "{text}").context("writing to standard output")?;
    Ok(code)
}

fn describe(shown: &mut Value, plugin: &Plugin) {
    shown["world"] = plugin.world().name().into();
    shown["name"] = plugin.name().into();
    shown["version"] = plugin.version().into();
    shown["summary"] = plugin.summary().into();
    shown["mergeable"] = plugin.mergeable().into();
    shown["permissions"] = plugin.permissions().iter().map(ToString::to_string).collect::<Vec<_>>().into();
    shown["config_schema"] = plugin.config_schema().clone();
}

/// The names of what a component imports and exports. Nothing of it is compiled for that.
fn interfaces(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let Ok(DecodedWasm::Component(resolve, world)) = wit_component::decode(component) else {
        return (Vec::new(), Vec::new());
    };
    let world = &resolve.worlds[world];
    let name = |key| resolve.name_world_key(key);
    (world.imports.keys().map(name).collect(), world.exports.keys().map(name).collect())
}

fn as_text(shown: &Value) -> String {
    let text = |key: &str| match &shown[key] {
        // They come from the file: what a terminal would obey is escaped.
        Value::String(text) => text.escape_debug().to_string(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => {
            let values = values.iter().map(|value| value.as_str().unwrap_or_default().escape_debug().to_string());
            values.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    let mut lines = Vec::new();
    for key in ["name", "version", "world", "summary", "mergeable", "permissions"] {
        if !shown[key].is_null() {
            lines.push(format!("{key:12}{}", text(key)));
        }
    }
    for (title, key) in [("digest", "digest"), ("size", "size_bytes"), ("imports", "imports"), ("exports", "exports")] {
        let unit = if key == "size_bytes" { " bytes" } else { "" };
        lines.push(format!("{title:12}{}{unit}", text(key)));
    }
    if let Some(properties) = shown["config_schema"]["properties"].as_object() {
        lines.push("configuration".to_owned());
        for (key, property) in properties {
            let what = property["description"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
            let default = &property["default"];
            lines.push(format!("  {} = {default}  {}", key.escape_debug(), what.escape_debug()));
        }
    }
    if let Some(message) = shown["problem"]["message"].as_str() {
        lines.push(format!("problem     {}", message.escape_debug()));
    }
    lines.join("\n")
}
