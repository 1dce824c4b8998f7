//! Arithmetic on whole models, and numbers made of them.

use std::rc::Rc;

use super::failed;
use super::parameters::{Parameters, widened};
use crate::{DType, Error};

/// Defines an operation on two models, element by element.
macro_rules! on_two {
    ($($name:ident: $what:literal = $operation:expr;)*) => {
        impl Parameters {$(
            #[doc = concat!("Element by element, ", $what, ".")]
            ///
            /// # Errors
            /// Names the first tensor that does not fit.
            pub fn $name(&self, other: &Self) -> Result<Self, Error> {
                self.zipped(other, $operation)
            }
        )*}
    };
}

on_two! {
    plus: "`self + other`" = |left, right| left + right;
    minus: "`self - other`" = |left, right| left - right;
    times: "`self * other`" = |left, right| left * right;
    divided_by: "`self / other`" = |left, right| left / right;
    maximum: "the larger of the two" = |left, right| if left.is_nan() || left > right { left } else { right };
    minimum: "the smaller of the two" = |left, right| if left.is_nan() || left < right { left } else { right };
}

impl Parameters {
    /// Each element times `factor`.
    ///
    /// # Errors
    /// None.
    pub fn scaled(&self, factor: f64) -> Result<Self, Error> {
        Ok(self.mapped(|value| value * factor))
    }

    /// Each element plus `offset`.
    ///
    /// # Errors
    /// None.
    pub fn shifted(&self, offset: f64) -> Result<Self, Error> {
        Ok(self.mapped(|value| value + offset))
    }

    /// Each element raised to `exponent`.
    ///
    /// # Errors
    /// None.
    pub fn power(&self, exponent: f64) -> Result<Self, Error> {
        Ok(self.mapped(|value| value.powf(exponent)))
    }

    /// Each element, but never below `low` nor above `high`.
    ///
    /// # Errors
    /// Unless `low <= high`.
    pub fn clamped(&self, low: f64, high: f64) -> Result<Self, Error> {
        if low <= high {
            Ok(self.mapped(|value| value.clamp(low, high)))
        } else {
            Err(failed(format!("{low} to {high} is no interval to clamp to")))
        }
    }

    /// `value` in place of every element.
    ///
    /// # Errors
    /// None.
    pub fn filled(&self, value: f64) -> Result<Self, Error> {
        Ok(self.mapped(|_| value))
    }

    /// Each element times itself.
    ///
    /// # Errors
    /// None.
    pub fn square(&self) -> Result<Self, Error> {
        Ok(self.mapped(|value| value * value))
    }

    /// The square root of each element.
    ///
    /// # Errors
    /// None.
    pub fn root(&self) -> Result<Self, Error> {
        Ok(self.mapped(f64::sqrt))
    }

    /// Each element without its sign.
    ///
    /// # Errors
    /// None.
    pub fn magnitude(&self) -> Result<Self, Error> {
        Ok(self.mapped(f64::abs))
    }

    /// -1, 0 or 1 for each element, 0 for both zeros.
    ///
    /// # Errors
    /// None.
    pub fn sign(&self) -> Result<Self, Error> {
        Ok(self.mapped(|value| if value == 0.0 { 0.0 } else { value.signum() }))
    }

    /// The sum of all elements.
    ///
    /// # Errors
    /// None.
    pub fn sum(&self) -> Result<f64, Error> {
        Ok(self.all().sum())
    }

    /// The sum of the squares of all elements.
    ///
    /// # Errors
    /// None.
    pub fn squared_norm(&self) -> Result<f64, Error> {
        Ok(self.all().map(|value| value * value).sum())
    }

    /// The sum of the products of corresponding elements.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn dot(&self, other: &Self) -> Result<f64, Error> {
        let others = self.aligned(other)?;
        let pairs = self.values.iter().zip(others).flat_map(|(left, right)| left.iter().zip(right));
        Ok(pairs.map(|(left, right)| left * right).sum())
    }

    /// The largest element: negative infinity for none, not-a-number if any is.
    ///
    /// # Errors
    /// None.
    pub fn largest(&self) -> Result<f64, Error> {
        Ok(self.all().fold(f64::NEG_INFINITY, |most, value| if value > most || value.is_nan() { value } else { most }))
    }

    /// The smallest element: infinity for none, not-a-number if any is.
    ///
    /// # Errors
    /// None.
    pub fn smallest(&self) -> Result<f64, Error> {
        Ok(self.all().fold(f64::INFINITY, |least, value| if value < least || value.is_nan() { value } else { least }))
    }

    /// Whether no element is infinite or not-a-number.
    ///
    /// # Errors
    /// None.
    pub fn all_finite(&self) -> Result<bool, Error> {
        Ok(self.all().all(f64::is_finite))
    }

    fn all(&self) -> impl Iterator<Item = f64> {
        self.values.iter().flatten().copied()
    }

    fn mapped(&self, operation: impl Fn(f64) -> f64) -> Self {
        self.kept(self.values.iter().map(|values| values.iter().map(|value| operation(*value)).collect()).collect())
    }

    fn zipped(&self, other: &Self, operation: impl Fn(f64, f64) -> f64) -> Result<Self, Error> {
        let others = self.aligned(other)?;
        let both = |(left, right): (&Vec<f64>, &Vec<f64>)| {
            left.iter().zip(right).map(|(left, right)| operation(*left, *right)).collect()
        };
        Ok(self.kept(self.values.iter().zip(others).map(both).collect()))
    }

    /// A result of this layout: float32 where the host would keep float32.
    pub(super) fn kept(&self, mut values: Vec<Vec<f64>>) -> Self {
        for (tensor, values) in self.layout.iter().zip(&mut values) {
            if widened(tensor.dtype) == DType::Float32 {
                values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
            }
        }
        Self { layout: Rc::clone(&self.layout), values: Rc::new(values) }
    }
}
