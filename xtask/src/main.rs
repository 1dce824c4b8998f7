//! The project's chores, run as `cargo xtask CHORE`: one file a chore.
//!
//! They are Rust and not shell scripts so that they need nothing beside the toolchain, and a crate of the workspace
//! and not build scripts so that an ordinary `cargo build` never starts a cargo of its own.

mod bench;
mod demo;
mod examples;
mod fuzz;
mod graphiql;
mod node;
mod plugins;
mod programs;
mod python;
mod registry;
mod server;
mod shell;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The project's chores.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build every plugin of the workspace to a component in target/plugins
    Plugins,
    /// Build the aggregators in examples/ to components in target/examples
    Examples,
    /// Fetch what the GraphiQL page is made of to target/graphiql
    Graphiql,
    /// Train a model through the server with FEDn's own clients
    Demo(demo::Arguments),
    /// Set up what the tests need, and run them all
    Test(test::Arguments),
    /// Build the plugins and run the benchmarks
    Bench(bench::Arguments),
    /// Run the fuzz targets, each for a while
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    match run(&CommandLine::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Written out here, because what anyhow prints by itself may end in a backtrace that buries the causes.
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<()> {
    let workspace = Workspace::find()?;
    match chore {
        Chore::Plugins => plugins::build(&workspace),
        Chore::Examples => examples::build(&workspace),
        Chore::Graphiql => graphiql::build(&workspace),
        Chore::Demo(arguments) => demo::run(&workspace, arguments),
        Chore::Test(arguments) => test::run(&workspace, arguments),
        Chore::Bench(arguments) => bench::run(&workspace, arguments),
        Chore::Fuzz(arguments) => fuzz::run(&workspace, arguments),
    }
}
