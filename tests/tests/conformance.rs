//! What every plugin of a world has to do: ours do, and each rule can be broken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use fedwit_conformance::{Report, Verdict};
use fedwit_runtime::{Limits, Plugin};
use fedwit_tests::{plugin, runtime, target};
use serde_json::{Map, Value, json};

fn check(plugin: &Plugin, config: &Value) -> Report {
    let config: &Map<String, Value> = config.as_object().unwrap();
    fedwit_conformance::check(plugin, config, &BTreeMap::new())
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Failed(_)));
    failed.map(|finding| finding.rule).collect()
}

#[test]
fn every_plugin_that_is_shipped_conforms() {
    let runtime = runtime(Limits::default());
    let mut names: Vec<String> = std::fs::read_dir(target::plugins())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    for shipped in ["fedavg", "least-loaded", "preferred"] {
        assert!(names.iter().any(|name| name == shipped), "{names:?}");
    }
    for name in names {
        let report = check(&plugin(&runtime, &name), &json!({}));
        assert!(report.passed() && report.instances > 0, "{name}: {:#?}", report.findings);
    }
}

/// Each way breaks its rule, and every rule of the world is broken by one.
fn breaks(guest: &str, ways: &[(&str, &str)], otherwise: &[&str]) {
    let plugin = plugin(&runtime(Limits::default()), guest);
    let honest = check(&plugin, &json!({}));
    assert!(honest.passed(), "{:#?}", honest.findings);
    for (way, rule) in ways {
        let report = check(&plugin, &json!({ "way": way }));
        assert!(failed(&report).contains(rule), "{way}: {:#?}", report.findings);
    }
    let broken: BTreeSet<&str> = ways.iter().map(|(_, rule)| *rule).chain(otherwise.iter().copied()).collect();
    assert_eq!(broken, honest.findings.iter().map(|finding| finding.rule).collect());
}

#[test]
fn each_rule_of_aggregators_can_be_broken() {
    let ways = [
        ("other-defaults", "defaults-are-accepted"),
        ("any-key", "unknown-keys-are-refused"),
        ("last-wins", "order-does-not-matter"),
        ("drop-shares", "merging-equals-adding"),
        ("empty-counts", "empty-shares-count-nothing"),
        ("nothing", "no-updates-fail"),
        ("dice", "repeatable"),
        ("refuse-state", "state-survives-reload"),
        ("whole", "dtypes-are-kept"),
        ("not-finite", "metrics-are-finite"),
        ("any-share", "other-shares-are-refused"),
        ("any-state", "other-states-are-refused"),
        ("traces", "refusals-change-nothing"),
    ];
    breaks("wayward", &ways, &[]);
}

#[test]
fn each_rule_of_client_selectors_can_be_broken() {
    let ways = [
        ("other-defaults", "defaults-are-accepted"),
        ("any-key", "unknown-keys-are-refused"),
        ("stranger", "candidates-are-chosen"),
        ("dice", "repeatable"),
        ("first-come", "order-does-not-matter"),
        ("no-choice", "one-candidate-is-enough"),
        ("few", "many-candidates-are-handled"),
    ];
    breaks("wayward-selector", &ways, &["requests-are-kept-to"]);
    // It may choose some to spare, which is told and not held against it.
    let report = check(&plugin(&runtime(Limits::default()), "wayward-selector"), &json!({ "way": "everybody" }));
    let requests = report.findings.iter().find(|finding| finding.rule == "requests-are-kept-to").unwrap();
    assert!(matches!(&requests.verdict, Verdict::Noted(what) if what.contains("it chooses 12")), "{requests:?}");
    assert!(report.passed(), "{:#?}", report.findings);
}

#[test]
fn each_rule_of_load_balancers_can_be_broken() {
    let ways = [
        ("other-defaults", "defaults-are-accepted"),
        ("any-key", "unknown-keys-are-refused"),
        ("elsewhere", "combiners-are-named"),
        ("dice", "repeatable"),
        ("no-choice", "one-combiner-is-enough"),
        ("no-room", "no-room-is-an-answer"),
        ("few", "many-combiners-are-handled"),
    ];
    breaks("wayward-balancer", &ways, &[]);
}

#[test]
fn each_rule_of_storage_adapters_can_be_broken() {
    let ways = [
        ("other-defaults", "defaults-are-accepted"),
        ("any-key", "unknown-keys-are-refused"),
        ("cut", "what-was-put-is-got"),
        ("keep-first", "putting-anew-replaces"),
        ("keep-removed", "removing-lets-go"),
        ("forget", "survives-reopening"),
        ("ignore", "failures-are-told"),
        ("one-page", "keys-are-listed"),
    ];
    breaks("wayward-adapter", &ways, &["tampering-is-detected"]);
    // It hands blobs on as they are, which is told and not held against it.
    let report = check(&plugin(&runtime(Limits::default()), "wayward-adapter"), &json!({}));
    let tampering = report.findings.iter().find(|finding| finding.rule == "tampering-is-detected").unwrap();
    let all = ["first byte", "middle", "last byte", "cut end", "appended", "change places"];
    assert!(
        matches!(&tampering.verdict, Verdict::Noted(what) if all.iter().all(|part| what.contains(part))),
        "{tampering:?}"
    );
}

#[test]
fn what_a_plugin_used_is_counted() {
    let report = check(&plugin(&runtime(Limits::default()), "fedavg"), &json!({}));
    assert!(report.peak_memory_bytes > 0 && report.peak_tensor_bytes > 0, "{report:?}");
    // A global model, an accumulator, and an update with its delta, but not those of all twelve clients at a time.
    assert!((3..12).contains(&report.peak_handles), "{report:?}");
}

#[test]
fn a_plugin_that_breaks_is_told_where() {
    let plugin = plugin(&runtime(Limits::default()), "misbehaving");
    let report = check(&plugin, &json!({ "mischief": "trap", "in": "merge" }));
    let failed = failed(&report);
    assert!(failed.contains(&"merging-equals-adding") && !failed.contains(&"order-does-not-matter"), "{failed:?}");
    let finding = report.findings.iter().find(|finding| finding.rule == "merging-equals-adding").unwrap();
    assert!(matches!(&finding.verdict, Verdict::Failed(how) if how.contains("`merge`: trapped")), "{finding:?}");
}
