//! `fedwit plugin`: what is done with plugins from the command line, one file a subcommand.

mod bindings;
mod change;
mod check;
mod component;
mod inspect;
mod install;
mod job;
mod key;
mod list;
mod new;
mod pull;
mod push;
mod server;
mod sign;
mod subscription;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What `fedwit plugin` exits with when it was understood, and the answer is no. 1 is a failure, such as a server that
/// does not answer, and 2 a command line that is wrong.
const REFUSED: u8 = 3;

#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    /// Writes the beginnings of a plugin: a project that builds, is tested and loads.
    New(new::NewArguments),
    /// Writes the bindings of a world for plugins in C.
    Bindings(bindings::BindingsArguments),
    /// Makes a core WebAssembly module that was built with bindings a component.
    Component(component::ComponentArguments),
    /// Puts a component into a registry.
    Push(push::PushArguments),
    /// Fetches a component from a registry.
    Pull(pull::PullArguments),
    /// Installs a component into a running server.
    Install(install::InstallArguments),
    /// Lists a running server's plugins.
    List(list::ListArguments),
    /// Has a running server use an installed plugin, from the next round on.
    Enable(change::EnableArguments),
    /// Has a running server use an installed plugin no longer; rounds that run on it end on it.
    Disable(change::DisableArguments),
    /// Removes an installed plugin from a running server.
    Remove(change::RemoveArguments),
    /// Shows what a component is.
    Inspect(inspect::InspectArguments),
    /// Runs a component against the rules of its world.
    Check(check::CheckArguments),
    /// Makes a pair of keys to sign components with.
    Keygen(key::KeygenArguments),
    /// Signs a component; the signature lies beside it.
    Sign(sign::SignArguments),
}

/// Does what was asked for.
pub(crate) fn run(command: PluginCommand) -> Result<ExitCode> {
    match command {
        PluginCommand::New(arguments) => new::run(&arguments).map(|()| ExitCode::SUCCESS),
        PluginCommand::Bindings(arguments) => bindings::run(&arguments).map(|()| ExitCode::SUCCESS),
        PluginCommand::Component(arguments) => component::run(&arguments).map(|()| ExitCode::SUCCESS),
        PluginCommand::Push(arguments) => server::block_on(push::run(arguments)),
        PluginCommand::Pull(arguments) => server::block_on(pull::run(arguments)),
        PluginCommand::Install(arguments) => server::block_on(install::run(arguments)),
        PluginCommand::List(arguments) => server::block_on(list::run(arguments)),
        PluginCommand::Enable(arguments) => server::block_on(change::enable(arguments)),
        PluginCommand::Disable(arguments) => server::block_on(change::disable(arguments)),
        PluginCommand::Remove(arguments) => server::block_on(change::remove(arguments)),
        PluginCommand::Inspect(arguments) => inspect::run(&arguments),
        PluginCommand::Check(arguments) => check::run(&arguments),
        PluginCommand::Keygen(arguments) => key::run(&arguments),
        PluginCommand::Sign(arguments) => sign::run(&arguments),
    }
}
