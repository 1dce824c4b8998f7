//! The values of one tensor while they are written, in memory of their own.

use candle_core::{Device, Tensor};
use half::{bf16, f16};

use crate::DType;
use crate::block::Block;
use crate::mapping::Anonymous;
use crate::vectors::vectorised;

/// Bytes from which on a buffer is memory straight from the system: with them large pages begin to pay.
const LARGE: usize = 4 << 20;

/// One tensor's values, typed.
pub(crate) enum Buffer {
    F64(Vec<f64>),
    F32(Vec<f32>),
    LargeF64(Anonymous<f64>),
    LargeF32(Anonymous<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    I64(Vec<i64>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

impl Buffer {
    pub(crate) fn zeros(dtype: DType, elements: usize) -> Self {
        if elements * dtype.size() >= LARGE {
            // Where the system has none to give, the allocator may.
            match dtype {
                DType::F64 => {
                    if let Ok(values) = Anonymous::zeros(elements) {
                        return Self::LargeF64(values);
                    }
                }
                DType::F32 => {
                    if let Ok(values) = Anonymous::zeros(elements) {
                        return Self::LargeF32(values);
                    }
                }
                DType::F16 | DType::BF16 | DType::I64 | DType::U32 | DType::U8 => {}
            }
        }
        match dtype {
            DType::F64 => Self::F64(vec![0.0; elements]),
            DType::F32 => Self::F32(vec![0.0; elements]),
            DType::F16 => Self::F16(vec![f16::ZERO; elements]),
            DType::BF16 => Self::BF16(vec![bf16::ZERO; elements]),
            DType::I64 => Self::I64(vec![0; elements]),
            DType::U32 => Self::U32(vec![0; elements]),
            DType::U8 => Self::U8(vec![0; elements]),
        }
    }

    pub(crate) fn dtype(&self) -> DType {
        match self {
            Self::F64(_) | Self::LargeF64(_) => DType::F64,
            Self::F32(_) | Self::LargeF32(_) => DType::F32,
            Self::F16(_) => DType::F16,
            Self::BF16(_) => DType::BF16,
            Self::I64(_) => DType::I64,
            Self::U32(_) => DType::U32,
            Self::U8(_) => DType::U8,
        }
    }

    /// These values in `dtype`.
    ///
    /// # Errors
    /// Gives the first value that an integer dtype cannot hold.
    pub(crate) fn rounded(dtype: DType, values: &[f64]) -> Result<Self, f64> {
        let mut buffer = Self::zeros(dtype, values.len());
        for (first, mut piece) in buffer.pieces(values.len().max(1)) {
            piece.write(0, &values[first..])?;
        }
        Ok(buffer)
    }

    /// Sets elements from `first` on to those whose little-endian bytes these are. Panics, as slices do, if they are
    /// not whole elements or out of bounds.
    pub(crate) fn write_bytes(&mut self, first: usize, bytes: &[u8]) {
        fn write<const N: usize, T>(values: &mut [T], first: usize, bytes: &[u8], parse: impl Fn([u8; N]) -> T) {
            let (elements, rest) = bytes.as_chunks::<N>();
            assert!(rest.is_empty(), "whole elements are written");
            for (value, bytes) in values[first..][..elements.len()].iter_mut().zip(elements) {
                *value = parse(*bytes);
            }
        }
        match self {
            Self::F64(values) => write(values, first, bytes, f64::from_le_bytes),
            Self::F32(values) => write(values, first, bytes, f32::from_le_bytes),
            Self::LargeF64(mapped) => write(mapped.values(), first, bytes, f64::from_le_bytes),
            Self::LargeF32(mapped) => write(mapped.values(), first, bytes, f32::from_le_bytes),
            Self::F16(values) => write(values, first, bytes, f16::from_le_bytes),
            Self::BF16(values) => write(values, first, bytes, bf16::from_le_bytes),
            Self::I64(values) => write(values, first, bytes, i64::from_le_bytes),
            Self::U32(values) => write(values, first, bytes, u32::from_le_bytes),
            Self::U8(values) => write(values, first, bytes, u8::from_le_bytes),
        }
    }

    /// The values where they are: Candle takes the memory that is the allocator's.
    pub(crate) fn into_block(self) -> Block {
        fn stored<T: candle_core::WithDType>(values: Vec<T>) -> Block {
            let elements = values.len();
            let stored = Tensor::from_vec(values, elements, &Device::Cpu);
            Block::Stored(stored.expect("as many values as the shape says, on the CPU"))
        }
        let dtype = self.dtype();
        match self {
            Self::F64(values) => stored(values),
            Self::F32(values) => stored(values),
            Self::LargeF64(mapped) => Block::Mapped { bytes: mapped.into_mapping(), dtype },
            Self::LargeF32(mapped) => Block::Mapped { bytes: mapped.into_mapping(), dtype },
            Self::F16(values) => stored(values),
            Self::BF16(values) => stored(values),
            Self::I64(values) => stored(values),
            Self::U32(values) => stored(values),
            Self::U8(values) => stored(values),
        }
    }

    /// Disjoint pieces of at most `size` elements, with the position of their first.
    pub(crate) fn pieces(&mut self, size: usize) -> Vec<(usize, Piece<'_>)> {
        fn split<'a, T>(
            values: &'a mut [T],
            size: usize,
            piece: fn(&'a mut [T]) -> Piece<'a>,
        ) -> Vec<(usize, Piece<'a>)> {
            values.chunks_mut(size).enumerate().map(|(index, chunk)| (index * size, piece(chunk))).collect()
        }
        match self {
            Self::F64(values) => split(values, size, Piece::F64),
            Self::F32(values) => split(values, size, Piece::F32),
            Self::LargeF64(mapped) => split(mapped.values(), size, Piece::F64),
            Self::LargeF32(mapped) => split(mapped.values(), size, Piece::F32),
            Self::F16(values) => split(values, size, Piece::F16),
            Self::BF16(values) => split(values, size, Piece::BF16),
            Self::I64(values) => split(values, size, Piece::I64),
            Self::U32(values) => split(values, size, Piece::U32),
            Self::U8(values) => split(values, size, Piece::U8),
        }
    }
}

/// A piece of a buffer that one thread fills.
pub(crate) enum Piece<'a> {
    F64(&'a mut [f64]),
    F32(&'a mut [f32]),
    F16(&'a mut [f16]),
    BF16(&'a mut [bf16]),
    I64(&'a mut [i64]),
    U32(&'a mut [u32]),
    U8(&'a mut [u8]),
}

impl Piece<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::BF16(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Sets elements from `first` on to `values`, rounded; integers to the nearest, ties to even. Says whether all are
    /// finite as they are kept.
    ///
    /// # Errors
    /// Gives the first value that an integer dtype cannot hold.
    pub(crate) fn write(&mut self, first: usize, values: &[f64]) -> Result<bool, f64> {
        #[inline(always)]
        fn floats<T>(out: &mut [T], values: &[f64], round: impl Fn(f64) -> T, is_finite: impl Fn(&T) -> bool) -> bool {
            vectorised(|| {
                out.iter_mut().zip(values).fold(true, |finite, (out, value)| {
                    *out = round(*value);
                    finite & is_finite(out)
                })
            })
        }
        fn integers<T>(out: &mut [T], values: &[f64], range: (f64, f64), cast: impl Fn(f64) -> T) -> Result<bool, f64> {
            for (out, value) in out.iter_mut().zip(values) {
                let rounded = value.round_ties_even();
                // Written so that not-a-number is out of range too.
                if !(rounded >= range.0 && rounded < range.1) {
                    return Err(*value);
                }
                *out = cast(rounded);
            }
            Ok(true)
        }
        const SIGNED: (f64, f64) = (-9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0);
        let range = first..first + values.len();
        match self {
            Self::F64(out) => Ok(floats(&mut out[range], values, |value| value, |value| value.is_finite())),
            Self::F32(out) => Ok(floats(&mut out[range], values, |value| value as f32, |value| value.is_finite())),
            Self::F16(out) => Ok(floats(&mut out[range], values, f16::from_f64, |value| value.is_finite())),
            Self::BF16(out) => Ok(floats(&mut out[range], values, bf16::from_f64, |value| value.is_finite())),
            // The upper ends are exclusive: 2^63 is the first float64 that int64 lacks.
            Self::I64(out) => integers(&mut out[range], values, SIGNED, |value| value as i64),
            Self::U32(out) => integers(&mut out[range], values, (0.0, 4_294_967_296.0), |value| value as u32),
            Self::U8(out) => integers(&mut out[range], values, (0.0, 256.0), |value| value as u8),
        }
    }
}
