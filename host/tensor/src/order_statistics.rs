//! Numbers that are made of every client's value of one coordinate at once: they cannot be folded as updates arrive.
//!
//! Models are read block by block, so memory is bounded by the result and, on each thread, a block of every model.

use std::ops::Range;
use std::sync::Arc;

use crate::block::{BLOCK, Block};
use crate::reduction::lanes;
use crate::{DType, Parameters, TensorError, work};

/// The median of corresponding elements; the mean of the middle two for an even number of models. A result is
/// not-a-number where one of them is. The layout is that of the first model.
///
/// Yin et al. 2018, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", Definition 1.
///
/// # Errors
/// [`TensorError::NoModels`], or names the first tensor that does not fit.
pub fn median(models: &[&Parameters]) -> Result<Parameters, TensorError> {
    by_coordinate(models, middle)
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
    by_coordinate(models, |values| {
        let kept = &values[dropped..values.len() - dropped];
        kept.iter().sum::<f64>() / kept.len() as f64
    })
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
    if keep == 0 || keep > models.len() {
        return Err(if models.is_empty() {
            TensorError::NoModels
        } else {
            TensorError::Keep { keep, models: models.len() }
        });
    }
    by_coordinate(models, |values| {
        let median = middle(values);
        // What is kept lies side by side: it moves up while what it would gain is nearer than what it would lose.
        let ends = values.iter().zip(&values[keep..]);
        let first = ends.take_while(|(lost, gained)| median - **lost > **gained - median).count();
        values[first..first + keep].iter().sum::<f64>() / keep as f64
    })
}

/// The squared Euclidean distance of every model to every other: row-major, `n * n` numbers for `n` models.
///
/// Computed from the differences and summed in float64. The cheaper `|a|^2 + |b|^2 - 2ab` loses all digits where
/// models are near each other, as updates are.
///
/// # Errors
/// Names the first tensor that does not fit.
pub fn squared_distances(models: &[&Parameters]) -> Result<Vec<f64>, TensorError> {
    let count = models.len();
    let mut distances = vec![0.0; count * count];
    let Some(first) = models.first() else { return Ok(distances) };
    let blocks = aligned(first, models)?;
    // One read of every model for all of its distances.
    let of = |tensor, range: Range<usize>| {
        let length = range.len();
        let values = read_all(&blocks, tensor, range.start, length);
        let mut sums = Vec::with_capacity(count * (count - 1) / 2);
        for (row, left) in values.chunks_exact(length).enumerate() {
            for right in values.chunks_exact(length).skip(row + 1) {
                sums.push(lanes(left, right, |left, right| (left - right) * (left - right)));
            }
        }
        sums
    };
    let add = |mut left: Vec<f64>, right: Vec<f64>| {
        for (left, right) in left.iter_mut().zip(right) {
            *left += right;
        }
        left
    };
    let mut sums = work::reduce(first.layout(), of, add).unwrap_or_default().into_iter();
    for row in 0..count {
        for (column, sum) in (row + 1..count).zip(&mut sums) {
            distances[row * count + column] = sum;
            distances[column * count + row] = sum;
        }
    }
    Ok(distances)
}

/// The median of sorted values.
fn middle(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        // Halved first: the sum of two large values may be infinite where their mean is not.
        values[middle - 1] / 2.0 + values[middle] / 2.0
    } else {
        values[middle]
    }
}

/// A model of what `of` makes of the sorted values of each coordinate, or not-a-number where one of them is.
fn by_coordinate(models: &[&Parameters], of: impl Fn(&[f64]) -> f64 + Sync) -> Result<Parameters, TensorError> {
    let first = models.first().ok_or(TensorError::NoModels)?;
    let blocks = aligned(first, models)?;
    let filled = work::fill(first.layout(), DType::widened, |tensor, start, out| {
        let values = read_all(&blocks, tensor, start, out.len());
        let mut column = vec![0.0; models.len()];
        for (coordinate, out) in out.iter_mut().enumerate() {
            for (model, value) in column.iter_mut().enumerate() {
                *value = values[model * (values.len() / models.len()) + coordinate];
            }
            column.sort_unstable_by(f64::total_cmp);
            // Not-a-numbers are sorted to either end, according to their sign.
            let poisoned = column[0].is_nan() || column[column.len() - 1].is_nan();
            *out = if poisoned { f64::NAN } else { of(&column) };
        }
    })?;
    Ok(Parameters::new(first.layout().clone(), filled))
}

/// The blocks of every model, in the order of the first.
fn aligned(first: &Parameters, models: &[&Parameters]) -> Result<Vec<Vec<Arc<Block>>>, TensorError> {
    models.iter().map(|model| first.aligned(model)).collect()
}

/// The same elements of every model, one model after the other.
fn read_all(blocks: &[Vec<Arc<Block>>], tensor: usize, first: usize, length: usize) -> Vec<f64> {
    debug_assert!(length <= BLOCK, "a block at a time");
    let mut values = vec![0.0; blocks.len() * length];
    for (model, out) in blocks.iter().zip(values.chunks_exact_mut(length)) {
        model[tensor].read(first, out);
    }
    values
}
