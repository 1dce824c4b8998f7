//! `fedwit model`: what a model file holds, and the same in another format.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use fedwit_tensor::formats::{self, Expected, Limits, ReadModel};
use serde_json::json;

use crate::command_line::{ConvertArguments, InfoArguments, ReadingArguments};

impl ReadingArguments {
    pub(crate) fn limits(&self) -> Limits {
        Limits { max_model_size: self.max_model_size, ..Limits::default() }
    }
}

/// Reads a model of which nothing is known beforehand.
pub(crate) fn seed(path: &Path, reading: &ReadingArguments) -> Result<ReadModel> {
    Ok(formats::read(path, &Expected::Seed(reading.limits()), reading.flat.map(Into::into))?)
}

/// Shows what a file holds.
pub(crate) fn info(arguments: &InfoArguments) -> Result<()> {
    let model = seed(&arguments.file, &arguments.reading)?;
    let shown = if arguments.json { as_json(&model) } else { as_text(&model) };
    writeln!(std::io::stdout().lock(), "{shown}").context("writing to standard output")
}

fn as_json(model: &ReadModel) -> String {
    let layout = model.parameters.layout();
    let tensors: Vec<_> = layout
        .tensors()
        .iter()
        .map(|tensor| json!({ "name": tensor.name, "dtype": tensor.dtype.name(), "shape": tensor.shape }))
        .collect();
    let shown = json!({
        "format": model.format.to_string(),
        "tensors": tensors,
        "parameters": layout.elements(),
        "size_bytes": layout.bytes(),
        "finite": model.parameters.check_finite().is_ok(),
        "metadata": model.metadata,
    });
    format!("{shown:#}")
}

fn as_text(model: &ReadModel) -> String {
    let layout = model.parameters.layout();
    let mut lines = vec![format!(
        "{}: {} tensors, {} parameters, {} bytes",
        model.format,
        layout.tensors().len(),
        layout.elements(),
        layout.bytes()
    )];
    // Names come from the file: what a terminal would obey is escaped.
    let names: Vec<String> = layout.tensors().iter().map(|tensor| tensor.name.escape_debug().to_string()).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    for (name, tensor) in names.iter().zip(layout.tensors()) {
        lines.push(format!("  {name:width$}  {:8}  {:?}", tensor.dtype.name(), tensor.shape));
    }
    for (key, value) in &model.metadata {
        lines.push(format!("  {} = {}", key.escape_debug(), value.escape_debug()));
    }
    if let Err(error) = model.parameters.check_finite() {
        lines.push(format!("  {error}"));
    }
    lines.join("\n")
}

/// Writes a model in the format of the new file's ending.
pub(crate) fn convert(arguments: &ConvertArguments) -> Result<()> {
    let model = match &arguments.like {
        Some(like) => {
            let like = seed(like, &arguments.reading)?.parameters;
            formats::read(&arguments.file, &Expected::Layout(like.layout()), None)?
        }
        None => seed(&arguments.file, &arguments.reading)?,
    };
    let mut parameters = model.parameters;
    if arguments.number_tensors {
        parameters = parameters.renamed(|position, _| position.to_string())?;
    }
    formats::write(&arguments.out.path, &parameters, arguments.out.format, &model.metadata)?;
    Ok(())
}
