//! `docs/configuration.md` lists every setting, as it is declared.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;

use clap::{Arg, ArgAction, CommandFactory};

use crate::command_line::CommandLine;

const DOCUMENT: &str = include_str!("../../../../docs/configuration.md");

fn table() -> String {
    let command = CommandLine::command();
    let serve = command.find_subcommand("serve").unwrap();
    let mut heading = None;
    let mut table = String::new();
    for argument in serve.get_arguments().filter(|argument| argument.get_env().is_some()) {
        if argument.get_long() == Some("config") {
            continue;
        }
        if argument.get_help_heading() != heading {
            heading = argument.get_help_heading();
            write!(
                table,
                "\n### {}\n\n| flag | variable | in the file | default | |\n|---|---|---|---|---|\n",
                heading.unwrap()
            )
            .unwrap();
        }
        table += &line(argument);
    }
    table
}

fn line(argument: &Arg) -> String {
    let long = argument.get_long().unwrap();
    let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
    let value = if is_switch { String::new() } else { format!(" {}", argument.get_value_names().unwrap().join(" ")) };
    let help = argument.get_help().unwrap().to_string();
    // What a program works out cannot be declared as a value; the help says it in words.
    let (what, default) = match help.rsplit_once(" [default: ") {
        Some((what, default)) => (what, default.trim_end_matches(']').to_owned()),
        None => (help.as_str(), defaults(argument)),
    };
    // In a table, a bar ends the cell.
    let what = what.replace('\n', " ").replace('|', "\\|");
    let value = value.replace('|', "\\|");
    let variable = argument.get_env().unwrap().to_str().unwrap();
    format!("| `--{long}{value}` | `{variable}` | `{}` | {default} | {what}. |\n", long.replace('-', "_"))
}

fn defaults(argument: &Arg) -> String {
    let values = argument.get_default_values().iter().map(|value| format!("`{}`", value.to_str().unwrap()));
    let values = values.collect::<Vec<_>>().join(", ");
    if values.is_empty() { "`false`".to_owned() } else { values }
}

#[test]
fn the_document_lists_the_settings_as_they_are() {
    let table = table();
    let (_, rest) = DOCUMENT.split_once("<!-- settings: what follows is checked by a test -->\n").unwrap();
    let (written, _) = rest.split_once("\n<!-- end of settings -->").unwrap();
    assert_eq!(written.trim(), table.trim(), "docs/configuration.md should say:\n{table}");
}

#[test]
fn flag_variable_and_key_are_one_name() {
    let command = CommandLine::command();
    for argument in command.find_subcommand("serve").unwrap().get_arguments() {
        let Some(variable) = argument.get_env() else { panic!("{} has no variable", argument.get_id()) };
        let name = argument.get_long().unwrap().replace('-', "_").to_uppercase();
        assert_eq!(variable.to_str().unwrap(), format!("FEDWIT_{name}"));
    }
}
