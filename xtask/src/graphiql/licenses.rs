//! The terms of the packages whose code the bundles hold.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The licence texts of all packages in a `node_modules` folder, one after the other.
pub(super) fn of(modules: &Path) -> Result<String> {
    let mut packages = packages(modules)?;
    packages.sort();
    let mut texts = String::new();
    for package in packages {
        let Some(license) = license(&package)? else { continue };
        let name = package.strip_prefix(modules).unwrap_or(&package).display();
        let text = fs::read_to_string(&license).with_context(|| format!("cannot read {}", license.display()))?;
        texts += &format!("==== {name}\n\n{}\n\n", text.trim());
    }
    Ok(texts)
}

/// Packages lie in the folder itself, those of a scope one folder deeper.
fn packages(modules: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    for folder in children(modules)?.into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('@') {
            packages.extend(children(&folder)?);
        } else if !name.starts_with('.') {
            packages.push(folder);
        }
    }
    Ok(packages)
}

fn license(package: &Path) -> Result<Option<PathBuf>> {
    let is_license = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && (name.starts_with("license") || name.starts_with("licence"))
    };
    let mut found: Vec<_> = children(package)?.into_iter().filter(is_license).collect();
    found.sort();
    Ok(found.into_iter().next())
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<std::io::Result<_>>().with_context(|| format!("cannot list {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packages_terms_are_handed_on_under_its_name() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for (file, text) in [
            ("react/LICENSE", "of react\n"),
            ("@graphiql/react/license.md", "of graphiql\n"),
            ("tslib/index.js", ""),
            (".bin/LICENSE", "of nothing"),
        ] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().context("a file in a folder")?)?;
            fs::write(path, text)?;
        }
        assert_eq!(of(folder.path())?, "==== @graphiql/react\n\nof graphiql\n\n==== react\n\nof react\n\n");
        Ok(())
    }
}
