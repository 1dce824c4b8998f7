//! `fedwit plugin`: what is done with plugins from the command line, one file a subcommand.

mod bindings;
mod component;
mod new;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    /// Writes the beginnings of a plugin: a project that builds, is tested and loads.
    New(new::NewArguments),
    /// Writes the bindings of a world for plugins in C.
    Bindings(bindings::BindingsArguments),
    /// Makes a core WebAssembly module that was built with bindings a component.
    Component(component::ComponentArguments),
}

/// Does what was asked for.
pub(crate) fn run(command: &PluginCommand) -> Result<()> {
    match command {
        PluginCommand::New(arguments) => new::run(arguments),
        PluginCommand::Bindings(arguments) => bindings::run(arguments),
        PluginCommand::Component(arguments) => component::run(arguments),
    }
}
