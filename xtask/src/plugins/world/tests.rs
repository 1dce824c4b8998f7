//! Guests in a few lines of text, against a world in a few lines: what is refused, and in what words.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::*;

const WORLD: &str = "aggregator-plugin";

/// Two worlds: one with two imports and an export, and one with nothing but an export.
const WIT: &str = "
    package test:plugin@0.1.0;
    interface log { write: func(level: u32); }
    interface clock { now: func() -> u64; }
    interface aggregator { finish: func() -> u32; }
    interface balancer { place: func() -> u32; }
    world aggregator-plugin { import log; import clock; export aggregator; }
    world balancer-plugin { export balancer; }
";

const FINISH: &str = r#"(func (export "test:plugin/aggregator@0.1.0#finish") (result i32) i32.const 0)"#;
const WRITE: &str = r#"(import "test:plugin/log@0.1.0" "write" (func (param i32)))"#;

fn world(wit_text: &str, name: &str) -> Result<(Resolve, WorldId)> {
    let mut wit = Resolve::default();
    let package = wit.push_str("test.wit", wit_text)?;
    let world = wit.select_world(&[package], Some(name))?;
    Ok((wit, world))
}

/// The component that a module of these `fields` makes with bindings for world `name` of `wit`.
fn guest(wit: &str, name: &str, fields: &[&str]) -> Result<Vec<u8>> {
    let (wit, world) = world(wit, name)?;
    let mut module = wat::parse_str(format!("(module {})", fields.join("\n")))?;
    embed_component_metadata(&mut module, &wit, world, StringEncoding::UTF8, false)?;
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}

fn check(component: &[u8]) -> Result<()> {
    let mut wit = Resolve::default();
    let package = wit.push_str("test.wit", WIT)?;
    PluginWorlds { wit, package }.check(component)
}

/// Why a component was refused.
fn refusal(component: &[u8]) -> String {
    let error = check(component).expect_err("the component is to be refused");
    error.to_string()
}

#[test]
fn a_guest_that_uses_only_some_imports_is_taken() -> Result<()> {
    check(&guest(WIT, WORLD, &[WRITE, FINISH])?)
}

#[test]
fn a_guest_that_exports_more_is_taken() -> Result<()> {
    let wit = WIT.replace("export aggregator;", "export aggregator; export init: func();");
    check(&guest(&wit, WORLD, &[FINISH, r#"(func (export "init"))"#])?)
}

#[test]
fn an_import_from_outside_of_the_world_is_named() -> Result<()> {
    let wit = format!(
        "{WIT} interface sockets {{ open: func(); }}
        world curious {{ import sockets; export aggregator; }}"
    );
    let open = r#"(import "test:plugin/sockets@0.1.0" "open" (func))"#;
    assert_eq!(
        refusal(&guest(&wit, "curious", &[open, FINISH])?),
        "it imports `test:plugin/sockets@0.1.0`, but in world `aggregator-plugin` there is only \
         `test:plugin/log@0.1.0`, `test:plugin/clock@0.1.0`"
    );
    Ok(())
}

#[test]
fn a_plain_function_as_an_import_is_named() -> Result<()> {
    let wit = format!("{WIT} world curious {{ import spy: func(); export aggregator; }}");
    let spy = r#"(import "$root" "spy" (func))"#;
    let refusal = refusal(&guest(&wit, "curious", &[spy, FINISH])?);
    assert!(refusal.starts_with("it imports `spy`, but"), "{refusal}");
    Ok(())
}

#[test]
fn a_missing_export_is_named() -> Result<()> {
    let wit = format!("{WIT} world idle {{ import log; export clock; }}");
    let now = r#"(func (export "test:plugin/clock@0.1.0#now") (result i64) i64.const 0)"#;
    assert_eq!(
        refusal(&guest(&wit, "idle", &[now])?),
        "it exports `test:plugin/clock@0.1.0`, but none of `test:plugin/aggregator@0.1.0`, \
         `test:plugin/balancer@0.1.0`, by which a plugin is known"
    );
    Ok(())
}

#[test]
fn a_module_without_bindings_exports_nothing() -> Result<()> {
    let component = ComponentEncoder::default().module(&wat::parse_str("(module)")?)?.encode()?;
    let refusal = refusal(&component);
    assert!(refusal.starts_with("it exports nothing, but none of"), "{refusal}");
    Ok(())
}

#[test]
fn another_version_of_an_interface_is_another_interface() -> Result<()> {
    let wit = WIT.replace("@0.1.0", "@0.2.0");
    let refusal = refusal(&guest(&wit, WORLD, &[&FINISH.replace("@0.1.0", "@0.2.0")])?);
    assert!(refusal.starts_with("it exports `test:plugin/aggregator@0.2.0`, but none of"), "{refusal}");
    Ok(())
}

#[test]
fn the_same_names_with_other_types_are_refused() -> Result<()> {
    let wit = WIT.replace("finish: func() -> u32", "finish: func() -> u64");
    let finish = FINISH.replace("i32", "i64");
    assert_eq!(
        refusal(&guest(&wit, WORLD, &[&finish])?),
        "its interfaces have the names but not the types of world `aggregator-plugin`"
    );
    Ok(())
}

#[test]
fn what_is_not_webassembly_is_no_component() {
    assert_eq!(refusal(b"not even a module"), "it is no component");
}

#[test]
fn a_world_is_known_by_its_export_and_has_imports_of_its_own() -> Result<()> {
    const PLACE: &str = r#"(func (export "test:plugin/balancer@0.1.0#place") (result i32) i32.const 0)"#;
    check(&guest(WIT, "balancer-plugin", &[PLACE])?)?;
    let wit = format!("{WIT} world curious {{ import log; export balancer; }}");
    assert_eq!(
        refusal(&guest(&wit, "curious", &[WRITE, PLACE])?),
        "it imports `test:plugin/log@0.1.0`, but in world `balancer-plugin` there is only nothing"
    );
    Ok(())
}

#[test]
fn a_guest_may_import_wasi() -> Result<()> {
    let wit = format!(
        "{WIT} world social {{ import wasi:cli/exit@0.2.0; export aggregator; }}
        package wasi:cli@0.2.0 {{ interface exit {{ exit: func(); }} }}"
    );
    check(&guest(&wit, "social", &[r#"(import "wasi:cli/exit@0.2.0" "exit" (func))"#, FINISH])?)
}

#[test]
fn the_worlds_of_this_workspace_can_be_read() -> Result<()> {
    let worlds = PluginWorlds::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit"))?;
    let exports: Vec<_> = worlds.worlds().flat_map(|world| worlds.exports(world)).collect();
    let interfaces = ["aggregator", "client-selector", "load-balancer", "storage-adapter"];
    assert_eq!(exports, interfaces.map(|name| format!("fedwit:plugin/{name}@0.1.0")));
    Ok(())
}
