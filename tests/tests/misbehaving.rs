//! A plugin that does what it must not: each mischief ends with its typed error, which names plugin, version and
//! function, and the next call on another instance works.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "misbehaving/beside.rs"]
mod beside;

use std::time::{Duration, Instant};

use beside::watched;
use fedwit_runtime::{AddError, Fault, Limit, Limits, Outcome, Plugin, PluginError};
use fedwit_tensor::{DType, Parameters};
use fedwit_tests::{Handmade, model, plugin, round, runtime, update, values};

const FUNCTIONS: [&str; 5] = ["begin", "add", "partial", "merge", "finish"];

/// Small enough that a test of each is quick, large enough for any honest plugin.
fn limits() -> Limits {
    Limits {
        memory_bytes: 32 << 20,
        handles: 500,
        tensor_bytes: 1 << 20,
        bytes_per_host_call: 4 << 20,
        guest_time: Duration::from_millis(100),
        call_time: Duration::from_secs(20),
        state_bytes: 1 << 16,
        ..Limits::default()
    }
}

fn global() -> Parameters {
    model(DType::F32, &[0.0; 1000])
}

/// A round with two instances, so that each function is called.
fn run(plugin: &Plugin, config: &str) -> Result<Outcome, PluginError> {
    let global = global();
    let sent = model(DType::F32, &[1.0; 1000]);
    let own = |result: Result<(), AddError>| match result {
        Err(AddError::Plugin(error)) => Err(error),
        other => {
            other.unwrap();
            Ok(())
        }
    };
    let mut share = plugin.begin(round(&global, config))?;
    own(share.add(update("a", 1, &sent, &global)))?;
    let mut whole = plugin.begin(round(&global, config))?;
    own(whole.merge(share.partial()?))?;
    own(whole.add(update("b", 1, &sent, &global)))?;
    whole.finish()
}

