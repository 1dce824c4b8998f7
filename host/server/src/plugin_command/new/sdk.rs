//! Where the crate `fedwit-plugin` is, which is on no registry.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The crate in the folder that was named, else that of the checkout that this binary lies in or is run in.
pub(super) fn find(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = named {
        if !is_sdk(folder) {
            bail!("{} is not the crate `fedwit-plugin`", folder.display());
        }
        return std::path::absolute(folder).with_context(|| format!("{}", folder.display()));
    }
    let binary = std::env::current_exe().ok();
    let current = std::env::current_dir().ok();
    let places =
        binary.iter().chain(&current).flat_map(|place| place.ancestors()).map(|place| place.join("sdk/plugin"));
    places.into_iter().find(|folder| is_sdk(folder)).context(
        "a plugin in Rust needs the crate `fedwit-plugin`, which is on no registry: name `sdk/plugin` of a checkout of fedwit with --sdk",
    )
}

fn is_sdk(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok();
    let manifest = manifest.and_then(|text| text.parse::<toml::Table>().ok());
    manifest.is_some_and(|manifest| {
        manifest.get("package").and_then(|package| package.get("name")?.as_str()) == Some("fedwit-plugin")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_is_found_in_the_checkout_and_nothing_else_is_taken_for_it() {
        let server = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            find(None).unwrap().canonicalize().unwrap(),
            server.join("../../sdk/plugin").canonicalize().unwrap()
        );
        assert!(find(Some(server)).unwrap_err().to_string().ends_with("is not the crate `fedwit-plugin`"));
    }
}
