//! Numbers that are made of every client's value of one coordinate at once: they cannot be folded as updates arrive.
//!
//! Models are read block by block, so memory is bounded by the result and, on each thread, a block of every model.

mod columns;
mod distances;
mod network;

use crate::{Parameters, TensorError};
use columns::{Lane, Row, Statistic};

pub use distances::squared_distances;

/// The median of corresponding elements; the mean of the middle two for an even number of models. A result is
/// not-a-number where one of them is. The layout is that of the first model.
///
/// Yin et al. 2018, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", Definition 1.
///
/// # Errors
/// [`TensorError::NoModels`], or names the first tensor that does not fit.
pub fn median(models: &[&Parameters]) -> Result<Parameters, TensorError> {
    columns::by_coordinate(models, &Median)
}

/// The mean of corresponding elements without the `floor(trim * n)` smallest and as many largest of the `n`. A
/// result is not-a-number where a value is. The layout is that of the first model.
///
/// Yin et al. 2018, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", Definition 2.
///
/// # Errors
/// [`TensorError::Trim`] unless `0 <= trim < 0.5`, [`TensorError::NoModels`], or names the first tensor that does not
/// fit.
pub fn trimmed_mean(models: &[&Parameters], trim: f64) -> Result<Parameters, TensorError> {
    if !(0.0..0.5).contains(&trim) {
        return Err(TensorError::Trim { trim });
    }
    let dropped = (trim * models.len() as f64).floor() as usize;
    columns::by_coordinate(models, &TrimmedMean { dropped })
}

/// The mean of the `keep` corresponding elements that are nearest to their [`median()`]; of two as near, the smaller. A
/// result is not-a-number where a value is. The layout is that of the first model.
///
/// The last step of Bulyan: El Mhamdi et al. 2018, "The Hidden Vulnerability of Distributed Learning in Byzantium",
/// section 4.
///
/// # Errors
/// [`TensorError::Keep`] unless `keep` is at least 1 and at most the number of models, [`TensorError::NoModels`], or
/// names the first tensor that does not fit.
pub fn mean_around_median(models: &[&Parameters], keep: usize) -> Result<Parameters, TensorError> {
    let models_given = models.len();
    if models_given == 0 {
        return Err(TensorError::NoModels);
    }
    if keep == 0 || keep > models_given {
        return Err(TensorError::Keep { keep, models: models_given });
    }
    columns::by_coordinate(models, &MeanAroundMedian { keep })
}

struct Median;

impl Statistic for Median {
    fn needs(&self, rank: usize, models: usize) -> bool {
        rank == models / 2 || rank == (models - 1) / 2
    }

    #[inline(always)]
    fn of<T: Lane>(&self, sorted: &[Row<T>], out: &mut [f64]) {
        middle(sorted, out);
    }
}

struct TrimmedMean {
    /// Values that are left out at either end.
    dropped: usize,
}

impl Statistic for TrimmedMean {
    fn needs(&self, rank: usize, models: usize) -> bool {
        (self.dropped..models - self.dropped).contains(&rank)
    }

    #[inline(always)]
    fn of<T: Lane>(&self, sorted: &[Row<T>], out: &mut [f64]) {
        let kept = &sorted[self.dropped..sorted.len() - self.dropped];
        out.fill(0.0);
        for row in kept {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum += (*value).into();
            }
        }
        for sum in out {
            *sum /= kept.len() as f64;
        }
    }
}

struct MeanAroundMedian {
    keep: usize,
}

impl Statistic for MeanAroundMedian {
    fn needs(&self, _rank: usize, _models: usize) -> bool {
        true
    }

    #[inline(always)]
    fn of<T: Lane>(&self, sorted: &[Row<T>], out: &mut [f64]) {
        let mut medians: Row<f64> = [0.0; _];
        middle(sorted, &mut medians);
        // What is kept lies side by side: it moves up while what it would gain is nearer than what it would lose.
        let mut firsts: Row<f64> = [0.0; _];
        let mut moving: Row<bool> = [true; _];
        for (lost, gained) in sorted.iter().zip(&sorted[self.keep..]) {
            for lane in 0..firsts.len() {
                moving[lane] &= medians[lane] - lost[lane].into() > gained[lane].into() - medians[lane];
                firsts[lane] += if moving[lane] { 1.0 } else { 0.0 };
            }
        }
        out.fill(0.0);
        for (rank, row) in sorted.iter().enumerate() {
            let rank = rank as f64;
            for (lane, sum) in out.iter_mut().enumerate() {
                let kept = firsts[lane] <= rank && rank < firsts[lane] + self.keep as f64;
                *sum += if kept { row[lane].into() } else { 0.0 };
            }
        }
        for sum in out {
            *sum /= self.keep as f64;
        }
    }
}

/// The median of each column.
#[inline(always)]
fn middle<T: Lane>(sorted: &[Row<T>], out: &mut [f64]) {
    let (low, high) = (&sorted[(sorted.len() - 1) / 2], &sorted[sorted.len() / 2]);
    if sorted.len().is_multiple_of(2) {
        for (lane, out) in out.iter_mut().enumerate() {
            // Halved first: the sum of two large values may be infinite where their mean is not.
            *out = low[lane].into() / 2.0 + high[lane].into() / 2.0;
        }
    } else {
        for (value, out) in low.iter().zip(out) {
            *out = (*value).into();
        }
    }
}
