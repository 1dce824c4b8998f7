//! The types of a tensor's elements.

use std::fmt;

/// The type of a tensor's elements: what they are stored and sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE 754 double precision.
    F64,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a float32.
    BF16,
    /// Two's complement.
    I64,
    /// Unsigned, four bytes.
    U32,
    /// Unsigned, one byte.
    U8,
}

impl DType {
    /// Every dtype there is.
    pub const ALL: [Self; 7] = [Self::F64, Self::F32, Self::F16, Self::BF16, Self::I64, Self::U32, Self::U8];

    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::U32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::U8 => 1,
        }
    }

    /// What results of arithmetic on this dtype are kept as until the outcome is cast back: float32 for float32
    /// and narrower floats, float64 for float64 and for integers, which float32 could not count in.
    #[must_use]
    pub const fn widened(self) -> Self {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => Self::F32,
            Self::F64 | Self::I64 | Self::U32 | Self::U8 => Self::F64,
        }
    }

    /// Whether elements have a fraction, infinities and not-a-numbers.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// The field's long name, as in `float32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "float64",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::I64 => "int64",
            Self::U32 => "uint32",
            Self::U8 => "uint8",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
