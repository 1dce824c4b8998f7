//! A running weighted mean.

use std::cell::{Cell, RefCell};

use super::failed;
use super::parameters::Parameters;
use crate::Error;

/// A weighted mean that is kept up to date as values arrive, in float64.
#[derive(Debug)]
pub struct Accumulator {
    like: Parameters,
    means: RefCell<Vec<Vec<f64>>>,
    total_weight: Cell<f64>,
}

impl Accumulator {
    /// No values yet, for models with the names, shapes and dtypes of `like`.
    #[must_use]
    pub fn new(like: &Parameters) -> Self {
        let means = like.values.iter().map(|values| vec![0.0; values.len()]).collect();
        Self { like: like.clone(), means: RefCell::new(means), total_weight: Cell::new(0.0) }
    }

    /// Takes `value` into the mean.
    ///
    /// # Errors
    /// If it does not fit, or `weight` is not a positive finite number; nothing has changed then.
    pub fn add(&self, value: &Parameters, weight: f64) -> Result<(), Error> {
        if !(weight.is_finite() && weight > 0.0) {
            return Err(failed(format!("the weight {weight} is not a positive finite number")));
        }
        let total = self.total_weight.get() + weight;
        if !total.is_finite() {
            return Err(failed("the sum of the weights is no longer finite"));
        }
        let aligned = self.like.aligned(value)?;
        let rate = weight / total;
        for (means, values) in self.means.borrow_mut().iter_mut().zip(aligned) {
            for (mean, value) in means.iter_mut().zip(values) {
                *mean += rate * (value - *mean);
            }
        }
        self.total_weight.set(total);
        Ok(())
    }

    /// The sum of the weights so far.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        self.total_weight.get()
    }

    /// The mean, not yet rounded.
    ///
    /// # Errors
    /// Before the first value.
    pub fn mean(this: Self) -> Result<Parameters, Error> {
        if this.total_weight.get() == 0.0 {
            return Err(failed("a mean of no values"));
        }
        Ok(Parameters::new(this.like.layout.to_vec(), this.means.into_inner()))
    }
}
