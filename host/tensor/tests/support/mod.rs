//! What the tests of this crate build models with.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};

/// A model of float32 tensors, all in one dimension.
pub(crate) fn floats(tensors: &[(&str, &[f64])]) -> Parameters {
    let tensors: Vec<_> =
        tensors.iter().map(|(name, values)| (*name, DType::F32, vec![values.len()], *values)).collect();
    model(&tensors)
}

/// A model of tensors of one dimension in one dtype.
pub(crate) fn of_dtype(dtype: DType, values: &[f64]) -> Parameters {
    model(&[("w", dtype, vec![values.len()], values)])
}

/// A model of these tensors. Its values must be exact in their dtypes.
pub(crate) fn model(tensors: &[(&str, DType, Vec<usize>, &[f64])]) -> Parameters {
    let kinds = tensors.iter().map(|(name, dtype, shape, _)| TensorType {
        name: (*name).to_owned(),
        dtype: *dtype,
        shape: shape.clone(),
    });
    let mut builder = Builder::zeros(&Layout::new(kinds.collect()).unwrap());
    for (name, dtype, _, values) in tensors {
        let bytes: Vec<u8> = values.iter().flat_map(|value| bytes(*dtype, *value)).collect();
        builder.write(name, 0, &bytes).unwrap();
    }
    builder.build()
}

fn bytes(dtype: DType, value: f64) -> Vec<u8> {
    match dtype {
        DType::F64 => value.to_le_bytes().to_vec(),
        DType::F32 => (value as f32).to_le_bytes().to_vec(),
        DType::F16 => half::f16::from_f64(value).to_le_bytes().to_vec(),
        DType::BF16 => half::bf16::from_f64(value).to_le_bytes().to_vec(),
        DType::I64 => (value as i64).to_le_bytes().to_vec(),
        DType::U32 => (value as u32).to_le_bytes().to_vec(),
        DType::U8 => (value as u8).to_le_bytes().to_vec(),
    }
}

/// The values of a tensor, in float64.
pub(crate) fn values(parameters: &Parameters, name: &str) -> Vec<f64> {
    let position = parameters.layout().position(name).unwrap();
    let elements = parameters.layout().tensors()[position].elements() as u64;
    let wide = parameters.cast(DType::F64).unwrap();
    let bytes = wide.read(name, 0, elements).unwrap();
    bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
}

/// Numbers that look random and are the same every time: xorshift, scaled to -1 .. 1.
pub(crate) fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
