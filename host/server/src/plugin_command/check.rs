//! `fedwit plugin check`: runs a component against the rules of its world.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use fedwit_conformance::{Report, Verdict, check};
use fedwit_runtime::{Limits, Plugin};
use serde_json::{Map, Value, json};

use super::REFUSED;
use crate::command_line::{PluginArguments, json_object};
use crate::plugins::{read_component, runtime};

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The configuration that it is run with, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_object)]
    config: String,
    /// A secret that it is granted, from a file [default: 32 bytes that mean nothing]; give it once for each.
    #[arg(long = "secret", value_name = "NAME=FILE", value_parser = named_file)]
    secrets: Vec<(String, PathBuf)>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    plugins: PluginArguments,
}

/// Checks it, and prints a line for each rule. Exits with 1 if one does not hold.
pub(super) fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    let component = read_component(&arguments.file)?;
    let config: Map<String, Value> = serde_json::from_str(&arguments.config).context("the configuration")?;
    let runtime = runtime(Limits::default(), &arguments.plugins)?;
    let plugin = match runtime.load(&arguments.file.display().to_string(), &component) {
        Ok(plugin) => plugin,
        Err(error) => {
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "refused: {error} ({})", error.code());
            return Ok(REFUSED.into());
        }
    };
    let report = check(&plugin, &config, &secrets(&arguments.secrets)?);
    let text = if arguments.json { as_json(&plugin, &report) } else { as_text(&plugin, &report) };
    writeln!(std::io::stdout().lock(), "{text}").context("writing to standard output")?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=FILE")?;
    Ok((name.to_owned(), file.into()))
}

fn secrets(files: &[(String, PathBuf)]) -> Result<BTreeMap<String, Vec<u8>>> {
    let read = |(name, file): &(String, PathBuf)| {
        let bytes = std::fs::read(file).with_context(|| format!("secret `{name}` in {}", file.display()))?;
        Ok((name.clone(), bytes))
    };
    files.iter().map(read).collect()
}

fn as_text(plugin: &Plugin, report: &Report) -> String {
    let mut lines = vec![format!("{} {} {}", plugin.name(), plugin.version(), plugin.digest())];
    for finding in &report.findings {
        let (mark, how) = match &finding.verdict {
            Verdict::Passed => ("passed ", finding.asks.to_owned()),
            Verdict::Skipped(why) => ("skipped", (*why).to_owned()),
            Verdict::Noted(what) => ("noted  ", what.clone()),
            // What the plugin says: what a terminal would obey is escaped.
            Verdict::Failed(how) => ("FAILED ", how.escape_debug().to_string()),
        };
        lines.push(format!("{mark} {:28} {:>6} ms  {how}", finding.rule, finding.duration.as_millis()));
    }
    let failed = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Failed(_))).count();
    let (rules, duration) = (report.findings.len(), report.duration.as_millis());
    let end = if failed == 0 { "it conforms".to_owned() } else { format!("{failed} of {rules} rules do not hold") };
    lines.push(format!(
        "{end}: {} instances in {duration} ms, of at most {} bytes of memory, {} of tensors and {} handles",
        report.instances, report.peak_memory_bytes, report.peak_tensor_bytes, report.peak_handles
    ));
    lines.join("\n")
}

fn as_json(plugin: &Plugin, report: &Report) -> String {
    let findings = report.findings.iter().map(|finding| {
        let (verdict, how) = match &finding.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Skipped(why) => ("skipped", Some(*why)),
            Verdict::Noted(what) => ("noted", Some(what.as_str())),
            Verdict::Failed(how) => ("failed", Some(how.as_str())),
        };
        let duration_ms = finding.duration.as_secs_f64() * 1e3;
        json!({ "rule": finding.rule, "asks": finding.asks, "verdict": verdict, "how": how, "duration_ms": duration_ms })
    });
    let shown = json!({
        "name": plugin.name(),
        "version": plugin.version(),
        "digest": plugin.digest().to_string(),
        "world": plugin.world().name(),
        "passed": report.passed(),
        "rules": findings.collect::<Vec<_>>(),
        "instances": report.instances,
        "peak_memory_bytes": report.peak_memory_bytes,
        "peak_tensor_bytes": report.peak_tensor_bytes,
        "peak_handles": report.peak_handles,
        "duration_ms": report.duration.as_secs_f64() * 1e3,
    });
    format!("{shown:#}")
}
