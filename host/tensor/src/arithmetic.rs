//! Arithmetic on whole models, element by element.
//!
//! Nothing is computed here: an operation gives an expression, which is computed in float64, block by block and in one
//! pass over memory, when something asks for its values. Models fit together when they have the same names and shapes;
//! nothing is broadcast. A result has the layout of the left operand.

use crate::expression::Expression;
use crate::operation::{Binary, Unary};
use crate::{Parameters, TensorError};

impl Parameters {
    /// `self + other`.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn plus(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(Binary::Plus, other)
    }

    /// `self - other`.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn minus(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(Binary::Minus, other)
    }

    /// `self * other`, element by element.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn times(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(Binary::Times, other)
    }

    /// `self / other`, element by element; by zero as IEEE 754 says.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn divided_by(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(Binary::DividedBy, other)
    }

    /// The larger of each two elements; not-a-number where either is.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn maximum(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(Binary::Maximum, other)
    }

    /// The smaller of each two elements; not-a-number where either is.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn minimum(&self, other: &Self) -> Result<Self, TensorError> {
        self.zipped(Binary::Minimum, other)
    }

    /// Each element times `factor`.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn scaled(&self, factor: f64) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Scaled(factor)))
    }

    /// Each element plus `offset`.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn shifted(&self, offset: f64) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Shifted(offset)))
    }

    /// Each element raised to `exponent`.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn power(&self, exponent: f64) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Power(exponent)))
    }

    /// Each element, but never below `low` nor above `high`; not-a-number stays.
    ///
    /// # Errors
    /// [`TensorError::Interval`] unless `low <= high`.
    pub fn clamped(&self, low: f64, high: f64) -> Result<Self, TensorError> {
        if low <= high { Ok(self.mapped(Unary::Clamped(low, high))) } else { Err(TensorError::Interval { low, high }) }
    }

    /// `value` in place of every element.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn filled(&self, value: f64) -> Result<Self, TensorError> {
        let values = self.layout().tensors().iter().map(|_| Expression::filled(value)).collect();
        Ok(Self::new(self.layout().clone(), values))
    }

    /// Each element times itself.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn square(&self) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Square))
    }

    /// The square root of each element; not-a-number for negative ones.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn root(&self) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Root))
    }

    /// Each element without its sign.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn magnitude(&self) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Magnitude))
    }

    /// -1, 0 or 1 for each element: 0 for both zeros, not-a-number for itself.
    ///
    /// # Errors
    /// None: results keep every value in some way.
    pub fn sign(&self) -> Result<Self, TensorError> {
        Ok(self.mapped(Unary::Sign))
    }

    fn mapped(&self, operation: Unary) -> Self {
        let values = self.expressions().iter().map(|of| Expression::unary(operation, of.clone()));
        Self::new(self.layout().clone(), values.collect())
    }

    fn zipped(&self, operation: Binary, other: &Self) -> Result<Self, TensorError> {
        let others = self.aligned(other)?;
        let values = self.expressions().iter().zip(others);
        let values = values.map(|(left, right)| Expression::binary(operation, left.clone(), right));
        Ok(Self::new(self.layout().clone(), values.collect()))
    }
}
