//! Numbers made of a whole model, accumulated in float64; what is not kept is computed in passing.
//!
//! Sums are taken block by block and the blocks' sums added in order, so a result does not depend on how many
//! cores there are.

use crate::expression::{Expression, Kind};
use crate::program::Program;
use crate::vectors::vectorised;
use crate::work::{self, Group, Root, Task};
use crate::{Parameters, TensorError};

/// Running sums side by side: one alone would wait for each addition to end.
const LANES: usize = 8;

impl Parameters {
    /// The sum of all elements; 0 for none.
    #[must_use]
    pub fn sum(&self) -> f64 {
        let groups = work::grouped(&[self], |_, _, _| true);
        let sums = reduced(&groups, || 0.0, |sum, _, values| *sum += lanes(values, values, |value, _| value));
        sums.into_iter().sum()
    }

    /// The sum of the squares of all elements.
    #[must_use]
    pub fn squared_norm(&self) -> f64 {
        squared_norms(&[self]).into_iter().sum()
    }

    /// The sum of the products of corresponding elements.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn dot(&self, other: &Self) -> Result<f64, TensorError> {
        Ok(self.times(other)?.sum())
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

    fn folded(&self, start: f64, choose: impl Fn(f64, f64) -> f64 + Sync) -> f64 {
        let groups = work::grouped(&[self], |_, _, _| true);
        let chosen = reduced(
            &groups,
            || start,
            |chosen, _, values| {
                *chosen = values.iter().fold(*chosen, |chosen, value| choose(chosen, *value));
            },
        );
        chosen.into_iter().fold(start, choose)
    }
}

/// The sum of the squares of all elements of each model, in one pass: what they have in common is read and computed
/// once.
#[must_use]
pub fn squared_norms(models: &[&Parameters]) -> Vec<f64> {
    Parameters::evaluate_with_norms(&[], models).1
}

/// The first tensor with an element that is infinite or not a number.
pub(crate) fn first_not_finite(parameters: &Parameters) -> Option<usize> {
    let known = |values: &Expression| match values.kind() {
        Kind::Kept(kept) => kept.finite.get().copied(),
        Kind::Filled(value) => Some(value.is_finite()),
        Kind::Unary(..) | Kind::Binary(..) => None,
    };
    let groups = work::grouped(&[parameters], |_, _, values| known(values).is_none());
    // Zero times anything finite is zero, and times anything else is not: no branch in the loop.
    let poison = |values: &[f64]| lanes(values, values, |value, _| value * 0.0) != 0.0;
    let of_pieces = reduced(&groups, || true, |finite, _, values| *finite &= !poison(values));
    let mut of_pieces = of_pieces.into_iter();
    let mut not_finite = Vec::new();
    for group in &groups {
        let finite = group.pieces().zip(&mut of_pieces).fold(true, |all, (_, finite)| all & finite);
        for Root { tensor, values, .. } in &group.roots {
            if let Kind::Kept(kept) = values.kind() {
                kept.finite.get_or_init(|| finite);
            }
            not_finite.extend((!finite).then_some(*tensor));
        }
    }
    let found = parameters.expressions().iter().position(|values| known(values) == Some(false));
    found.into_iter().chain(not_finite).min()
}

/// What is left in `start` once it has `take`n the values of every root of every block of a piece, for all pieces of
/// all groups in their order.
fn reduced<S: Send>(
    groups: &[Group<'_>],
    start: impl Fn() -> S,
    take: impl Fn(&mut S, usize, &[f64]) + Sync,
) -> Vec<S> {
    let programs: Vec<Program<'_>> = groups.iter().map(Group::program).collect();
    let pieces =
        groups.iter().enumerate().flat_map(|(program, group)| group.pieces().map(move |piece| (program, piece)));
    let tasks = pieces.map(|(program, (first, length))| Task { program, first, length, sink: start() }).collect();
    work::run(&programs, tasks, |sink, root, _, values| take(sink, root, values))
}

/// The sum of the squares of some values.
pub(crate) fn squares(values: &[f64]) -> f64 {
    lanes(values, values, |value, _| value * value)
}

/// The sum of what `of` makes of corresponding elements of two slices of one length.
pub(crate) fn lanes(left: &[f64], right: &[f64], of: impl Fn(f64, f64) -> f64) -> f64 {
    vectorised(|| {
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
    })
}
