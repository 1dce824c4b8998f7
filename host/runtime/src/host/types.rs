//! `types`: the words that the interfaces share.

use fedwit_tensor::{DType, TensorType};

use super::{Failure, HostState};
use crate::bindings::types;

impl types::Host for HostState {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<types::Error> {
        match failure {
            Failure::Told(error) => Ok(error),
            Failure::Trap(error) => Err(error),
        }
    }
}

impl From<types::Dtype> for DType {
    fn from(dtype: types::Dtype) -> Self {
        match dtype {
            types::Dtype::Float64 => Self::F64,
            types::Dtype::Float32 => Self::F32,
            types::Dtype::Float16 => Self::F16,
            types::Dtype::Bfloat16 => Self::BF16,
            types::Dtype::Int64 => Self::I64,
            types::Dtype::Uint32 => Self::U32,
            types::Dtype::Uint8 => Self::U8,
        }
    }
}

impl From<DType> for types::Dtype {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F64 => Self::Float64,
            DType::F32 => Self::Float32,
            DType::F16 => Self::Float16,
            DType::BF16 => Self::Bfloat16,
            DType::I64 => Self::Int64,
            DType::U32 => Self::Uint32,
            DType::U8 => Self::Uint8,
        }
    }
}

impl From<&TensorType> for types::TensorType {
    fn from(tensor: &TensorType) -> Self {
        Self {
            name: tensor.name.clone(),
            dtype: tensor.dtype.into(),
            shape: tensor.shape.iter().map(|extent| *extent as u64).collect(),
        }
    }
}
