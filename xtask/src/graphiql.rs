//! `cargo xtask graphiql`: the bundles that the GraphiQL page is made of.
//!
//! The page is served offline, so nothing of it comes from somebody else's server. What it needs are a few files of
//! npm packages, which `host/api/graphiql/package-lock.json` pins by version and hash. They are put in
//! `target/graphiql/assets`, where the build of `fedwit-api` finds them; without them it is built without the page. The
//! packages' own scripts never run, and the packages do not stay: all but these files is for building the bundles.

mod licenses;
mod npm;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::npm::Npm;
use crate::workspace::Workspace;

/// Where the page and the pins lie.
const SOURCE: &str = "host/api/graphiql";

/// The files that are taken, as their packages call them. The last part of each is its name on the page.
const BUNDLES: [&str; 5] = [
    "graphiql/graphiql.min.css",
    "graphiql/graphiql.min.js",
    "graphql-ws/umd/graphql-ws.min.js",
    "react-dom/umd/react-dom.production.min.js",
    "react/umd/react.production.min.js",
];

/// The terms of all that the bundles hold: they ask to be handed on.
const LICENSES: &str = "licenses.txt";

/// Puts the bundles in their place. Does nothing if they are there and are of the pinned packages.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let page = Page { source: workspace.root().join(SOURCE), folder: workspace.target().join("graphiql") };
    let pins = page.pins()?;
    if !page.is_ready(&pins) {
        page.make(&pins)?;
    }
    Ok(())
}

struct Page {
    source: PathBuf,
    folder: PathBuf,
}

impl Page {
    /// What the assets are made of.
    fn pins(&self) -> Result<String> {
        let package = read(&self.source.join("package.json"))?;
        let lock = read(&self.source.join("package-lock.json"))?;
        Ok(format!("{}\n{package}\n{lock}", BUNDLES.join("\n")))
    }

    fn assets(&self) -> PathBuf {
        self.folder.join("assets")
    }

    /// Written as the last step, so that assets that are half there are never taken for ready.
    fn stamp(&self) -> PathBuf {
        self.folder.join("made-of.txt")
    }

    fn is_ready(&self, pins: &str) -> bool {
        let assets = self.assets();
        fs::read_to_string(self.stamp()).is_ok_and(|stamp| stamp == pins)
            && BUNDLES.iter().map(|bundle| name(bundle)).chain([LICENSES]).all(|name| assets.join(name).is_file())
    }

    fn make(&self, pins: &str) -> Result<()> {
        let packages = self.folder.join("packages");
        fresh(&packages)?;
        for file in ["package.json", "package-lock.json"] {
            copy(&self.source.join(file), &packages.join(file))?;
        }
        Npm::find(&self.source, &self.folder)?.install(&packages)?;

        let modules = packages.join("node_modules");
        let draft = self.folder.join("draft");
        fresh(&draft)?;
        for bundle in BUNDLES {
            copy(&modules.join(bundle), &draft.join(name(bundle)))?;
        }
        let path = draft.join(LICENSES);
        fs::write(&path, licenses::of(&modules)?).with_context(|| format!("cannot write {}", path.display()))?;

        let assets = self.assets();
        remove(&assets)?;
        fs::rename(&draft, &assets).with_context(|| format!("cannot write {}", assets.display()))?;
        fs::write(self.stamp(), pins).with_context(|| format!("cannot write {}", self.stamp().display()))?;
        remove(&packages)?;
        println!("graphiql: {}", assets.display());
        Ok(())
    }
}

/// What a bundle is called on the page.
fn name(bundle: &str) -> &str {
    bundle.rsplit_once('/').map_or(bundle, |(_, name)| name)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// An empty folder at `path`, whatever was there.
fn fresh(path: &Path) -> Result<()> {
    remove(path)?;
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = include_str!("../../host/api/graphiql/package-lock.json");
    const PACKAGE: &str = include_str!("../../host/api/graphiql/package.json");

    fn page(folder: &Path) -> Result<Page> {
        let page = Page { source: folder.join("source"), folder: folder.join("target") };
        fresh(&page.source)?;
        fs::write(page.source.join("package.json"), PACKAGE)?;
        fs::write(page.source.join("package-lock.json"), LOCK)?;
        Ok(page)
    }

    #[test]
    fn assets_of_other_pins_or_with_a_file_missing_are_not_ready() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let page = page(folder.path())?;
        let pins = page.pins()?;
        fresh(&page.assets())?;
        for name in BUNDLES.iter().map(|bundle| name(bundle)).chain([LICENSES]) {
            assert!(!page.is_ready(&pins), "{name} is missing");
            fs::write(page.assets().join(name), name)?;
        }
        assert!(!page.is_ready(&pins), "the last step is missing");
        fs::write(page.stamp(), &pins)?;
        assert!(page.is_ready(&pins));

        fs::write(page.source.join("package-lock.json"), LOCK.replace("4.1.2", "4.1.1"))?;
        assert!(!page.is_ready(&page.pins()?), "the lock names other packages");
        Ok(())
    }

    #[test]
    fn every_package_is_pinned_by_its_hash_and_comes_from_the_public_registry() {
        let packages = LOCK.matches("\"node_modules/").count();
        let hashes = LOCK.matches("\"integrity\": \"sha512-").count();
        assert!(packages > 5 && packages == hashes, "{packages} packages, {hashes} hashes");
        for line in LOCK.lines().filter(|line| line.contains("\"resolved\"")) {
            assert!(line.contains("\"https://registry.npmjs.org/"), "{line}");
        }
    }

    #[test]
    fn what_is_asked_for_is_an_exact_version() -> Result<()> {
        let (_, dependencies) = PACKAGE.split_once("\"dependencies\": {").context("no dependencies")?;
        let (dependencies, _) = dependencies.split_once('}').context("no end of them")?;
        for line in dependencies.lines().filter(|line| line.contains(':')) {
            let version = line.split('"').nth(3).context("no version")?;
            assert!(version.chars().all(|character| character.is_ascii_digit() || character == '.'), "{line}");
        }
        Ok(())
    }
}
