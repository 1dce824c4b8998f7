//! What was built, and where it lies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Cargo's target folder: test binaries lie in `target/PROFILE/deps`.
///
/// # Panics
/// If this is not run by cargo.
#[must_use]
pub fn folder() -> PathBuf {
    profile().parent().expect("a profile's folder lies in the target folder").to_owned()
}

/// Where the binaries of the profile lie.
fn profile() -> PathBuf {
    let binary = std::env::current_exe().expect("the test's own path");
    binary.ancestors().nth(2).expect("a test binary lies in the target folder").to_owned()
}

/// The server's binary.
///
/// # Errors
/// If it was not built: a test of one package alone does not build another's binary.
pub fn fedwit() -> Result<PathBuf> {
    let path = profile().join("fedwit");
    if !path.exists() {
        bail!("{} is missing: `cargo xtask test` builds it, and so does `cargo build --workspace`", path.display());
    }
    Ok(path)
}

/// The folder of the plugins that users choose among.
#[must_use]
pub fn plugins() -> PathBuf {
    folder().join("plugins")
}

/// A component: a plugin, a guest that is made for tests, or an example in another language than Rust.
///
/// # Errors
/// If it was not built.
pub fn component(name: &str) -> Result<PathBuf> {
    let file = format!("{name}.wasm");
    let places = [plugins(), folder().join("test-plugins"), folder().join("examples")];
    let path = places.iter().map(|folder| folder.join(&file)).find(|path| path.exists());
    path.with_context(|| {
        format!("{file} is in none of {places:?}: run `cargo xtask plugins` or `cargo xtask examples`")
    })
}

/// Compiled plugins are kept between tests.
#[must_use]
pub fn plugin_cache() -> PathBuf {
    folder().join("tmp").join("plugin-cache")
}

/// The Python that has FEDn in it.
///
/// # Errors
/// If there is none. A test that needs it fails then, and is not passed over.
pub fn python() -> Result<PathBuf> {
    let path = std::env::var_os("FEDWIT_TEST_PYTHON").map(PathBuf::from);
    path.context("FEDWIT_TEST_PYTHON is not set: run the tests by `cargo xtask test`")
}

/// A registry's program, `docker-registry`.
///
/// # Errors
/// If there is none. A test that needs it fails then, and is not passed over.
pub fn registry() -> Result<PathBuf> {
    let path = std::env::var_os("FEDWIT_TEST_REGISTRY").map(PathBuf::from);
    path.context("FEDWIT_TEST_REGISTRY is not set: run the tests by `cargo xtask test`")
}

/// Where programs are looked for that an author of a plugin has at hand: `fedwit`, `node`, `npm`, `cargo component`.
///
/// # Errors
/// If the server's binary was not built.
pub fn path() -> Result<OsString> {
    let mut folders: Vec<_> = fedwit()?.parent().map(Path::to_owned).into_iter().collect();
    // Set by `cargo xtask test`: the folders of what the system may lack.
    for variable in ["FEDWIT_TEST_PROGRAMS", "PATH"] {
        folders.extend(std::env::var_os(variable).iter().flat_map(std::env::split_paths));
    }
    std::env::join_paths(folders).context("a folder of programs has a `:` in its name")
}
