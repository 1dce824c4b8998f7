//! Where the values of one tensor lie, and how they are read.

use std::ops::Range;

use candle_core::{CpuStorage, Storage, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::DType;
use crate::mapping::Mapping;
use crate::vectors::vectorised;

/// Elements that are computed with at a time: some float64 buffers of this length fit the first-level cache.
pub(crate) const BLOCK: usize = 1024;

/// The values of one tensor in row-major order. Never written once made.
pub(crate) enum Block {
    /// Little-endian elements of a file, as they lie there.
    Mapped { bytes: Mapping, dtype: DType },
    /// A flat, contiguous tensor on the CPU.
    Stored(Tensor),
}

impl Block {
    /// Reads elements from `first` on, widened to float64, as many as `out` has. Panics, as slices do, if there are
    /// not as many.
    pub(crate) fn read(&self, first: usize, out: &mut [f64]) {
        match self {
            Self::Mapped { bytes, dtype } => {
                let range = first * dtype.size()..(first + out.len()) * dtype.size();
                read_bytes(*dtype, &bytes[range], out);
            }
            Self::Stored(tensor) => {
                let (storage, _) = tensor.storage_and_layout();
                let Storage::Cpu(storage) = &*storage else { unreachable!("blocks are made on the CPU") };
                read_storage(storage, first, out);
            }
        }
    }

    /// Reads elements from `first` on, of a float that is no wider than float32, as many as `out` has. Panics, as slices
    /// do, if there are not as many, and for other dtypes.
    pub(crate) fn read_narrow(&self, first: usize, out: &mut [f32]) {
        match self {
            Self::Mapped { bytes, dtype } => {
                let bytes = &bytes[first * dtype.size()..(first + out.len()) * dtype.size()];
                match dtype {
                    DType::F32 => each_narrow(bytes, out, f32::from_le_bytes),
                    DType::F16 => each_narrow(bytes, out, |bytes| f16::from_le_bytes(bytes).to_f32()),
                    DType::BF16 => each_narrow(bytes, out, |bytes| widen_bf16(bf16::from_le_bytes(bytes))),
                    DType::F64 | DType::I64 | DType::U32 | DType::U8 => unreachable!("{dtype} is wider than float32"),
                }
            }
            Self::Stored(tensor) => {
                let (storage, _) = tensor.storage_and_layout();
                let Storage::Cpu(storage) = &*storage else { unreachable!("blocks are made on the CPU") };
                let range = first..first + out.len();
                match storage {
                    CpuStorage::F32(values) => out.copy_from_slice(&values[range]),
                    CpuStorage::F16(values) => values[range].convert_to_f32_slice(out),
                    CpuStorage::BF16(values) => values[range].convert_to_f32_slice(out),
                    _ => unreachable!("the others are wider than float32"),
                }
            }
        }
    }

    /// The dtype that the values are kept in.
    pub(crate) fn kept_in(&self) -> DType {
        match self {
            Self::Mapped { dtype, .. } => *dtype,
            Self::Stored(tensor) => match tensor.dtype() {
                candle_core::DType::F64 => DType::F64,
                candle_core::DType::F32 => DType::F32,
                candle_core::DType::F16 => DType::F16,
                candle_core::DType::BF16 => DType::BF16,
                candle_core::DType::I64 => DType::I64,
                candle_core::DType::U32 => DType::U32,
                candle_core::DType::U8 => DType::U8,
                _ => unreachable!("blocks are made of fedwit's own dtypes"),
            },
        }
    }

    /// Appends the little-endian bytes of some elements, exactly as they are kept.
    pub(crate) fn append_bytes(&self, range: Range<usize>, out: &mut Vec<u8>) {
        fn each<const N: usize, T: Copy>(values: &[T], out: &mut Vec<u8>, bytes: impl Fn(T) -> [u8; N]) {
            out.extend(values.iter().flat_map(|value| bytes(*value)));
        }
        match self {
            Self::Mapped { bytes, dtype } => {
                out.extend_from_slice(&bytes[range.start * dtype.size()..range.end * dtype.size()]);
            }
            Self::Stored(tensor) => {
                let (storage, _) = tensor.storage_and_layout();
                let Storage::Cpu(storage) = &*storage else { unreachable!("blocks are made on the CPU") };
                match storage {
                    CpuStorage::F64(values) => each(&values[range], out, f64::to_le_bytes),
                    CpuStorage::F32(values) => each(&values[range], out, f32::to_le_bytes),
                    CpuStorage::F16(values) => each(&values[range], out, f16::to_le_bytes),
                    CpuStorage::BF16(values) => each(&values[range], out, bf16::to_le_bytes),
                    CpuStorage::I64(values) => each(&values[range], out, i64::to_le_bytes),
                    CpuStorage::U32(values) => each(&values[range], out, u32::to_le_bytes),
                    CpuStorage::U8(values) => out.extend_from_slice(&values[range]),
                    _ => unreachable!("blocks are made of fedwit's own dtypes"),
                }
            }
        }
    }

    /// Bytes of the heap that live as long as this does.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Mapped { bytes, .. } => bytes.heap_bytes(),
            Self::Stored(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
        }
    }
}

