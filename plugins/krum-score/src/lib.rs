//! How close an update is to its neighbours: what krum, multi-krum and bulyan choose updates by.
//!
//! Of `n` updates of which up to `f` are byzantine, the score of each is the sum of its `n - f - 2` smallest squared
//! distances to the others: Blanchard et al. 2017, "Machine Learning with Adversaries: Byzantine Tolerant Gradient
//! Descent", section 3. Distances are those of deltas, which the host computes from differences and sums in float64: on
//! whole weights the digits would go to what the updates have in common.
//!
//! Updates are known by their position, which is to be that of their clients' ids: of two with one score the first is
//! the closer.

use fedwit_plugin::{Error, Parameters, squared_distances};

/// The distances of a round's updates from each other.
#[derive(Debug)]
pub struct Neighbours {
    byzantine: u64,
    /// For each update its squared distances to the others and their positions, the nearest first.
    nearest: Vec<Vec<(f64, usize)>>,
}

/// An update, and how close it is to its neighbours: the smaller the score, the closer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The update's position.
    pub position: usize,
    /// The sum of its smallest squared distances.
    pub score: f64,
}

impl Neighbours {
    /// Takes the distances between these deltas, of which up to `byzantine` may be anything.
    ///
    /// # Errors
    /// [`Error::Failed`] if they do not fit together.
    pub fn of(deltas: &[Parameters], byzantine: u64) -> Result<Self, Error> {
        let count = deltas.len();
        let distances = squared_distances(&deltas.iter().collect::<Vec<_>>())?;
        let nearest = |position: usize| {
            let row = &distances[position * count..(position + 1) * count];
            let others = row.iter().copied().enumerate().filter(|(other, _)| *other != position);
            let mut others: Vec<_> = others.map(|(other, distance)| (distance, other)).collect();
            others.sort_unstable_by(|(left, _), (right, _)| left.total_cmp(right));
            others
        };
        Ok(Self { byzantine, nearest: (0..count).map(nearest).collect() })
    }

    /// All updates, the closest to its neighbours first.
    #[must_use]
    pub fn ranked(&self) -> Vec<Scored> {
        let all = vec![true; self.nearest.len()];
        let mut ranked: Vec<_> = self.scores(&all).collect();
        // A stable sort: updates of one score stay in their order.
        ranked.sort_by(|left, right| left.score.total_cmp(&right.score));
        ranked
    }

    /// The positions, in ascending order, of `count` updates: again and again the closest to its neighbours is taken out
    /// of what remains, and those who remain are scored anew, among themselves.
    #[must_use]
    pub fn taken_one_by_one(&self, count: usize) -> Vec<usize> {
        let mut remaining = vec![true; self.nearest.len()];
        for _ in 0..count {
            // The first of those with the smallest score.
            let closest = self.scores(&remaining).min_by(|left, right| left.score.total_cmp(&right.score));
            let Some(closest) = closest else { break };
            remaining[closest.position] = false;
        }
        (0..remaining.len()).filter(|position| !remaining[*position]).collect()
    }

    /// The scores of those who remain, in their order.
    fn scores(&self, remaining: &[bool]) -> impl Iterator<Item = Scored> {
        let count = remaining.iter().filter(|remains| **remains).count() as u64;
        // With few left none would have a neighbour, and all the same score.
        let summed = count.saturating_sub(self.byzantine.saturating_add(2)).max(1);
        let score = move |position: usize| {
            let others = self.nearest[position].iter().filter(|(_, other)| remaining[*other]);
            others.take(usize::try_from(summed).unwrap_or(usize::MAX)).map(|(distance, _)| distance).sum()
        };
        let positions = (0..remaining.len()).filter(|position| remaining[*position]);
        positions.map(move |position| Scored { position, score: score(position) })
    }
}

/// Fails unless there are at least `times * byzantine + 3` updates, and at least one.
///
/// # Errors
/// [`Error::Failed`] says how many there are and how many are needed.
pub fn enough(updates: usize, byzantine: u64, times: u64) -> Result<(), Error> {
    let needed = byzantine.saturating_mul(times).saturating_add(3);
    if updates as u64 >= needed {
        return Ok(());
    }
    let why = format!(
        "there are {updates} updates, but {needed} are needed where up to {byzantine} may be byzantine ({times} f + 3)"
    );
    Err(Error::Failed(why))
}

