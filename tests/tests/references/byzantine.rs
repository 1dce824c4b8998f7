//! Krum and Bulyan in the plainest way, over clients in the order of their ids.

/// The clients by Krum's score, the closest to its neighbours first; of equals the first. Blanchard et al. 2017,
/// section 3: the score of a client is the sum of the squared distances to its `n - f - 2` nearest.
pub(crate) fn ranked(deltas: &[Vec<f64>], byzantine: usize) -> Vec<usize> {
    let all: Vec<usize> = (0..deltas.len()).collect();
    let mut ranked = all.clone();
    ranked.sort_by(|a, b| score(*a, &all, deltas, byzantine).total_cmp(&score(*b, &all, deltas, byzantine)));
    ranked
}

/// El Mhamdi et al. 2018, section 4: Krum is run on those who remain until `n - 2 f` are selected; then the mean of the
/// `n - 4 f` values nearest to the median of the selected, coordinate by coordinate.
pub(crate) fn bulyan(models: &[Vec<f64>], deltas: &[Vec<f64>], byzantine: usize) -> Vec<f64> {
    let (mut received, mut selected) = ((0..deltas.len()).collect::<Vec<_>>(), Vec::new());
    while selected.len() < deltas.len() - 2 * byzantine {
        let mut best = 0;
        for candidate in 1..received.len() {
            let score = |place: usize| score(received[place], &received, deltas, byzantine);
            if score(candidate) < score(best) {
                best = candidate;
            }
        }
        selected.push(received.remove(best));
    }
    let keep = selected.len() - 2 * byzantine;
    let coordinate = |index: usize| {
        let mut values: Vec<f64> = selected.iter().map(|client| models[*client][index]).collect();
        values.sort_by(f64::total_cmp);
        let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        values.sort_by(|a, b| (a - median).abs().total_cmp(&(b - median).abs()));
        values[..keep].iter().sum::<f64>() / keep as f64
    };
    (0..models[0].len()).map(coordinate).collect()
}

/// The mean of models.
pub(crate) fn mean(models: &[Vec<f64>]) -> Vec<f64> {
    let sum = |index: usize| models.iter().map(|model| model[index]).sum::<f64>();
    (0..models[0].len()).map(|index| sum(index) / models.len() as f64).collect()
}

fn score(of: usize, among: &[usize], deltas: &[Vec<f64>], byzantine: usize) -> f64 {
    let others = among.iter().filter(|other| **other != of);
    let mut distances: Vec<f64> =
        others.map(|other| deltas[of].iter().zip(&deltas[*other]).map(|(a, b)| (a - b) * (a - b)).sum()).collect();
    distances.sort_by(f64::total_cmp);
    // The last few have fewer neighbours than the formula asks for; it is never fewer than one.
    let neighbours = if among.len() > byzantine + 3 { among.len() - byzantine - 2 } else { 1 };
    distances.iter().take(neighbours).sum()
}
