//! A project as its author has it: written by `fedwit plugin new`, and built and tested by the commands of its README.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fedwit_tests::target;

/// A project in a folder.
pub(crate) struct Project {
    folder: PathBuf,
    readme: String,
}

impl Project {
    /// Writes one.
    pub(crate) fn new(name: &str, world: &str, language: &str, folder: PathBuf) -> Self {
        scaffold(name, world, language, &folder).unwrap();
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        Self { folder, readme }
    }

    /// Where something of it is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Does what a section of the README says.
    pub(crate) fn follow(&self, section: &str) {
        let text = self.section(section).unwrap_or_else(|| panic!("no section `{section}`"));
        let commands: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
        assert!(!commands.is_empty(), "no command in `{section}`");
        commands.into_iter().for_each(|command| run(&self.folder, command));
    }

    /// The components that a section says are written, in its order; none where there is no such section.
    pub(crate) fn components(&self, section: &str) -> Vec<PathBuf> {
        // Every other piece stands between two backticks.
        let quoted = self.section(section).unwrap_or_default().split('`').skip(1).step_by(2);
        let is_component = |text: &&str| Path::new(text).extension().is_some_and(|ending| ending == "wasm");
        let mut files: Vec<_> = quoted.filter(is_component).map(|file| self.path(file)).collect();
        files.dedup();
        files
    }

    fn section(&self, section: &str) -> Option<&str> {
        let (_, rest) = self.readme.split_once(&format!("\n## {section}\n"))?;
        rest.split("\n## ").next()
    }
}

/// Writes a project. The error is what was printed.
pub(crate) fn scaffold(name: &str, world: &str, language: &str, folder: &Path) -> Result<(), String> {
    let mut fedwit = Command::new(target::fedwit().unwrap());
    fedwit.args(["plugin", "new", name, "--world", world, "--lang", language, "--path"]).arg(folder);
    if language == "rust" {
        fedwit.arg("--sdk").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/plugin"));
    }
    let output = fedwit.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// Runs a command as an author does, in the project's folder.
fn run(folder: &Path, command: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env("PATH", target::path().unwrap());
    // Kept between runs, like the compilers' own caches.
    shell.env("ZIG_GLOBAL_CACHE_DIR", target::folder().join("examples/zig-cache"));
    // What cargo says to its tests is not meant for a project of its own.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO") && name != "CARGO_HOME") {
        shell.env_remove(name);
    }
    let output = shell.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "`{command}` in {}: {printed}", folder.display());
}
