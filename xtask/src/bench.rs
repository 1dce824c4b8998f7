//! `cargo xtask bench`: the workspace's benchmarks.

use anyhow::{Result, bail};
use clap::Args;

use crate::workspace::{Purpose, Workspace};
use crate::{examples, plugins, python, shell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The name of one benchmark program, or a part of the names of the benchmarks in them
    filter: Option<String>,
}

/// Builds the plugins, makes the Python that some are measured against, and runs the benchmarks that the workspace has.
///
/// They run in the `dev` profile, where what computes is optimised like a release: what the tests built is measured,
/// and nothing is compiled a second time. The benchmarks are named one by one, for otherwise cargo would build every
/// library's test harness too; the server's binary, which some of them measure, is built before them.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    plugins::build(workspace)?;
    // And the server's binary, with which they are built.
    examples::build(workspace)?;
    let mut benchmarks = workspace.benchmarks();
    if benchmarks.is_empty() {
        bail!("no crate of this workspace has a benchmark");
    }
    let mut filter = arguments.filter.as_ref();
    if benchmarks.iter().any(|(_, program)| Some(program) == filter) {
        benchmarks.retain(|(_, program)| Some(program) == filter);
        filter = None;
    }

    let mut cargo = workspace.cargo();
    cargo.args(["bench", "--workspace", "--locked", "--profile", "dev"]);
    for (_, program) in &benchmarks {
        cargo.args(["--bench", program]);
    }
    if let Some(filter) = filter {
        cargo.args(["--", filter]);
    }
    cargo.env("FEDWIT_PLUGINS", workspace.components(Purpose::Plugin));
    let peers = workspace.root().join("host/tensor/benches/peers/requirements.txt");
    cargo.env("FEDWIT_BENCH_PYTHON", python::environment(&workspace.target().join("bench-python"), &peers)?);
    shell::run(&mut cargo)
}
