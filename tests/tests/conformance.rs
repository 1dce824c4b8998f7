//! What every aggregator has to do: ours do, and each rule can be broken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use fedwit_conformance::{Report, Verdict, check};
use fedwit_runtime::{Limits, World};
use fedwit_tests::{plugin, runtime, target};
use serde_json::{Map, Value, json};

fn config(config: &Value) -> Map<String, Value> {
    config.as_object().unwrap().clone()
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Failed(_)));
    failed.map(|finding| finding.rule).collect()
}

#[test]
fn every_aggregator_that_is_shipped_conforms() {
    let runtime = runtime(Limits::default());
    let mut names: Vec<String> = std::fs::read_dir(target::plugins())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    assert!(names.iter().any(|name| name == "fedavg"), "{names:?}");
    for name in names {
        let plugin = plugin(&runtime, &name);
        let Some(report) = check(&plugin, &Map::new()) else {
            assert_ne!(plugin.world(), World::Aggregator);
            continue;
        };
        assert!(report.passed(), "{name}: {:#?}", report.findings);
    }
}

#[test]
fn each_rule_can_be_broken() {
    let plugin = plugin(&runtime(Limits::default()), "wayward");
    let honest = check(&plugin, &Map::new()).unwrap();
    assert!(honest.findings.iter().all(|finding| finding.verdict == Verdict::Passed), "{:#?}", honest.findings);
    for (way, rule) in [
        ("other-defaults", "defaults-are-accepted"),
        ("any-key", "unknown-keys-are-refused"),
        ("last-wins", "order-does-not-matter"),
        ("drop-shares", "merging-equals-adding"),
        ("empty-counts", "empty-shares-count-nothing"),
        ("nothing", "no-updates-fail"),
        ("refuse-state", "state-survives-reload"),
        ("whole", "dtypes-are-kept"),
        ("not-finite", "metrics-are-finite"),
        ("any-share", "other-shares-are-refused"),
        ("any-state", "other-states-are-refused"),
        ("traces", "refusals-change-nothing"),
    ] {
        let report = check(&plugin, &config(&json!({ "way": way }))).unwrap();
        assert!(failed(&report).contains(&rule), "{way}: {:#?}", report.findings);
    }
}

#[test]
fn a_plugin_that_breaks_is_told_where() {
    let plugin = plugin(&runtime(Limits::default()), "misbehaving");
    let report = check(&plugin, &config(&json!({ "mischief": "trap", "in": "merge" }))).unwrap();
    let failed = failed(&report);
    assert!(failed.contains(&"merging-equals-adding") && !failed.contains(&"order-does-not-matter"), "{failed:?}");
    let finding = report.findings.iter().find(|finding| finding.rule == "merging-equals-adding").unwrap();
    assert!(matches!(&finding.verdict, Verdict::Failed(how) if how.contains("`merge`: trapped")), "{finding:?}");
}
