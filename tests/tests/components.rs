//! Files that are no plugins, and those that ask for what plugins do not get.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use fedwit_runtime::{Limits, LoadError, Runtime, World};
use fedwit_tests::{AGGREGATORS, OTHERS, plugin, runtime, target};

fn load(text: &str) -> LoadError {
    let runtime = runtime(Limits::default());
    // The engine takes the text format too, which keeps these components readable.
    runtime.load("test", text.as_bytes()).unwrap_err()
}

#[test]
fn every_shipped_plugin_says_what_it_is() {
    let runtime = runtime(Limits::default());
    let aggregators = AGGREGATORS.map(|name| (name, World::Aggregator));
    for (name, world) in aggregators.into_iter().chain(OTHERS) {
        let plugin = plugin(&runtime, name);
        assert_eq!((plugin.name(), plugin.world()), (name, world));
        assert!(!plugin.summary().is_empty(), "{name}");
        let whole = ["median", "trimmed-mean", "krum", "multi-krum", "bulyan"].contains(&name);
        assert_eq!(plugin.mergeable(), world == World::Aggregator && !whole, "{name}");
        let schema = plugin.config_schema();
        assert_eq!(schema["type"], "object", "{name}: {schema}");
        assert_eq!(schema["additionalProperties"], false, "{name}: {schema}");
        let properties = schema["properties"].as_object();
        let bare = ["encrypted", "median", "pass-through", "preferred"].contains(&name);
        assert_eq!(properties.is_none(), bare, "{name} has parameters: {schema}");
        for (key, property) in properties.into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}, {key}: {property}");
            assert!(property.get("default").is_some(), "{name}, {key}: {property}");
            let number = !["boolean", "object", "string"].iter().any(|other| property["type"] == *other);
            let bounded = ["minimum", "exclusiveMinimum"].iter().any(|bound| property.get(bound).is_some());
            assert_eq!(number, bounded, "{name}, {key}: {property}");
        }
    }
}

#[test]
fn every_shipped_plugin_is_listed_here() {
    let shipped = std::fs::read_dir(target::plugins()).unwrap().map(|file| file.unwrap().path());
    let shipped = shipped.filter(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    for path in shipped {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let listed = AGGREGATORS.into_iter().chain(OTHERS.map(|(name, _)| name));
        assert!(listed.into_iter().any(|listed| listed == name), "{name}");
    }
}

/// A plugin is known by the digest of its file, which has to be the same whoever builds it.
#[test]
fn no_component_knows_where_it_was_built() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let folders = [Some(workspace.to_owned()), Some(target::folder()), std::env::home_dir(), cargo];
    for name in AGGREGATORS.into_iter().chain(OTHERS.map(|(name, _)| name)).chain(["misbehaving"]) {
        let component = std::fs::read(target::component(name).unwrap()).unwrap();
        let holds = |text: &[u8]| component.windows(text.len()).any(|bytes| bytes == text);
        // They do have paths, with which panics say where they are; those of other worlds may have none that panics.
        let other = OTHERS.iter().any(|(other, _)| *other == name);
        assert!(other || holds(b"sdk/plugin/src/"), "{name}");
        for folder in folders.iter().flatten().filter(|folder| folder.parent().is_some()) {
            let folder = folder.join("");
            assert!(!holds(folder.as_os_str().as_encoded_bytes()), "{name} has a path in {}", folder.display());
        }
    }
}

#[test]
fn what_is_not_webassembly_is_refused() {
    for bytes in [&b""[..], b"text", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\xff\xff\xff\xff", &[0xff; 1000]] {
        let error = runtime(Limits::default()).load("test", bytes).unwrap_err();
        assert_eq!(error.code(), "PLUGIN_NOT_A_COMPONENT", "{bytes:?}: {error}");
    }
}

#[test]
fn a_component_that_is_too_large_is_refused_before_it_is_looked_at() {
    let runtime = Runtime::new(Limits { component_bytes: 1000, ..Limits::default() }, None).unwrap();
    let error = runtime.load("test", &[0; 1001]).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { bytes: 1001, limit: 1000 }), "{error}");
}

const EXPORT: &str = r#"(instance $a) (export "fedwit:plugin/aggregator@0.1.0" (instance $a))"#;

#[test]
fn a_component_that_wants_what_there_is_not_is_refused_by_the_name_of_what_it_wants() {
    for import in
        ["wasi:keyvalue/store@0.2.0", "wasi:io/poll@0.3.0", "fedwit:plugin/blobs@0.1.0", "other:package/a@1.0.0"]
    {
        let error = load(&format!(r#"(component (import "{import}" (instance)) {EXPORT})"#));
        assert!(matches!(&error, LoadError::Import(name) if name == import), "{error}");
    }
    let error = load(&format!(r#"(component (import "spy" (func)) {EXPORT})"#));
    assert!(matches!(&error, LoadError::Import(name) if name == "spy"), "{error}");
}

#[test]
fn a_component_whose_wasi_is_another_is_refused() {
    let clock = r#"(import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result string)))))"#;
    let error = load(&format!("(component {clock} {EXPORT})"));
    assert_eq!(error.code(), "PLUGIN_MISMATCH", "{error}");
}

#[test]
fn a_component_of_no_world_is_refused() {
    let error = load("(component)");
    assert!(matches!(&error, LoadError::Export(names) if names.contains("client-selector@0.1.0")), "{error}");
}

#[test]
fn a_component_of_two_worlds_is_refused() {
    let error = load(&format!(
        r#"(component {EXPORT} (instance $b) (export "fedwit:plugin/load-balancer@0.1.0" (instance $b)))"#
    ));
    assert!(matches!(error, LoadError::TwoWorlds(World::Aggregator, World::LoadBalancer)), "{error}");
}

#[test]
fn a_component_with_other_types_is_refused() {
    let error = load(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $a (export "describe" (func $f)))
            (export "fedwit:plugin/aggregator@0.1.0" (instance $a)))"#,
    );
    assert_eq!(error.code(), "PLUGIN_MISMATCH", "{error}");
    let error = load(
        r#"(component
            (import "fedwit:plugin/log@0.1.0" (instance (export "write" (func (param "text" string)))))
            (instance $a)
            (export "fedwit:plugin/aggregator@0.1.0" (instance $a)))"#,
    );
    assert_eq!(error.code(), "PLUGIN_MISMATCH", "{error}");
}

#[test]
fn a_component_whose_memory_is_too_large_from_the_start_is_refused() {
    let runtime = Runtime::new(Limits { memory_bytes: 64 << 10, ..Limits::default() }, None).unwrap();
    let limits = Limits::default();
    let honest = plugin(&fedwit_tests::runtime(limits), "fedavg");
    let path = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("plugins/fedavg.wasm");
    let error = runtime.load("fedavg", &std::fs::read(path).unwrap()).unwrap_err();
    assert_eq!(error.code(), "PLUGIN_LIMIT", "{error}");
    assert_eq!(honest.name(), "fedavg");
}
