//! Arithmetic on whole models, element by element.
//!
//! Each operation reads its operands block by block, widened to float64, and writes a new model, kept in the
//! dtypes of [`DType::widened`]: one pass over memory, on all cores. Models fit together when they have the same names and
//! shapes; nothing is broadcast. A result has the layout of the left operand.

use crate::block::BLOCK;
use crate::{DType, Parameters, TensorError, work};

impl Parameters {
    /// `self + other`.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn plus(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(other, |left, right| left + right)
    }

    /// `self - other`.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn minus(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(other, |left, right| left - right)
    }

    /// `self * other`, element by element.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn times(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(other, |left, right| left * right)
    }

    /// `self / other`, element by element; by zero as IEEE 754 says.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn divided_by(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(other, |left, right| left / right)
    }

    /// The larger of each two elements; not-a-number where either is.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn maximum(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(other, |left, right| if left.is_nan() || left > right { left } else { right })
    }

    /// The smaller of each two elements; not-a-number where either is.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn minimum(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(other, |left, right| if left.is_nan() || left < right { left } else { right })
    }

    /// Each element times `factor`.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn scaled(&self, factor: f64) -> Result<Self, TensorError> {
        self.mapped(|value| value * factor)
    }

    /// Each element plus `offset`.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn shifted(&self, offset: f64) -> Result<Self, TensorError> {
        self.mapped(|value| value + offset)
    }

    /// Each element raised to `exponent`.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn power(&self, exponent: f64) -> Result<Self, TensorError> {
        self.mapped(|value| value.powf(exponent))
    }

    /// Each element, but never below `low` nor above `high`; not-a-number stays.
    ///
    /// # Errors
    /// [`TensorError::Interval`] unless `low <= high`.
    pub fn clamped(&self, low: f64, high: f64) -> Result<Self, TensorError> {
        // `f64::clamp` panics on such an interval, not-a-number included.
        if low <= high { self.mapped(|value| value.clamp(low, high)) } else { Err(TensorError::Interval { low, high }) }
    }

    /// `value` in place of every element.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn filled(&self, value: f64) -> Result<Self, TensorError> {
        let blocks = work::fill(self.layout(), DType::widened, |_, _, out| out.fill(value))?;
        Ok(Self::new(self.layout().clone(), blocks))
    }

    /// Each element times itself.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn square(&self) -> Result<Self, TensorError> {
        self.mapped(|value| value * value)
    }

    /// The square root of each element; not-a-number for negative ones.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn root(&self) -> Result<Self, TensorError> {
        self.mapped(f64::sqrt)
    }

    /// Each element without its sign.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn magnitude(&self) -> Result<Self, TensorError> {
        self.mapped(f64::abs)
    }

    /// -1, 0 or 1 for each element: 0 for both zeros, not-a-number for itself.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn sign(&self) -> Result<Self, TensorError> {
        // `f64::signum` gives 1 and -1 for the two zeros.
        self.mapped(|value| if value == 0.0 { 0.0 } else { value.signum() })
    }

    fn mapped(&self, operation: impl Fn(f64) -> f64 + Sync) -> Result<Self, TensorError> {
        let blocks = work::fill(self.layout(), DType::widened, |tensor, first, out| {
            self.block(tensor).read(first, out);
            for value in out {
                *value = operation(*value);
            }
        })?;
        Ok(Self::new(self.layout().clone(), blocks))
    }

    fn zipped(&self, other: &Self, operation: impl Fn(f64, f64) -> f64 + Sync) -> Result<Self, TensorError> {
        let others = self.aligned(other)?;
        let blocks = work::fill(self.layout(), DType::widened, |tensor, first, out| {
            let mut scratch = [0.0; BLOCK];
            let right = &mut scratch[..out.len()];
            self.block(tensor).read(first, out);
            others[tensor].read(first, right);
            for (left, right) in out.iter_mut().zip(right) {
                *left = operation(*left, *right);
            }
        })?;
        Ok(Self::new(self.layout().clone(), blocks))
    }
}
