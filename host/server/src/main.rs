//! The `fedwit` binary: its command line, and how the crates are wired together.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod aggregate;
mod command_line;
mod model;
mod plugins;
mod state_file;

use command_line::{Command, CommandLine, ModelCommand};

fn main() -> ExitCode {
    // On a usage error, clap says what is wrong and exits with 2.
    let command = CommandLine::parse().command;
    let result = match command {
        Command::Aggregate(arguments) => aggregate::run(&arguments),
        Command::Model(ModelCommand::Info(arguments)) => model::info(&arguments),
        Command::Model(ModelCommand::Convert(arguments)) => model::convert(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