/// Runs one mischief in each function; each must fail there with a fault that `is` the right one, and an honest round
/// after it must work, as must those of another plugin meanwhile.
fn each(mischief: &'static str, functions: &'static [&'static str], is: impl Fn(&Fault) -> bool + Send + 'static) {
    watched(move || {
        let plugin = plugin(&runtime(limits()), "misbehaving");
        for function in functions {
            let config = format!(r#"{{"mischief": "{mischief}", "in": "{function}"}}"#);
            let error = run(&plugin, &config).expect_err(mischief);
            assert!(is(&error.fault), "{mischief} in {function}: {error}");
            assert_eq!((error.plugin.as_str(), error.function), ("misbehaving", *function), "{mischief}");
            assert!(error.to_string().contains(plugin.version()), "{error}");
            let honest = run(&plugin, r#"{"mischief": "none"}"#).expect("the next round works");
            assert_eq!(values(&honest.model), [1.0; 1000]);
        }
        assert!(plugin.metrics().calls > functions.len() as u64);
    });
}

/// What a plugin that is made by hand does in its `begin`.
fn begun(component: Handmade, limits: Limits) -> PluginError {
    watched(move || {
        let plugin = runtime(limits).load("handmade", &component.build()).expect("a plugin");
        plugin.begin(round(&global(), "{}")).err().expect("it does not begin")
    })
}

#[test]
fn spinning_for_ever_is_stopped() {
    each("spin", &FUNCTIONS, |fault| matches!(fault, Fault::Limit(Limit::GuestTime { .. })));
}

#[test]
fn spinning_is_stopped_soon() {
    let plugin = plugin(&runtime(limits()), "misbehaving");
    let start = Instant::now();
    run(&plugin, r#"{"mischief": "spin", "in": "add"}"#).unwrap_err();
    // A hundred times the limit: not a measurement, but far from for ever.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn waiting_inside_of_cheap_host_calls_is_stopped() {
    let is = |fault: &Fault| matches!(fault, Fault::Limit(Limit::GuestTime { .. } | Limit::CallTime { .. }));
    watched(move || {
        let limits = Limits { call_time: Duration::from_millis(100), ..limits() };
        let plugin = plugin(&runtime(limits), "misbehaving");
        for mischief in ["big-log", "busy-host", "endless-expression"] {
            let error = run(&plugin, &format!(r#"{{"mischief": "{mischief}", "in": "add"}}"#)).unwrap_err();
            assert!(is(&error.fault), "{mischief}: {error}");
        }
    });
}

#[test]
fn the_hosts_time_is_not_the_guests() {
    // Far more of the host's arithmetic than the guest may compute itself.
    let limits = Limits { guest_time: Duration::from_millis(100), call_time: Duration::from_secs(1), ..limits() };
    let error = watched(move || {
        let plugin = plugin(&runtime(limits), "misbehaving");
        let large = model(DType::F32, &vec![0.5; 1 << 20]);
        plugin.begin(round(&large, r#"{"mischief": "busy-host", "in": "begin"}"#)).err().expect("it is stopped")
    });
    assert!(matches!(error.fault, Fault::Limit(Limit::CallTime { .. })), "{error}");
}

#[test]
fn recursing_without_end_is_stopped() {
    each("recurse", &FUNCTIONS, |fault| matches!(fault, Fault::Limit(Limit::Stack { .. })));
}

#[test]
fn allocating_without_end_is_stopped() {
    each(
        "allocate",
        &FUNCTIONS,
        |fault| matches!(fault, Fault::Limit(Limit::Memory { limit, .. }) if *limit == 32 << 20),
    );
}

#[test]
fn leaking_handles_is_stopped() {
    each("leak-handles", &FUNCTIONS, |fault| matches!(fault, Fault::Limit(Limit::Handles { limit: 500 })));
}

#[test]
fn hoarding_tensors_is_stopped() {
    each("hoard-tensors", &FUNCTIONS, |fault| matches!(fault, Fault::Limit(Limit::TensorBytes { .. })));
}

#[test]
fn handing_over_too_much_is_stopped() {
    each("huge-call", &FUNCTIONS, |fault| matches!(fault, Fault::Limit(Limit::HostCallBytes { .. })));
}

#[test]
fn asking_for_too_many_pairs_is_stopped() {
    each("many-pairs", &["add"], |fault| {
        matches!(fault, Fault::Limit(Limit::HostCallBytes { .. } | Limit::Handles { .. }))
    });
}

#[test]
fn a_loud_failure_is_cut_and_escaped() {
    each(
        "loud-fail",
        &["finish"],
        |fault| matches!(fault, Fault::Failed(why) if why.len() < 50_000 && !why.contains('\x1b') && why.contains("cut")),
    );
}

#[test]
fn a_handle_that_was_dropped_is_none() {
    let careless = Handmade::new("aggregator")
        .with_fields(
            r#"(import "fedwit:plugin/tensors@0.1.0" "[resource-drop]parameters" (func $drop (param i32)))
            (import "fedwit:plugin/tensors@0.1.0" "[method]parameters.elements" (func $elements (param i32) (result i64)))"#,
            "",
        )
        .with("begin", "(call $drop (local.get 4)) (drop (call $elements (local.get 4))) (i32.const 0)");
    let error = begun(careless, limits());
    assert!(matches!(&error.fault, Fault::Trap(why) if why.contains("handle")), "{error}");
}

#[test]
fn absurd_lengths_are_refused() {
    let log = r#"(import "fedwit:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
    let read = r#"(import "fedwit:plugin/tensors@0.1.0" "[method]parameters.read"
        (func $read (param i32 i32 i32 i64 i64 i32)))"#;
    let median = r#"(import "fedwit:plugin/tensors@0.1.0" "median" (func $median (param i32 i32 i32)))"#;
    for (imports, body) in [
        (log, "(call $log (i32.const 0) (i32.const 0) (i32.const -1))"),
        (log, "(call $log (i32.const 0) (i32.const -1) (i32.const 1))"),
        (read, "(call $read (local.get 4) (i32.const 64) (i32.const 1) (i64.const 0) (i64.const -1) (i32.const 128))"),
        (median, "(call $median (i32.const 0) (i32.const 0x3fffffff) (i32.const 128))"),
        (median, "(call $median (i32.const 0) (i32.const 0x7000) (i32.const 128))"),
    ] {
        let absurd = Handmade::new("aggregator")
            .with_fields(imports, r#"(data (i32.const 64) "w")"#)
            .with("begin", &format!("{body} (i32.const 0)"));
        let error = begun(absurd, limits());
        assert!(matches!(error.fault, Fault::Trap(_) | Fault::Limit(Limit::HostCallBytes { .. })), "{body}: {error}");
    }
}

#[test]
fn more_parts_or_instances_than_there_may_be_are_refused() {
    let limits = Limits { instances: 2, ..limits() };
    let plugin = plugin(&runtime(limits.clone()), "misbehaving");
    let begin = || plugin.begin(round(&global(), "{}"));
    let (one, _other) = (begin().unwrap(), begin().unwrap());
    let error = begin().err().expect("a third one");
    assert!(matches!(error.fault, Fault::Limit(Limit::Instances { limit: 2 })), "{error}");
    drop(one);
    begin().expect("there is room again");
    let component = std::fs::read(fedwit_tests::target::component("misbehaving").unwrap()).unwrap();
    let error = runtime(Limits { parts: 0, ..limits }).load("misbehaving", &component).unwrap_err();
    assert!(error.to_string().contains("core instances"), "{error}");
}

#[test]
fn a_trap_is_an_error() {
    each("trap", &FUNCTIONS, |fault| matches!(fault, Fault::Trap(_)));
}

#[test]
fn a_failure_is_an_error_with_its_text() {
    each("fail", &FUNCTIONS, |fault| matches!(fault, Fault::Failed(why) if !why.is_empty()));
}

#[test]
fn a_model_that_cannot_be_the_next_one_is_refused() {
    for mischief in ["wrong-shape", "not-finite"] {
        each(mischief, &["finish"], |fault| matches!(fault, Fault::Model(_)));
    }
}

#[test]
fn state_that_is_too_long_is_refused() {
    each("huge-state", &["partial", "finish"], |fault| matches!(fault, Fault::Answer(_)));
}

#[test]
fn state_that_is_not_finite_is_refused() {
    each("poisoned-state", &["finish"], |fault| matches!(fault, Fault::Answer(why) if why.contains("`poison`")));
}

#[test]
fn nothing_is_called_after_a_trap() {
    let plugin = plugin(&runtime(limits()), "misbehaving");
    let global = global();
    let mut aggregation = plugin.begin(round(&global, r#"{"mischief": "trap", "in": "add"}"#)).unwrap();
    aggregation.add(update("a", 1, &global, &global)).unwrap_err();
    let error = aggregation.finish().unwrap_err();
    assert!(matches!(error.fault, Fault::Ended), "{error}");
}

#[test]
fn nothing_is_called_after_the_end() {
    let plugin = plugin(&runtime(limits()), "misbehaving");
    let global = global();
    let mut aggregation = plugin.begin(round(&global, r#"{"mischief": "none"}"#)).unwrap();
    aggregation.add(update("a", 1, &global, &global)).unwrap();
    aggregation.finish().unwrap();
    assert!(matches!(aggregation.finish().unwrap_err().fault, Fault::Ended));
}

#[test]
fn a_log_without_measure_is_cut_and_says_so() {
    let limits = Limits { log_line_bytes: 100, log_bytes: 1000, call_time: Duration::from_secs(1), ..limits() };
    let plugin = plugin(&runtime(limits), "misbehaving");
    let global = global();
    let mut aggregation = plugin.begin(round(&global, r#"{"mischief": "big-log", "in": "add"}"#)).unwrap();
    aggregation.add(update("a", 1, &global, &global)).unwrap_err();
    let lines = aggregation.log();
    assert!(lines.iter().map(|line| line.message.len()).sum::<usize>() < 4000, "{lines:?}");
    assert!(lines.last().unwrap().message.contains("dropped"), "{lines:?}");
}
