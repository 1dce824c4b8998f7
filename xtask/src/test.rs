//! `cargo xtask test`: everything, from a fresh clone.

use anyhow::Result;
use clap::Args;

use crate::workspace::{Purpose, Workspace};
use crate::{examples, graphiql, plugins, programs, python, registry, shell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// For `cargo test`, such as `-- --package fedwit-tensor`
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// Sets up what is missing, and runs every test of the workspace, those in the documentation included.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    plugins::build(workspace)?;
    graphiql::build(workspace)?;
    let python = python::ensure(workspace)?;
    examples::build(workspace)?;
    let programs = programs::ensure(workspace)?;
    let registry = registry::ensure(workspace)?;

    let mut cargo = workspace.cargo();
    cargo.args(["test", "--locked", "--no-fail-fast"]);
    // Cargo ignores `--package` beside `--workspace`.
    if !arguments.cargo.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package")) {
        cargo.arg("--workspace");
    }
    cargo.args(&arguments.cargo);
    cargo.env("FEDWIT_TEST_PYTHON", python);
    cargo.env("FEDWIT_PLUGINS", workspace.components(Purpose::Plugin));
    cargo.env("FEDWIT_TEST_PLUGINS", workspace.components(Purpose::Test));
    cargo.env("FEDWIT_TEST_PROGRAMS", programs);
    cargo.env("FEDWIT_TEST_REGISTRY", registry);
    shell::run(&mut cargo)
}
