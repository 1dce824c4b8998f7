//! The `fedwit` binary: its command line, and how the crates are wired together.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod aggregate;
mod application;
mod command_line;
mod gate;
mod listener;
mod model;
mod operations;
mod plugin_command;
mod plugins;
mod readiness;
mod registry;
mod serve;
mod settings;
mod signals;
mod storage_adapter;
mod telemetry;

use command_line::{Command, CommandLine, ModelCommand};

fn main() -> ExitCode {
    // On a usage error, clap says what is wrong and exits with 2.
    let command = CommandLine::parse().command;
    let result = match command {
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Aggregate(arguments) => aggregate::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Model(ModelCommand::Info(arguments)) => model::info(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Model(ModelCommand::Convert(arguments)) => model::convert(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Plugin(command) => plugin_command::run(command),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