fn each_narrow<const N: usize>(bytes: &[u8], out: &mut [f32], parse: impl Fn([u8; N]) -> f32) {
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *out = parse(*bytes);
    }
}

/// Widens the little-endian elements of a dtype to float64.
pub(crate) fn read_bytes(dtype: DType, bytes: &[u8], out: &mut [f64]) {
    /// `from_le_bytes` of every element, which compiles to wide loads, whatever the alignment.
    #[inline(always)]
    fn each<const N: usize>(bytes: &[u8], out: &mut [f64], parse: impl Fn([u8; N]) -> f64) {
        vectorised(|| {
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
                *out = parse(*bytes);
            }
        });
    }
    /// Halves are converted many at once, by instructions that are looked for at run time.
    fn halves<T: Copy>(
        bytes: &[u8],
        out: &mut [f64],
        zero: T,
        parse: impl Fn([u8; 2]) -> T,
        widen: impl Fn(&[T], &mut [f64]),
    ) {
        let mut scratch = [zero; 256];
        for (bytes, out) in bytes.as_chunks::<2>().0.chunks(scratch.len()).zip(out.chunks_mut(scratch.len())) {
            let scratch = &mut scratch[..bytes.len()];
            for (value, bytes) in scratch.iter_mut().zip(bytes) {
                *value = parse(*bytes);
            }
            widen(scratch, out);
        }
    }
    match dtype {
        DType::F64 => each(bytes, out, f64::from_le_bytes),
        DType::F32 => each(bytes, out, |bytes| f64::from(f32::from_le_bytes(bytes))),
        DType::F16 => halves(bytes, out, f16::ZERO, f16::from_le_bytes, <[f16]>::convert_to_f64_slice),
        DType::BF16 => each(bytes, out, |bytes| f64::from(widen_bf16(bf16::from_le_bytes(bytes)))),
        DType::I64 => each(bytes, out, |bytes| i64::from_le_bytes(bytes) as f64),
        DType::U32 => each(bytes, out, |bytes| f64::from(u32::from_le_bytes(bytes))),
        DType::U8 => each(bytes, out, |[byte]| f64::from(byte)),
    }
}

/// A bfloat16 is the upper half of a float32: cheaper than the general conversion, which looks for not-a-numbers.
fn widen_bf16(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

fn read_storage(storage: &CpuStorage, first: usize, out: &mut [f64]) {
    #[inline(always)]
    fn each<T: Copy>(values: &[T], out: &mut [f64], widen: impl Fn(T) -> f64) {
        vectorised(|| {
            for (out, value) in out.iter_mut().zip(values) {
                *out = widen(*value);
            }
        });
    }
    let range = first..first + out.len();
    match storage {
        CpuStorage::F64(values) => out.copy_from_slice(&values[range]),
        CpuStorage::F32(values) => each(&values[range], out, f64::from),
        CpuStorage::F16(values) => values[range].convert_to_f64_slice(out),
        CpuStorage::BF16(values) => each(&values[range], out, |value| f64::from(widen_bf16(value))),
        CpuStorage::I64(values) => each(&values[range], out, |value| value as f64),
        CpuStorage::U32(values) => each(&values[range], out, f64::from),
        CpuStorage::U8(values) => each(&values[range], out, f64::from),
        _ => unreachable!("blocks are made of fedwit's own dtypes"),
    }
}
