//! The floors of the house: a crate may use only those below it, and each foreign engine is behind one crate.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// The host's crates from the ground up.
const FLOORS: [&str; 8] = [
    "fedwit-tensor",
    "fedwit-domain",
    "fedwit-store",
    "fedwit-runtime",
    "fedwit-conformance",
    "fedwit-federation",
    "fedwit-api",
    "fedwit",
];

/// Who alone may use what.
const WALLS: [(&str, &str); 11] = [
    ("candle-core", "fedwit-tensor"),
    ("memmap2", "fedwit-tensor"),
    ("zip", "fedwit-tensor"),
    ("wasmtime", "fedwit-runtime"),
    ("sea-orm", "fedwit-store"),
    ("sea-orm-migration", "fedwit-store"),
    ("object_store", "fedwit-store"),
    ("async-graphql", "fedwit-api"),
    ("tonic", "fedwit-api"),
    ("clap", "fedwit"),
    ("wit-bindgen", "fedwit-plugin"),
];

fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new().no_deps().other_options(["--locked".to_owned()]).exec().unwrap();
    metadata.packages
}

/// What a crate is built with; what it is tested with may reach up.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let built = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    built.map(|dependency| dependency.name.as_str())
}

#[test]
fn no_crate_reaches_up() {
    let floors: HashMap<&str, usize> = FLOORS.iter().enumerate().map(|(floor, name)| (*name, floor)).collect();
    let packages = workspace();
    for package in packages.iter().filter(|package| floors.contains_key(package.name.as_str())) {
        for dependency in dependencies(package).filter(|name| floors.contains_key(name)) {
            assert!(floors[dependency] < floors[package.name.as_str()], "{} reaches up to {dependency}", package.name);
        }
    }
}

#[test]
fn every_host_crate_has_its_floor() {
    for package in workspace() {
        if package.manifest_path.as_str().contains("/host/") {
            assert!(FLOORS.contains(&package.name.as_str()), "{} is on no floor", package.name);
        }
    }
}

#[test]
fn each_engine_is_behind_one_crate() {
    // What tests the server is a client of it, and the chores build all of it.
    let in_the_house =
        |package: &&Package| !["/tests/", "/xtask/"].iter().any(|room| package.manifest_path.as_str().contains(room));
    for package in workspace().iter().filter(in_the_house) {
        for (engine, owner) in WALLS {
            let uses = dependencies(package).any(|name| name == engine);
            assert!(!uses || package.name.as_str() == owner, "{} uses {engine}, which is {owner}'s", package.name);
        }
    }
}

#[test]
fn plugins_know_the_sdk_and_nothing_of_the_host() {
    for package in workspace() {
        if package.manifest_path.as_str().contains("/plugins/") {
            // Some share a library, which lies beside them.
            let known = |name: &str| name.starts_with("fedwit-plugin") || !name.starts_with("fedwit");
            let stranger = dependencies(&package).find(|name| !known(name));
            assert_eq!(stranger, None, "{}", package.name);
        }
    }
}
