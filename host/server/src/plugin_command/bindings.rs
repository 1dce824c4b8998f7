//! `fedwit plugin bindings`: C declarations of what a plugin may call and has to export.
//!
//! Rust, Python and JavaScript have generators that their packages bring along; C has none that an author would have
//! at hand. What is written is what `wit-bindgen c` writes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

#[derive(Args)]
pub(crate) struct BindingsArguments {
    /// The folder of the WIT package.
    #[arg(long, value_name = "FOLDER", default_value = "wit")]
    wit: PathBuf,
    /// The world that the plugin is made against, such as `aggregator-plugin`.
    #[arg(long, value_name = "WORLD")]
    world: String,
    /// Where to write a header, a source file and an object file, named after the world.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Writes the files; those of an earlier time are replaced.
pub(crate) fn run(arguments: &BindingsArguments) -> Result<()> {
    let BindingsArguments { wit, world, out } = arguments;
    let mut resolve = Resolve::default();
    let (package, _) =
        resolve.push_dir(wit).with_context(|| format!("the WIT package in {} cannot be read", wit.display()))?;
    let id = resolve
        .select_world(&[package], Some(world))
        .with_context(|| format!("the WIT package in {} has no world `{world}`", wit.display()))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, id, &mut files)?;

    fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    for (name, contents) in files.iter() {
        let path = out.join(name);
        fs::write(&path, contents).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
