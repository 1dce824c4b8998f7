//! What a project is made of, by language and world.

mod files;

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::files::{WIT, common, own};
use super::name::PluginName;

/// What a plugin can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    Python,
    Javascript,
    C,
}

/// What a plugin can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum World {
    /// Turns model updates into the next global model.
    Aggregator,
    /// Chooses who is asked in a round.
    ClientSelector,
    /// Chooses which combiner a client joins.
    LoadBalancer,
    /// Decides where and how blobs lie.
    StorageAdapter,
}

/// What takes the place of names in templates.
pub(super) struct Names<'a> {
    pub(super) plugin: &'a PluginName,
    /// The folder of the crate `fedwit-plugin`.
    pub(super) sdk: Option<&'a Path>,
}

impl World {
    /// The interface that a plugin of this world exports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Aggregator => "aggregator",
            Self::ClientSelector => "client-selector",
            Self::LoadBalancer => "load-balancer",
            Self::StorageAdapter => "storage-adapter",
        }
    }
}

/// All files of a project by their paths in it.
pub(super) fn files(language: Language, world: World, names: &Names) -> Result<Vec<(String, String)>> {
    let templates = common(language).iter().chain(own(language, world));
    let mut files: Vec<_> =
        templates.map(|(path, text)| Ok(((*path).to_owned(), filled(text, world, names)?))).collect::<Result<_>>()?;
    files.extend(WIT.iter().map(|(name, text)| (format!("wit/{name}"), (*text).to_owned())));
    Ok(files)
}

fn filled(text: &str, world: World, names: &Names) -> Result<String> {
    let world = world.name();
    let text = text
        .replace("{{name}}", names.plugin.as_str())
        .replace("{{identifier}}", &names.plugin.identifier())
        .replace("{{interface}}", world)
        .replace("{{world}}", &format!("{world}-plugin"))
        .replace("{{bindings}}", &format!("{}_plugin", world.replace('-', "_")));
    let Some(sdk) = names.sdk else { return Ok(text) };
    let sdk = sdk.to_str().with_context(|| format!("the path {} is not UTF-8", sdk.display()))?;
    // A string of TOML, quotes and all.
    Ok(text.replace("{{sdk}}", &toml::Value::from(sdk).to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    const WORLDS: [World; 4] = [World::Aggregator, World::ClientSelector, World::LoadBalancer, World::StorageAdapter];
    const LANGUAGES: [Language; 4] = [Language::Rust, Language::Python, Language::Javascript, Language::C];

    fn all(plugin: &str, sdk: &str) -> Vec<Vec<(String, String)>> {
        let plugin = plugin.parse().unwrap();
        let names = Names { plugin: &plugin, sdk: Some(Path::new(sdk)) };
        let mut projects = Vec::new();
        for language in LANGUAGES {
            for world in WORLDS {
                projects.push(files(language, world, &names).unwrap());
            }
        }
        projects
    }

    #[test]
    fn every_name_is_filled_in_and_no_file_is_there_twice() {
        for project in all("my-plugin", "/sdk") {
            let mut paths = BTreeSet::new();
            for (path, text) in &project {
                assert!(!text.contains("{{"), "{path}: {text}");
                assert!(paths.insert(path), "{path}");
            }
            for path in ["README.md", ".gitignore", "wit/world.wit"] {
                assert!(paths.contains(&path.to_owned()), "{path}");
            }
        }
    }

    /// A path may have anything in it that a string of TOML would end with.
    #[test]
    fn a_manifest_names_the_crate_whatever_its_path_is() {
        for sdk in ["/a b/sdk", r#"/"quoted"/sdk"#, r"/back\slash", "/new\nline", "/'both' \"kinds\""] {
            for project in all("my-plugin", sdk) {
                let Some((_, text)) = project.iter().find(|(path, _)| path == "Cargo.toml") else { continue };
                let manifest: toml::Table = text.parse().unwrap();
                assert_eq!(manifest["dependencies"]["fedwit-plugin"]["path"].as_str(), Some(sdk));
            }
        }
    }

    #[test]
    fn the_interfaces_of_the_project_are_all_there() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let names = |files: fs::ReadDir| files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let there: BTreeSet<String> = names(fs::read_dir(folder).unwrap());
        assert_eq!(there, WIT.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
}
