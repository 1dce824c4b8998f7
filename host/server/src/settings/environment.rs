//! Which environment variables there are.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::Command;

const OURS: &str = "FEDWIT_";

/// Read by tests, by builds and by those who push plugins, so they may well stand in the environment of a server that one
/// of those started.
const OTHERS: [&str; 3] = ["FEDWIT_TEST_", "FEDWIT_GRAPHIQL", "FEDWIT_REGISTRY_PASSWORD"];

/// The first of `variables` that looks as if it were meant for this program, and is none of any subcommand's.
pub(super) fn stranger(command: &Command, variables: impl IntoIterator<Item = OsString>) -> Option<String> {
    let mut known = BTreeSet::new();
    collect(command, &mut known);
    let ours = variables.into_iter().filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with(OURS));
    let mut strangers: Vec<_> =
        ours.filter(|name| !known.contains(name) && !OTHERS.iter().any(|other| name.starts_with(other))).collect();
    strangers.sort_unstable();
    strangers.into_iter().next()
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(clap::Arg::get_env);
    known.extend(names.map(|name| name.to_string_lossy().into_owned()));
    for subcommand in command.get_subcommands() {
        collect(subcommand, known);
    }
}
