//! The functions that take many models at once.

use super::failed;
use super::parameters::Parameters;
use crate::Error;

/// The median of corresponding elements; the mean of the middle two for an even count.
///
/// # Errors
/// For an empty list, and for models that do not fit together.
pub fn median(models: &[&Parameters]) -> Result<Parameters, Error> {
    by_coordinate(models, middle)
}

/// The mean of corresponding elements without the `floor(trim * n)` smallest and as many largest.
///
/// # Errors
/// Unless `0 <= trim < 0.5`, for an empty list, and for models that do not fit together.
pub fn trimmed_mean(models: &[&Parameters], trim: f64) -> Result<Parameters, Error> {
    if !(0.0..0.5).contains(&trim) {
        return Err(failed(format!("the fraction to trim is {trim}, but must be at least 0 and below 0.5")));
    }
    let dropped = (trim * models.len() as f64).floor() as usize;
    by_coordinate(models, |values| {
        let kept = &values[dropped..values.len() - dropped];
        kept.iter().sum::<f64>() / kept.len() as f64
    })
}

/// The mean of the `keep` corresponding elements that are nearest to their median; of two as near, the smaller.
///
/// # Errors
/// Unless `keep` is at least 1 and at most the number of models, and for models that do not fit together.
pub fn mean_around_median(models: &[&Parameters], keep: u32) -> Result<Parameters, Error> {
    let kept = keep as usize;
    if kept == 0 || kept > models.len() {
        let count = models.len();
        return Err(failed(format!("{keep} of {count} models are to be kept, but must be at least 1 and no more")));
    }
    by_coordinate(models, |values| {
        let median = middle(values);
        let mut nearest = values.to_vec();
        // A stable sort: of two as near, the smaller comes first.
        nearest.sort_by(|left, right| (left - median).abs().total_cmp(&(right - median).abs()));
        nearest[..kept].iter().sum::<f64>() / kept as f64
    })
}

/// The sum of the squares of all elements of each model.
///
/// # Errors
/// None.
pub fn squared_norms(models: &[&Parameters]) -> Result<Vec<f64>, Error> {
    models.iter().map(|model| model.squared_norm()).collect()
}

/// The squared Euclidean distance of every model to every other, row-major.
///
/// # Errors
/// For models that do not fit together.
pub fn squared_distances(models: &[&Parameters]) -> Result<Vec<f64>, Error> {
    let mut distances = Vec::with_capacity(models.len() * models.len());
    for left in models {
        for right in models {
            let others = left.aligned(right)?;
            let pairs = left.values.iter().zip(others).flat_map(|(left, right)| left.iter().zip(right));
            distances.push(pairs.map(|(left, right)| (left - right) * (left - right)).sum());
        }
    }
    Ok(distances)
}

fn middle(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { values[middle - 1] / 2.0 + values[middle] / 2.0 } else { values[middle] }
}

fn by_coordinate(models: &[&Parameters], of: impl Fn(&[f64]) -> f64) -> Result<Parameters, Error> {
    let first = models.first().ok_or_else(|| failed("no models to compare"))?;
    let aligned = models.iter().map(|model| first.aligned(model)).collect::<Result<Vec<_>, _>>()?;
    let coordinate = |tensor: usize, element: usize| {
        let mut column: Vec<f64> = aligned.iter().map(|model| model[tensor][element]).collect();
        column.sort_unstable_by(f64::total_cmp);
        if column.iter().any(|value| value.is_nan()) { f64::NAN } else { of(&column) }
    };
    let tensors = first.values.iter().enumerate();
    let values = tensors
        .map(|(tensor, values)| (0..values.len()).map(|element| coordinate(tensor, element)).collect())
        .collect();
    Ok(first.kept(values))
}
