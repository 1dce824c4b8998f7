//! What can be done with elements, and how it is done to many at once.

use half::{bf16, f16};

use crate::DType;
use crate::vectors::vectorised;

/// An operation on one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unary {
    /// Times a factor.
    Scaled(f64),
    /// Plus an offset.
    Shifted(f64),
    /// Raised to an exponent.
    Power(f64),
    /// Never below the first nor above the second, which is no less.
    Clamped(f64, f64),
    Square,
    Root,
    Magnitude,
    Sign,
    /// As a float of this dtype has it.
    Rounded(DType),
}

/// An operation on two elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Binary {
    Plus,
    Minus,
    Times,
    DividedBy,
    Maximum,
    Minimum,
}

impl Unary {
    /// Puts the result in place of each element.
    pub(crate) fn apply(self, values: &mut [f64]) {
        #[inline(always)]
        fn each(values: &mut [f64], of: impl Fn(f64) -> f64) {
            vectorised(|| values.iter_mut().for_each(|value| *value = of(*value)));
        }
        match self {
            Self::Scaled(factor) => each(values, |value| value * factor),
            Self::Shifted(offset) => each(values, |value| value + offset),
            Self::Power(exponent) => values.iter_mut().for_each(|value| *value = value.powf(exponent)),
            Self::Clamped(low, high) => each(values, |value| {
                let raised = if value < low { low } else { value };
                if raised > high { high } else { raised }
            }),
            Self::Square => each(values, |value| value * value),
            Self::Root => each(values, f64::sqrt),
            Self::Magnitude => each(values, f64::abs),
            // `f64::signum` gives 1 and -1 for the two zeros.
            Self::Sign => each(values, |value| if value == 0.0 { 0.0 } else { value.signum() }),
            Self::Rounded(DType::F32) => each(values, |value| f64::from(value as f32)),
            Self::Rounded(DType::F16) => values.iter_mut().for_each(|value| *value = f16::from_f64(*value).to_f64()),
            Self::Rounded(DType::BF16) => values.iter_mut().for_each(|value| *value = bf16::from_f64(*value).to_f64()),
            // Float64 is what is computed in, and integers are rounded where they are kept.
            Self::Rounded(DType::F64 | DType::I64 | DType::U32 | DType::U8) => {}
        }
    }
}

/// Evaluates `$body` with `$of` bound to a function of two elements, which is inlined into it.
macro_rules! with_function {
    ($operation:expr, $of:ident => $body:expr) => {
        match $operation {
            Binary::Plus => with_function!(@ $of, |left, right| left + right, $body),
            Binary::Minus => with_function!(@ $of, |left, right| left - right, $body),
            Binary::Times => with_function!(@ $of, |left, right| left * right, $body),
            Binary::DividedBy => with_function!(@ $of, |left, right| left / right, $body),
            // Not-a-number wins on either side.
            Binary::Maximum => {
                with_function!(@ $of, |left, right| if left.is_nan() || left > right { left } else { right }, $body)
            }
            Binary::Minimum => {
                with_function!(@ $of, |left, right| if left.is_nan() || left < right { left } else { right }, $body)
            }
        }
    };
    (@ $of:ident, |$left:ident, $right:ident| $result:expr, $body:expr) => {{
        let $of = |$left: f64, $right: f64| -> f64 { $result };
        $body
    }};
}

impl Binary {
    /// Puts the result in place of each left element.
    pub(crate) fn apply(self, left: &mut [f64], right: &[f64]) {
        #[inline(always)]
        fn each(left: &mut [f64], right: &[f64], of: impl Fn(f64, f64) -> f64) {
            vectorised(|| left.iter_mut().zip(right).for_each(|(left, right)| *left = of(*left, *right)));
        }
        with_function!(self, of => each(left, right, of));
    }

    /// Puts the result in place of each right element.
    pub(crate) fn apply_reversed(self, left: &[f64], right: &mut [f64]) {
        #[inline(always)]
        fn each(left: &[f64], right: &mut [f64], of: impl Fn(f64, f64) -> f64) {
            vectorised(|| right.iter_mut().zip(left).for_each(|(right, left)| *right = of(*left, *right)));
        }
        with_function!(self, of => each(left, right, of));
    }
}
