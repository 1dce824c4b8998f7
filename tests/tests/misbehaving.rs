//! A plugin that does what it must not: each mischief ends with its typed error, which names plugin, version and
//! function, and the next call on another instance works.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use fedwit_runtime::{AddError, Fault, Limit, Limits, Outcome, Plugin, PluginError};
use fedwit_tensor::{DType, Parameters};
use fedwit_tests::{model, plugin, round, runtime, update, values};

const FUNCTIONS: [&str; 5] = ["begin", "add", "partial", "merge", "finish"];

/// Small enough that a test of each is quick, large enough for any honest plugin.
fn limits() -> Limits {
    Limits {
        memory_bytes: 32 << 20,
        handles: 500,
        tensor_bytes: 1 << 20,
        bytes_per_host_call: 4 << 20,
        guest_time: Duration::from_millis(300),
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
/// after it must work.
fn each(mischief: &str, functions: &[&str], is: impl Fn(&Fault) -> bool) {
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
    // Thirty times the limit: not a measurement, but far from for ever.
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}

#[test]
fn spinning_through_host_calls_is_stopped() {
    let is = |fault: &Fault| matches!(fault, Fault::Limit(Limit::GuestTime { .. } | Limit::CallTime { .. }));
    let limits = Limits { call_time: Duration::from_secs(2), ..limits() };
    let plugin = plugin(&runtime(limits), "misbehaving");
    for mischief in ["big-log", "busy-host"] {
        let error = run(&plugin, &format!(r#"{{"mischief": "{mischief}", "in": "add"}}"#)).unwrap_err();
        assert!(is(&error.fault), "{mischief}: {error}");
    }
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
