//! How far models are from each other.

use std::ops::Range;

use rayon::prelude::*;

use crate::program::Program;
use crate::vectors::{Loops, vectorised_loops};
use crate::work::PIECE;
use crate::{Parameters, TensorError};

/// Running sums side by side.
const LANES: usize = 8;

/// Models that another is compared with at a time: their sums stay in registers.
const TILE: usize = 4;

/// Elements of every model that are compared at a time: those of a hundred models fit the second-level cache.
const BLOCK: usize = 1024;

/// Bytes that all shares' sums may take together: many models have so many pairs that few shares can be worked on.
const MOST_SUM_BYTES: usize = 64 << 20;

/// Shares of the work at most. Which elements a share has depends on the models alone, and so do the sums.
const MOST_SHARES: usize = 256;

/// The squared Euclidean distance of every model to every other: row-major, `n * n` numbers for `n` models.
///
/// Computed from the differences and summed in float64. The cheaper `|a|^2 + |b|^2 - 2ab` loses all digits where
/// models are near each other, as updates are.
///
/// # Errors
/// Names the first tensor that does not fit.
pub fn squared_distances(models: &[&Parameters]) -> Result<Vec<f64>, TensorError> {
    let count = models.len();
    let Some(first) = models.first() else { return Ok(Vec::new()) };
    let aligned = models.iter().map(|model| first.aligned(model)).collect::<Result<Vec<_>, _>>()?;
    let tensors = first.layout().tensors();
    let programs: Vec<Program<'_>> = (0..tensors.len())
        .map(|tensor| Program::new(&aligned.iter().map(|model| &model[tensor]).collect::<Vec<_>>()))
        .collect();
    let pieces: Vec<(usize, Range<usize>)> = tensors
        .iter()
        .enumerate()
        .flat_map(|(tensor, kind)| {
            let elements = kind.elements();
            (0..elements).step_by(PIECE).map(move |start| (tensor, start..elements.min(start + PIECE)))
        })
        .collect();

    let sum_bytes = (count * count * size_of::<f64>()).max(1);
    let shares = (MOST_SUM_BYTES / sum_bytes).clamp(1, MOST_SHARES);
    let of_share = |pieces: &[(usize, Range<usize>)]| {
        let mut sums = vec![0.0; count * count];
        let mut values = vec![0.0; count * BLOCK];
        for (tensor, piece) in pieces {
            let mut registers = programs[*tensor].registers();
            for start in piece.clone().step_by(BLOCK) {
                let length = BLOCK.min(piece.end - start);
                programs[*tensor].run(&mut registers, start, length, |model, computed| {
                    values[model * length..(model + 1) * length].copy_from_slice(computed);
                });
                add_distances(&values[..count * length], length, &mut sums);
            }
        }
        sums
    };
    let shares: Vec<Vec<f64>> = pieces.par_chunks(pieces.len().div_ceil(shares).max(1)).map(of_share).collect();

    let mut distances = vec![0.0; count * count];
    for share in shares {
        for (distance, sum) in distances.iter_mut().zip(share) {
            *distance += sum;
        }
    }
    for row in 0..count {
        for column in row + 1..count {
            distances[column * count + row] = distances[row * count + column];
        }
    }
    Ok(distances)
}

/// Adds the squared differences of every two models, the earlier one's row first. A row of `values` is a model's.
fn add_distances(values: &[f64], length: usize, sums: &mut [f64]) {
    let count = values.len() / length;
    let row = |model: usize| &values[model * length..(model + 1) * length];
    for model in 0..count {
        let sums = &mut sums[model * count..(model + 1) * count];
        let mut other = model + 1;
        while other + TILE <= count {
            let others = std::array::from_fn(|index| row(other + index));
            for (sum, distance) in sums[other..].iter_mut().zip(distances_to::<TILE>(row(model), others)) {
                *sum += distance;
            }
            other += TILE;
        }
        for (sum, other) in sums[other..].iter_mut().zip(other..) {
            let [distance] = distances_to(row(model), [row(other)]);
            *sum += distance;
        }
    }
}

fn distances_to<const N: usize>(model: &[f64], others: [&[f64]; N]) -> [f64; N] {
    vectorised_loops(Distances { model, others })
}

struct Distances<'a, const N: usize> {
    model: &'a [f64],
    others: [&'a [f64]; N],
}

impl<const N: usize> Loops for Distances<'_, N> {
    type Output = [f64; N];

    #[inline(always)]
    fn run(self) -> [f64; N] {
        let (chunks, rest) = self.model.as_chunks::<LANES>();
        let mut sums = [[0.0; LANES]; N];
        let others = self.others.map(|other| &other.as_chunks::<LANES>().0[..chunks.len()]);
        for (chunk, values) in chunks.iter().enumerate() {
            for other in 0..N {
                for lane in 0..LANES {
                    let difference = values[lane] - others[other][chunk][lane];
                    sums[other][lane] += difference * difference;
                }
            }
        }
        let mut all = [0.0; N];
        for other in 0..N {
            let others_rest = &self.others[other][self.model.len() - rest.len()..];
            all[other] = sums[other].iter().sum();
            for (left, right) in rest.iter().zip(others_rest) {
                all[other] += (left - right) * (left - right);
            }
        }
        all
    }
}
