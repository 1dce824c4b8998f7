//! Numbers made of a whole model, accumulated in float64.
//!
//! Sums are taken block by block and the blocks' sums added in order, so a result does not depend on how many
//! cores there are.

use std::ops::Range;

use crate::block::{BLOCK, Block};
use crate::{Parameters, TensorError, work};

/// Running sums side by side: one alone would wait for each addition to end.
const LANES: usize = 8;

impl Parameters {
    /// The sum of all elements; 0 for none.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.summed(|values| lanes(values, values, |value, _| value))
    }

    /// The sum of the squares of all elements.
    #[must_use]
    pub fn squared_norm(&self) -> f64 {
        self.summed(|values| lanes(values, values, |value, _| value * value))
    }

    /// The sum of the products of corresponding elements.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn dot(&self, other: &Self) -> Result<f64, TensorError> {
        let others = self.aligned(other)?;
        let of = |tensor, range| {
            read_both(self.block(tensor), &others[tensor], range, |left, right| lanes(left, right, |a, b| a * b))
        };
        Ok(work::reduce(self.layout(), of, add).unwrap_or(0.0))
    }

    /// The largest element: negative infinity for none, not-a-number if any is.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.folded(f64::NEG_INFINITY, |most, value| if value > most || value.is_nan() { value } else { most })
    }

    /// The smallest element: infinity for none, not-a-number if any is.
    #[must_use]
    pub fn smallest(&self) -> f64 {
        self.folded(f64::INFINITY, |least, value| if value < least || value.is_nan() { value } else { least })
    }

    fn summed(&self, of: impl Fn(&[f64]) -> f64 + Sync) -> f64 {
        work::reduce(self.layout(), |tensor, range| read_one(self.block(tensor), range, &of), add).unwrap_or(0.0)
    }

    fn folded(&self, start: f64, choose: impl Fn(f64, f64) -> f64 + Sync) -> f64 {
        let of = |values: &[f64]| values.iter().fold(start, |chosen, value| choose(chosen, *value));
        work::reduce(self.layout(), |tensor, range| read_one(self.block(tensor), range, of), &choose).unwrap_or(start)
    }
}

/// The sum of the squares of all elements of each model.
#[must_use]
pub fn squared_norms(models: &[&Parameters]) -> Vec<f64> {
    models.iter().map(|model| model.squared_norm()).collect()
}

/// The first tensor with an element that is infinite or not a number.
pub(crate) fn first_not_finite(parameters: &Parameters) -> Option<usize> {
    let of = |tensor, range| {
        // Zero times anything finite is zero, and times anything else is not: no branch in the loop.
        let poison = read_one(parameters.block(tensor), range, |values| lanes(values, values, |value, _| value * 0.0));
        (poison != 0.0).then_some(tensor)
    };
    work::reduce(parameters.layout(), of, Option::or).flatten()
}

/// The sum of what `of` makes of corresponding elements of two slices of one length.
pub(crate) fn lanes(left: &[f64], right: &[f64], of: impl Fn(f64, f64) -> f64) -> f64 {
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            sums[lane] += of(left[lane], right[lane]);
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(left, right)| of(*left, *right)).sum();
    sums.into_iter().sum::<f64>() + rest
}

fn add(left: f64, right: f64) -> f64 {
    left + right
}

fn read_one<T>(block: &Block, range: Range<usize>, of: impl Fn(&[f64]) -> T) -> T {
    let mut scratch = [0.0; BLOCK];
    let values = &mut scratch[..range.len()];
    block.read(range.start, values);
    of(values)
}

fn read_both<T>(left: &Block, right: &Block, range: Range<usize>, of: impl Fn(&[f64], &[f64]) -> T) -> T {
    read_one(left, range.clone(), |left| read_one(right, range.clone(), |right| of(left, right)))
}
