//! What a plugin sees of the system: guests that look for it, through their standard library and by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use fedwit_runtime::{Fault, Grants, Level, Limit, Limits, LoadError, Permission, Plugin, PluginError, Round};
use fedwit_tensor::DType;
use fedwit_tests::{Handmade, model, plugin, round, runtime};

/// How a begin goes that cannot go well.
fn begin(plugin: &Plugin, round: Round) -> PluginError {
    plugin.begin(round).err().expect("it does not begin")
}

fn at(place: &str) -> Round {
    round(&model(DType::F32, &[0.0]), &format!(r#"{{"at": "{place}"}}"#))
}

fn curious(limits: Limits) -> Plugin {
    plugin(&runtime(limits), "curious")
}

/// What the curious guest says that it has seen.
fn seen(place: &str) -> String {
    let error = begin(&curious(Limits::default()), at(place));
    assert_eq!((error.plugin.as_str(), error.function), ("curious", "begin"));
    match error.fault {
        Fault::Failed(seen) => seen,
        other => panic!("{place}: {other}"),
    }
}

#[test]
fn there_are_no_files() {
    let seen = seen("files");
    assert!(seen.matches("no:").count() == 3 && !seen.contains("ok"), "{seen}");
}

#[test]
fn there_is_no_network() {
    let seen = seen("network");
    assert!(seen.matches("no:").count() == 4 && !seen.contains("ok"), "{seen}");
}

#[test]
fn there_is_no_environment() {
    // The test has one.
    assert!(std::env::vars().count() > 0);
    assert_eq!(seen("environment"), "0 variables, 0 arguments, ok of input");
}

#[test]
fn the_clock_stands_still() {
    assert_eq!(seen("clocks"), "946684800 s, still");
}

#[test]
fn random_numbers_follow_from_the_seed() {
    let curious = curious(Limits::default());
    let drawn = |seed: u64| begin(&curious, Round { seed, ..at("randomness") }).fault.to_string();
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn a_wait_ends_with_the_calls_time() {
    let limits = Limits { call_time: Duration::from_millis(100), ..Limits::default() };
    let start = Instant::now();
    let error = begin(&curious(limits), at("sleep"));
    assert!(matches!(error.fault, Fault::Limit(Limit::CallTime { .. })), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn output_is_bounded_like_the_log() {
    let limits = Limits { guest_time: Duration::from_millis(100), ..Limits::default() };
    let error = begin(&curious(limits), at("endless-output"));
    assert!(matches!(error.fault, Fault::Limit(Limit::GuestTime { .. })), "{error}");
}

#[test]
fn output_goes_to_the_log() {
    let mut aggregation = curious(Limits::default()).begin(at("output")).unwrap();
    let lines: Vec<_> = aggregation.log().into_iter().map(|line| (line.level, line.message)).collect();
    let said = [(Level::Info, "a line"), (Level::Warn, "a warning"), (Level::Warn, "and half a line")];
    assert_eq!(lines, said.map(|(level, message)| (level, message.to_owned())));
}

#[test]
fn a_guest_that_ends_itself_ends_its_call() {
    let error = begin(&curious(Limits::default()), at("exit"));
    assert!(matches!(&error.fault, Fault::Trap(why) if why.contains("exit")), "{error}");
}

const RANDOM: &str = "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }";
const CLOCK: &str = "package wasi:clocks@0.2.0; interface monotonic-clock { now: func() -> u64; }";
const SECRETS: &str = r#"(import "fedwit:plugin/secrets@0.1.0" "get" (func $secret (param i32 i32 i32)))"#;

/// Fails with sixteen letters that stand for the number that `function` gives.
fn teller(interface: &'static str, package: &str, function: &str) -> Handmade {
    Handmade::new("aggregator")
        .importing(interface, package)
        .with_fields(
            &format!(r#"(import "{interface}" "{function}" (func $number (result i64)))"#),
            r#"(func $tell (param $number i64)
                (local $place i32)
                (loop $next
                    (i32.store8 (i32.add (i32.const 64) (local.get $place)) (i32.add (i32.const 97)
                        (i32.and (i32.const 15) (i32.wrap_i64 (local.get $number)))))
                    (local.set $number (i64.shr_u (local.get $number) (i64.const 4)))
                    (local.set $place (i32.add (local.get $place) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $place) (i32.const 16)))))
            (data (i32.const 0) "\01\00\00\00\02\00\00\00\40\00\00\00\10\00\00\00")"#,
        )
        .with("begin", "(call $tell (call $number)) (i32.const 0)")
}

fn load(component: &Handmade) -> Plugin {
    runtime(Limits::default()).load("handmade", &component.build()).unwrap()
}

/// What a plugin fails with.
fn told(plugin: &Plugin, seed: u64) -> String {
    let error = begin(plugin, Round { seed, ..round(&model(DType::F32, &[0.0]), "{}") });
    assert!(matches!(error.fault, Fault::Failed(_)), "{error}");
    error.fault.to_string()
}

#[test]
fn true_randomness_is_granted_or_not_there() {
    let asks = teller("wasi:random/random@0.2.0", RANDOM, "get-random-u64");
    let grants = Grants::default().with(Permission::TrueRandomness);
    // It was granted, but not declared.
    let undeclared = load(&asks).granted(&grants).unwrap();
    assert_eq!(told(&undeclared, 1), told(&undeclared, 1));
    let declared = load(&asks.wants(4, "")).granted(&grants).unwrap();
    assert_ne!(told(&declared, 1), told(&declared, 1));
}

#[test]
fn the_time_is_granted_or_stands_still() {
    let asks = teller("wasi:clocks/monotonic-clock@0.2.0", CLOCK, "now");
    let grants = Grants::default().with(Permission::WallClock);
    let undeclared = load(&asks).granted(&grants).unwrap();
    assert_eq!(told(&undeclared, 1), told(&undeclared, 2));
    let declared = load(&asks.wants(3, "")).granted(&grants).unwrap();
    assert_ne!(told(&declared, 1), told(&declared, 1));
}

/// Fails with the secret `key`, or with the host's reason not to tell it. A result of a secret and one of an error differ
/// in their layout: a list lies at address 4, a text behind the error's case at 8.
fn confidant() -> Handmade {
    Handmade::new("aggregator")
        .with_fields(SECRETS, r#"(data (i32.const 0) "\01\00\00\00\02\00\00\00") (data (i32.const 64) "key")"#)
        .with(
            "begin",
            "(call $secret (i32.const 64) (i32.const 3) (i32.const 128))
            (if (i32.load8_u (i32.const 128))
                (then (i64.store (i32.const 8) (i64.load (i32.const 136))))
                (else (i64.store (i32.const 8) (i64.load (i32.const 132)))))
            (i32.const 0)",
        )
}

#[test]
fn a_secret_is_told_to_who_declared_it_and_was_granted_it() {
    let grants = Grants::default().with_secret("key", b"hunter2");
    assert_eq!(told(&load(&confidant().wants(2, "key")).granted(&grants).unwrap(), 1), "failed: hunter2");
    let undeclared = told(&load(&confidant()).granted(&grants).unwrap(), 1);
    assert!(undeclared.contains("not granted") && undeclared.contains("key"), "{undeclared}");
}

#[test]
fn a_plugin_that_wants_what_was_not_granted_does_not_run() {
    let plugin = load(&confidant().wants(2, "key").wants(3, ""));
    assert_eq!(plugin.permissions(), [Permission::Secret("key".to_owned()), Permission::WallClock]);
    let error = begin(&plugin, round(&model(DType::F32, &[0.0]), "{}"));
    assert!(error.to_string().contains("`secret:key`"), "{error}");
    assert_eq!(error.fault.code(), "PLUGIN_NOT_GRANTED");
    let error = plugin.granted(&Grants::default().with_secret("key", b"1")).unwrap_err();
    assert!(matches!(&error, LoadError::NotGranted { permission: Permission::WallClock, .. }), "{error}");
}

#[test]
fn what_nobody_can_grant_is_refused_when_it_is_loaded() {
    let runtime = runtime(Limits::default());
    for (number, text) in [(0, "a.example:443"), (1, "blobs/"), (2, "../key")] {
        let component = Handmade::new("aggregator").wants(number, text).build();
        let error = runtime.load("handmade", &component).unwrap_err();
        assert!(error.code() == "PLUGIN_DESCRIPTION" && error.to_string().contains(text), "{error}");
    }
}

#[test]
fn what_has_no_way_to_say_no_ends_the_call() {
    let asks = Handmade::new("aggregator")
        .importing("wasi:http/spy@0.2.0", "package wasi:http@0.2.0; interface spy { look: func() -> u64; }")
        .with_fields(r#"(import "wasi:http/spy@0.2.0" "look" (func $look (result i64)))"#, "")
        .with("begin", "(drop (call $look)) (i32.const 0)");
    let error = begin(&load(&asks), round(&model(DType::F32, &[0.0]), "{}"));
    assert!(matches!(&error.fault, Fault::Denied(name) if name == "wasi:http/spy@0.2.0#look"), "{error}");
}