#[cfg(test)]
mod tests {
    use fedwit_plugin::DType;
    use fedwit_plugin::testing::parameters;

    use super::*;

    fn neighbours(values: &[f64], byzantine: u64) -> Neighbours {
        let deltas: Vec<_> = values.iter().map(|value| parameters(DType::Float64, &[("w", &[*value])])).collect();
        Neighbours::of(&deltas, byzantine).unwrap()
    }

    fn positions(ranked: &[Scored]) -> Vec<usize> {
        ranked.iter().map(|scored| scored.position).collect()
    }

    /// Of five with one byzantine the two nearest count.
    #[test]
    fn a_score_is_the_sum_of_the_smallest_squared_distances() {
        let ranked = neighbours(&[0.0, 1.0, 3.0, 4.0, 100.0], 1).ranked();
        let scores: Vec<_> = ranked.iter().map(|scored| (scored.position, scored.score)).collect();
        assert_eq!(scores, [(1, 5.0), (2, 5.0), (0, 10.0), (3, 10.0), (4, 96.0 * 96.0 + 97.0 * 97.0)]);
    }

    #[test]
    fn of_one_score_the_first_is_the_closer() {
        assert_eq!(positions(&neighbours(&[5.0, 5.0, 5.0, 5.0], 0).ranked()), [0, 1, 2, 3]);
        assert_eq!(neighbours(&[5.0, 5.0, 5.0, 5.0], 0).taken_one_by_one(2), [0, 1]);
    }

    #[test]
    fn small_updates_keep_their_digits() {
        let small = |step: f64| parameters(DType::Float32, &[("w", &[1e-6 * step, 1e-6])]);
        let deltas = [1.0, 1.5, 1.6, 4.0].map(small);
        assert_eq!(positions(&Neighbours::of(&deltas, 0).unwrap().ranked()), [1, 2, 0, 3]);
    }

    /// When 12, 11 and 13 are gone, one neighbour counts: 1 and 4 have each other, at a distance of 9, while the nearest
    /// to 9 and to 15 are at 25 and 36.
    #[test]
    fn those_who_remain_are_scored_among_themselves() {
        let neighbours = neighbours(&[1.0, 4.0, 9.0, 11.0, 12.0, 13.0, 15.0], 1);
        assert_eq!(positions(&neighbours.ranked()), [4, 3, 5, 2, 6, 1, 0], "by the first scores alone");
        assert_eq!(neighbours.taken_one_by_one(3), [3, 4, 5]);
        assert_eq!(neighbours.taken_one_by_one(4), [0, 3, 4, 5]);
        assert_eq!(neighbours.taken_one_by_one(5), [0, 1, 3, 4, 5]);
    }

    #[test]
    fn the_last_ones_are_scored_by_one_neighbour_and_the_very_last_by_none() {
        let neighbours = neighbours(&[0.0, 10.0, 11.0, 13.0], 2);
        assert_eq!(positions(&neighbours.ranked()), [1, 2, 3, 0]);
        assert_eq!(neighbours.taken_one_by_one(2), [1, 2]);
        assert_eq!(neighbours.taken_one_by_one(4), [0, 1, 2, 3]);
    }

    /// Squares of large float64 values are infinite, and must not keep an honest majority from being told.
    #[test]
    fn infinite_distances_are_the_farthest() {
        let ranked = neighbours(&[1e200, 1.0, 2.0, 3.0, -1e200], 1).ranked();
        assert_eq!(positions(&ranked), [2, 1, 3, 0, 4]);
        assert!(ranked[4].score.is_infinite());
    }

    #[test]
    fn too_few_updates_are_told_with_both_numbers() {
        enough(5, 1, 2).unwrap();
        enough(3, 0, 4).unwrap();
        let Err(Error::Failed(why)) = enough(6, 1, 4) else { panic!("six are too few") };
        assert!(why.contains("6 updates") && why.contains("7 are needed"), "{why}");
        enough(usize::MAX, u64::MAX, 2).unwrap();
        enough(1000, u64::MAX, 2).unwrap_err();
    }
}
