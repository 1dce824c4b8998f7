//! `fedwit plugin component`: from the module that a compiler makes to the component that a server loads.
//!
//! What the module's functions stand for is in a section that the bindings put there. Rust's `wasm32-wasip2` and the
//! tools for Python and JavaScript make components by themselves; what is written here is what `wasm-tools component
//! new` writes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use wit_component::ComponentEncoder;

#[derive(Args)]
pub(crate) struct ComponentArguments {
    /// The module. It may import nothing but what its bindings declare.
    module: PathBuf,
    /// Where to write the component.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The largest module that is read: no server takes a larger component by default.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Nothing is written unless the module is one that can be made a component.
pub(crate) fn run(arguments: &ComponentArguments) -> Result<()> {
    let ComponentArguments { module, out } = arguments;
    let size = fs::metadata(module).with_context(|| format!("module {}", module.display()))?.len();
    if size > MOST_BYTES {
        bail!("module {}: {size} bytes are more than the {MOST_BYTES} that a component may have", module.display());
    }
    let bytes = fs::read(module).with_context(|| format!("module {}", module.display()))?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(ComponentEncoder::encode)
        .with_context(|| format!("module {} cannot be made a component", module.display()))?;
    fs::write(out, component).with_context(|| format!("{} cannot be written", out.display()))
}
