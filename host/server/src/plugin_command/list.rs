//! `fedwit plugin list`.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::server::{Server, ServerArguments};

const QUERY: &str = "{ plugins { world name version digest enabled builtIn source summary mergeable sizeBytes problem \
                     permissionsWanted permissionsGranted signedBy installedAt } }";

#[derive(Args)]
pub(crate) struct ListArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// Shows them, one a line.
pub(super) async fn run(arguments: ListArguments) -> Result<()> {
    let plugins = Server::new(&arguments.server)?.ask(QUERY, json!({})).await?["plugins"].take();
    let shown =
        if arguments.json { format!("{plugins:#}") } else { table(plugins.as_array().map_or(&[], Vec::as_slice)) };
    writeln!(std::io::stdout().lock(), "{shown}").context("writing to standard output")
}

fn table(plugins: &[Value]) -> String {
    let mut rows = vec![["NAME", "VERSION", "WORLD", "STATE", "DIGEST", "SOURCE"].map(str::to_owned)];
    for plugin in plugins {
        let text = |key: &str| plugin[key].as_str().unwrap_or("-").escape_debug().to_string();
        let state = match (&plugin["enabled"], &plugin["problem"]) {
            (Value::Bool(true), _) => "enabled",
            (_, Value::Null) if plugin["builtIn"] == true => "replaced",
            (_, Value::Null) => "disabled",
            _ => "broken",
        };
        let source = if plugin["builtIn"] == true { "built in".to_owned() } else { text("source") };
        let world = text("world").to_lowercase().replace('_', "-");
        let digest = text("digest").chars().take(12).collect();
        rows.push([text("name"), text("version"), world, state.to_owned(), digest, source]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_what_is_used_and_obeys_nobody() {
        let plugins = [
            json!({ "world": "AGGREGATOR", "name": "fedavg", "version": "0.1.0", "digest": "ab".repeat(32),
                    "enabled": false, "builtIn": true, "source": "fedavg.wasm", "problem": null }),
            json!({ "world": "CLIENT_SELECTOR", "name": "x\u{1b}[31m", "version": "1", "digest": "cd".repeat(32),
                    "enabled": true, "builtIn": false, "source": "x.wasm", "problem": null }),
            json!({ "world": null, "name": "y", "version": "1", "digest": "ef".repeat(32), "enabled": false,
                    "builtIn": false, "source": "y.wasm", "problem": "its file is damaged" }),
        ];
        let table = table(&plugins);
        let states: Vec<&str> =
            table.lines().skip(1).map(|line| line.split_whitespace().nth(3).unwrap_or("")).collect();
        assert_eq!(states, ["replaced", "enabled", "broken"], "{table}");
        assert!(!table.contains('\u{1b}') && table.contains("client-selector") && table.contains("abababababab "));
    }
}
