//! The rules of aggregators.

mod configuration;
mod folding;
mod keeping;
mod refusing;
mod scene;

use crate::rule::Rule;

/// What every aggregator has to do.
pub(crate) const RULES: &[Rule] = &[
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
