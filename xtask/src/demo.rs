//! `cargo xtask demo`: a real model, trained through the server by FEDn's own clients.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{graphiql, plugins, python, server, shell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave the server up in the end, to look at what it has
    #[arg(long)]
    keep: bool,
}

/// Sets up what is missing, and becomes the demo.
///
/// What starts processes, and has to stop them whatever happens, is `demo/run.py`. This process turns into it and does
/// not wait for it: a signal that is meant for the demo then reaches it, and nothing is in between.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    plugins::build(workspace)?;
    graphiql::build(workspace)?;
    let demo = workspace.root().join("demo");
    let python = python::environment(&workspace.target().join("demo-python"), &demo.join("requirements.txt"))?;
    let fedwit = server::build(workspace)?;

    let mut command = Command::new(python);
    command.arg(demo.join("run.py")).arg("--fedwit").arg(fedwit);
    if arguments.keep {
        command.arg("--keep");
    }
    // What is set for whoever runs the demo is not meant for it: it shows what a server does by itself.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FEDWIT_")) {
        command.env_remove(name);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    shell::announce(&command);
    // Only comes back if there is nothing to become.
    Err(anyhow::Error::new(command.exec()).context(shell::cannot_run(&command)))
}
