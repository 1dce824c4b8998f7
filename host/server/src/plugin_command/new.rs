//! `fedwit plugin new`: the beginnings of a plugin.
//!
//! The files are templates in `host/server/templates`, compiled into the binary together with `wit/`, so that an author
//! needs neither a checkout nor the net. All of a project is written beside its place and moved there as the last step:
//! nothing is left half done, and nothing that was there is overwritten.

mod name;
mod sdk;
mod templates;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::name::PluginName;
use self::templates::{Language, Names, World};

#[derive(Args)]
pub(crate) struct NewArguments {
    /// What sessions call it: lower-case letters, digits and hyphens.
    name: PluginName,
    /// What kind of plugin it is.
    #[arg(long, value_name = "WORLD")]
    world: World,
    /// What it is written in.
    #[arg(long = "lang", value_name = "LANGUAGE")]
    language: Language,
    /// Where to write it: a folder that is not there yet, or empty [default: the plugin's name].
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// The crate `fedwit-plugin`, for Rust: `sdk/plugin` in a checkout [default: of the checkout that this is run in].
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

/// Writes the project, and says what to do with it.
pub(crate) fn run(arguments: &NewArguments) -> Result<()> {
    let NewArguments { name, world, language, path, sdk } = arguments;
    let sdk = match language {
        Language::Rust => {
            name.check_crate()?;
            Some(sdk::find(sdk.as_deref())?)
        }
        _ if sdk.is_some() => bail!("--sdk is for plugins in Rust"),
        _ => None,
    };
    let folder = path.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    let files = templates::files(*language, *world, &Names { plugin: name, sdk: sdk.as_deref() })?;
    write(&folder, &files)?;
    writeln!(
        std::io::stdout(),
        "{}: a plugin of the world `{}`; README.md says how to build and test it",
        folder.display(),
        world.name()
    )
    .context("writing to standard output")
}

/// Puts the files, by their paths in it, in `folder`.
fn write(folder: &Path, files: &[(String, String)]) -> Result<()> {
    let context = || format!("{} cannot be written", folder.display());
    let is_there = is_empty(folder)?;
    // The parent of `plugins/mean` is `plugins`, that of `mean` is nothing at all.
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = Draft::new(if is_there { folder } else { parent })?;
    for (path, text) in files {
        let path = draft.folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if !is_there {
        // A folder that has been filled meanwhile is not replaced, and neither is a file.
        return fs::rename(&draft.folder, folder).with_context(context);
    }
    // An empty folder may be the one that one is in, or belong to somebody else: it stays.
    for entry in fs::read_dir(&draft.folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        fs::rename(entry.path(), folder.join(entry.file_name())).with_context(context)?;
    }
    Ok(())
}

/// Whether there is a folder, and nothing in it. One with something in it is an error, and so is anything but a folder.
fn is_empty(folder: &Path) -> Result<bool> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be written", folder.display())),
    };
    if entries.next().is_some() {
        bail!("{} is there already, and not empty", folder.display());
    }
    Ok(true)
}

/// A folder beside the project's place, or in it. What is left of it is removed, whatever happened.
struct Draft {
    folder: PathBuf,
}

impl Draft {
    fn new(parent: &Path) -> Result<Self> {
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        let folder = parent.join(format!(".fedwit-plugin-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Self { folder })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already where it has become the project.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
