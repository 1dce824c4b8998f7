//! One example as a project: what was scaffolded, with what its author wrote over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Tools;
use super::language::Language;
use crate::shell;

pub(super) struct Project<'a> {
    pub(super) name: &'a str,
    pub(super) language: Language,
    /// What the author wrote.
    pub(super) source: &'a Path,
    /// Where the project is built.
    pub(super) folder: PathBuf,
}

impl Project<'_> {
    /// The component.
    pub(super) fn build(&self, tools: &Tools) -> Result<Vec<u8>> {
        let draft = self.folder.with_extension("draft");
        remove(&draft)?;
        self.scaffold(tools, &draft)?;
        copy(self.source, &draft)?;
        let made_of = contents(&draft)?;
        let component = self.folder.join(format!("{}.wasm", self.name));
        // What C's bindings are made by is in no file of the project, and a build of it takes a second.
        let same = self.language != Language::C && is(&self.stamp(), &made_of) && component.is_file();
        if !same {
            self.make(tools, &draft, &made_of)?;
        }
        remove(&draft)?;
        fs::read(&component).with_context(|| format!("cannot read {}", component.display()))
    }

    fn scaffold(&self, tools: &Tools, folder: &Path) -> Result<()> {
        let mut fedwit = Command::new(&tools.fedwit);
        fedwit.args(["plugin", "new", self.name, "--world", "aggregator", "--lang", self.language.name(), "--path"]);
        shell::answer(fedwit.arg(folder)).map(drop)
    }

    /// What the component in the project was made of. Written as the last step, so that one that failed is not taken for
    /// made.
    fn stamp(&self) -> PathBuf {
        self.folder.join("made-of.txt")
    }

    fn make(&self, tools: &Tools, draft: &Path, made_of: &str) -> Result<()> {
        let (set_up, pins) = self.language.set_up();
        let pins = read(&draft.join(pins))?;
        let set_up_of = self.folder.join("set-up-of.txt");
        let installed = self.language.installed();
        let is_set_up = is(&set_up_of, &pins) && self.folder.join(installed).is_dir();
        self.replace(draft, if is_set_up { Some(installed) } else { None })?;
        if !is_set_up {
            self.run(tools, set_up)?;
        }
        write(&set_up_of, &pins)?;
        self.run(tools, self.language.build())?;
        write(&self.stamp(), made_of)
    }

    /// Puts the draft's files in the place of the project's, all but what is installed: that knows where it lies.
    fn replace(&self, draft: &Path, installed: Option<&str>) -> Result<()> {
        match installed {
            None => remove(&self.folder)?,
            Some(installed) => {
                for path in entries(&self.folder)?.into_iter().filter(|path| !path.ends_with(installed)) {
                    let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                    removed.with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
        }
        copy(draft, &self.folder)
    }

    fn run(&self, tools: &Tools, command: &[&str]) -> Result<()> {
        let mut process = Command::new(command[0]);
        process.args(&command[1..]).current_dir(&self.folder);
        process.env("PATH", &tools.path).env("ZIG_GLOBAL_CACHE_DIR", &tools.zig_cache);
        // What a make above this one has said is not meant for it.
        process.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        shell::run(&mut process)
    }
}

/// All files of a folder, each with its name before it.
fn contents(folder: &Path) -> Result<String> {
    let mut all = String::new();
    for path in entries(folder)? {
        if path.is_dir() {
            all.push_str(&contents(&path)?);
        } else {
            all.push_str(&format!("== {}\n{}", path.display(), read(&path)?));
        }
    }
    Ok(all)
}

/// Copies all files of a folder over those of another.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for path in entries(from)? {
        let place = to.join(path.file_name().context("an entry of a folder has a name")?);
        if path.is_dir() {
            copy(&path, &place)?;
        } else {
            fs::copy(&path, &place).with_context(|| format!("cannot write {}", place.display()))?;
        }
    }
    Ok(())
}

/// What is in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = listed.with_context(|| format!("cannot list {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

fn is(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found == text)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
