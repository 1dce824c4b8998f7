//! `cargo xtask fuzz`: what reads files from outside, against input that nobody wrote.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::shell;
use crate::workspace::Workspace;

/// The fuzz targets' crate, a workspace of its own.
const FOLDER: &str = "host/tensor/fuzz";

/// Far more than any target may take: the models that they read are bounded to a mebibyte. An allocation that a file
/// talks a reader into is found even if nothing is written to it.
const ALLOCATION_LIMIT: &str = "-malloc_limit_mb=64";

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Which targets to run; all of them if none is named
    targets: Vec<String>,
}

/// Runs the fuzz targets one after the other. The first that finds something ends the chore; the input that it found
/// is kept in the crate's `artifacts` folder.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !workspace.root().join(FOLDER).is_dir() {
        bail!("there are no fuzz targets: {FOLDER} is missing");
    }
    let toolchain = Toolchain::find();
    shell::answer(toolchain.cargo_fuzz(workspace).arg("--version"))
        .context("fuzzing needs cargo-fuzz: `cargo install cargo-fuzz --locked`")?;
    let known = shell::answer(toolchain.cargo_fuzz(workspace).args(["list", "--fuzz-dir", FOLDER]))?;
    let targets = chosen(&arguments.targets, &known)?;

    let folder = workspace.root().join(FOLDER);
    for target in targets {
        // What earlier runs found goes on growing; the seeds are only read.
        let corpus = folder.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("making {}", corpus.display()))?;
        let mut fuzz = toolchain.cargo_fuzz(workspace);
        fuzz.args(["run", "--fuzz-dir", FOLDER, target]).arg(corpus).arg(folder.join("seeds").join(target)).arg("--");
        fuzz.arg(format!("-max_total_time={}", arguments.seconds)).arg(ALLOCATION_LIMIT);
        let dictionary = folder.join("dictionaries").join(format!("{target}.dict"));
        if dictionary.exists() {
            fuzz.arg(format!("-dict={}", dictionary.display()));
        }
        shell::run(&mut fuzz)?;
    }
    Ok(())
}

/// The targets to run: those that were asked for, or all.
fn chosen<'a>(asked: &'a [String], known: &'a str) -> Result<Vec<&'a str>> {
    let known: Vec<_> = known.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(stranger) = asked.iter().find(|target| !known.contains(&target.as_str())) {
        bail!("there is no fuzz target `{stranger}`, only `{}`", known.join("`, `"));
    }
    if asked.is_empty() { Ok(known) } else { Ok(asked.iter().map(String::as_str).collect()) }
}

/// A fuzz target is built with a sanitizer, which only a nightly compiler offers, or one that is told to pass for
/// a nightly.
enum Toolchain {
    Nightly,
    PassingForNightly,
}

impl Toolchain {
    fn find() -> Self {
        match shell::answer(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
            Ok(_) => Self::Nightly,
            Err(_) => Self::PassingForNightly,
        }
    }

    fn cargo_fuzz(&self, workspace: &Workspace) -> Command {
        let mut command = match self {
            Self::Nightly => {
                let mut rustup = Command::new("rustup");
                rustup.args(["run", "nightly", "cargo", "fuzz"]);
                rustup
            }
            Self::PassingForNightly => {
                let mut cargo = Command::new("cargo");
                cargo.arg("fuzz").env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
        };
        command.current_dir(workspace.root());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "npz\nsafetensors\n";

    #[test]
    fn all_targets_run_when_none_is_named() -> Result<()> {
        assert_eq!(chosen(&[], KNOWN)?, ["npz", "safetensors"]);
        Ok(())
    }

    #[test]
    fn an_unknown_target_is_refused_before_anything_is_built() {
        let asked = ["npz".to_owned(), "npy".to_owned()];
        let error = chosen(&asked, KNOWN).expect_err("there is no `npy`");
        assert_eq!(error.to_string(), "there is no fuzz target `npy`, only `npz`, `safetensors`");
    }
}
