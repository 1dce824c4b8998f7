//! The settings' file: TOML, each key a setting's name.
//!
//! A value from the file takes the place of the setting's default and goes through the same parser as the flag's, so
//! that the file can neither hold what the command line cannot, nor win over it.

use std::io::Read;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::SettingsError;

/// No list of settings is longer. What is at a wrong path may be anything, even endless.
const LONGEST: u64 = 1 << 20;

/// A value of TOML cannot have the meaning of these: they are the file's own name, and questions.
const NO_SETTINGS: [&str; 3] = ["config", "help", "version"];

/// `serve`, with the settings of the file at `path` for its defaults.
pub(super) fn with_defaults_of(path: &Path, mut serve: Command) -> Result<Command, SettingsError> {
    let file = path.display().to_string();
    let text = read(path).map_err(|error| SettingsError::Unreadable { file: file.clone(), error })?;
    let table: toml::Table =
        toml::from_str(&text).map_err(|error| SettingsError::NoToml { file: file.clone(), error: Box::new(error) })?;
    for (key, value) in &table {
        let Some(argument) = serve.get_arguments().find(|argument| is_named(argument, key)) else {
            return Err(SettingsError::UnknownKey { file, key: key.clone() });
        };
        let id = argument.get_id().clone();
        let values = values(argument, value).map_err(|reason| SettingsError::BadValue {
            file: file.clone(),
            key: key.clone(),
            reason,
        })?;
        serve = serve.mut_arg(id, |argument| argument.default_values(values));
    }
    Ok(serve)
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > LONGEST) {
        return Err(std::io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(text)
}

fn is_named(argument: &Arg, key: &str) -> bool {
    argument.get_long().is_some_and(|long| !NO_SETTINGS.contains(&long) && long.replace('-', "_") == key)
}

/// What `value` would be on the command line.
fn values(argument: &Arg, value: &toml::Value) -> Result<Vec<String>, String> {
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return match value {
            toml::Value::Boolean(value) => Ok(vec![value.to_string()]),
            _ => Err("this is neither true nor false".to_owned()),
        };
    }
    let values: Vec<String> = match value {
        toml::Value::Array(values) if matches!(argument.get_action(), ArgAction::Append) => {
            values.iter().map(scalar).collect::<Result<_, _>>()?
        }
        value => vec![scalar(value)?],
    };
    if values.is_empty() {
        return Err("the list is empty".to_owned());
    }
    for value in &values {
        check(argument, value)?;
    }
    Ok(values)
}

fn scalar(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        other => Err(format!("a value of type {} cannot be used here", other.type_str())),
    }
}

/// Parses `value` as if it had been given on a command line of this one flag, where no variable is looked at.
fn check(argument: &Arg, value: &str) -> Result<(), String> {
    let flag = format!("--{}={value}", argument.get_long().unwrap_or_default());
    let command = Command::new("fedwit").no_binary_name(true).arg(argument.clone());
    let Err(error) = command.try_get_matches_from([flag]) else { return Ok(()) };
    if let Some(reason) = std::error::Error::source(&error) {
        return Err(format!("`{value}`: {reason}"));
    }
    let choices = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(choices)) => choices.join(", "),
        _ => return Err(format!("`{value}` cannot be used here")),
    };
    Err(format!("`{value}` is none of {choices}"))
}
