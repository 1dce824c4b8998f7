//! What clients measure, and its means.

use std::collections::BTreeMap;

/// Finite values by name.
pub type Metrics = BTreeMap<String, f64>;

/// The mean of every metric over those who measured it, weighted; with a running mean, which large weights do not
/// overflow. Weights are positive and finite.
#[must_use]
pub fn weighted_means<'a>(measured: impl IntoIterator<Item = (&'a Metrics, f64)>) -> Metrics {
    let mut means: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (metrics, weight) in measured {
        for (name, value) in metrics {
            let (mean, total) = means.entry(name).or_default();
            *total += weight;
            *mean += (value - *mean) * (weight / *total);
        }
    }
    means.into_iter().map(|(name, (mean, _))| (name.to_owned(), mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_over_those_who_measured() {
        let first = Metrics::from([("loss".to_owned(), 1.0), ("accuracy".to_owned(), 0.5)]);
        let second = Metrics::from([("loss".to_owned(), 4.0)]);
        let means = weighted_means([(&first, 10.0), (&second, 20.0)]);
        assert_eq!(means, Metrics::from([("loss".to_owned(), 3.0), ("accuracy".to_owned(), 0.5)]));
        assert_eq!(weighted_means([]), Metrics::new());
    }
}
