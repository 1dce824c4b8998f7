//! The rules of aggregators.

mod configuration;
mod folding;
mod keeping;
mod refusing;

use std::cell::Cell;
use std::time::Instant;

use fedwit_runtime::Plugin;
use serde_json::{Map, Value};

use crate::scene::{Broken, Scene};
use crate::{Finding, Report, Verdict};

/// A rule: its name, what it asks for, and how it is looked at.
type Rule = (&'static str, &'static str, fn(&Scene<'_>) -> Result<Verdict, Broken>);

const RULES: [Rule; 13] = [
    ("defaults-are-accepted", "the defaults that its schema names are those that it has", configuration::defaults),
    (
        "unknown-keys-are-refused",
        "a key that its schema does not name is refused as invalid",
        configuration::unknown_keys,
    ),
    ("order-does-not-matter", "updates give one model in whatever order they come", folding::order),
    ("merging-equals-adding", "shares that are merged give what one fold gives", folding::merging),
    ("empty-shares-count-nothing", "a share without updates has no effect", folding::empty_share),
    ("no-updates-fail", "a round without updates fails", folding::no_updates),
    ("repeatable", "the same round gives the same model to the last bit", folding::repeatable),
    ("state-survives-reload", "going on from a file is going on", keeping::reload),
    ("dtypes-are-kept", "models of every dtype are aggregated, and to the digits that it has", keeping::dtypes),
    ("metrics-are-finite", "what it measures are numbers", keeping::metrics),
    ("other-shares-are-refused", "a share of other tensors is refused", refusing::shares),
    ("other-states-are-refused", "a state of other tensors is refused", refusing::states),
    ("refusals-change-nothing", "what was refused or rejected leaves no trace in the model", refusing::traces),
];

/// Looks at every rule, whatever came of those before.
pub(crate) fn check(plugin: &Plugin, config: &Map<String, Value>) -> Report {
    let scene = Scene { plugin, config, instances: Cell::new(0) };
    let began = Instant::now();
    let findings = RULES.iter().map(|(rule, asks, look)| {
        let began = Instant::now();
        let verdict = look(&scene).unwrap_or_else(|Broken(how)| Verdict::Failed(how));
        Finding { rule, asks, verdict, duration: began.elapsed() }
    });
    let findings = findings.collect();
    let used = plugin.metrics();
    Report {
        findings,
        instances: scene.instances.get(),
        peak_memory_bytes: used.peak_memory_bytes,
        peak_tensor_bytes: used.peak_tensor_bytes,
        duration: began.elapsed(),
    }
}
