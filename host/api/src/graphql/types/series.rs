//! How metrics went from round to round.

use std::collections::BTreeMap;

use async_graphql::SimpleObject;
use fedwit_domain::{Metrics, SessionId};
use fedwit_store::{MAX_PAGE, Page, RoundFilter, RoundRow, Store};

use crate::graphql::Failure;

/// A metric from round to round, ready to be plotted: the value at an index is of the round at that index. Rounds that
/// have no value are left out.
#[derive(SimpleObject, Debug, PartialEq)]
pub(in crate::graphql) struct MetricSeries {
    /// The metric.
    name: String,
    /// The rounds, in their order.
    rounds: Vec<u32>,
    /// The value of each.
    values: Vec<f64>,
}

/// The rounds of a session, in their order; of a session that has more than can be read at once, the last ones.
pub(super) async fn rounds(store: &Store, session: SessionId) -> Result<Vec<RoundRow>, Failure> {
    let filter = RoundFilter { session: Some(session), ..RoundFilter::default() };
    let mut rows = store.rounds(&filter, Page::last(MAX_PAGE)).await?.rows;
    rows.reverse();
    Ok(rows)
}

/// Turns metrics by round into rounds by metric; those that are wanted, or all.
pub(super) fn series<'a>(
    rounds: impl Iterator<Item = (u32, &'a Metrics)>,
    names: Option<&[String]>,
) -> Vec<MetricSeries> {
    let mut by_name: BTreeMap<&str, (Vec<u32>, Vec<f64>)> = BTreeMap::new();
    for (round, metrics) in rounds {
        let wanted = |name: &String| names.is_none_or(|names| names.contains(name));
        for (name, value) in metrics.iter().filter(|(name, _)| wanted(name)) {
            let (rounds, values) = by_name.entry(name).or_default();
            rounds.push(round);
            values.push(*value);
        }
    }
    let series = by_name.into_iter();
    series.map(|(name, (rounds, values))| MetricSeries { name: name.to_owned(), rounds, values }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_the_rounds_that_have_a_value() {
        let first = Metrics::from([("loss".to_owned(), 3.0), ("accuracy".to_owned(), 0.5)]);
        let third = Metrics::from([("loss".to_owned(), 1.0)]);
        let rounds = [(1, &first), (3, &third)];
        let loss = MetricSeries { name: "loss".to_owned(), rounds: vec![1, 3], values: vec![3.0, 1.0] };
        let accuracy = MetricSeries { name: "accuracy".to_owned(), rounds: vec![1], values: vec![0.5] };
        assert_eq!(series(rounds.into_iter(), None), [accuracy, loss]);
        let only = ["loss".to_owned(), "unknown".to_owned()];
        assert_eq!(series(rounds.into_iter(), Some(&only)).len(), 1);
    }
}
