//! The named tensors of a model.

use std::rc::Rc;

use super::{bytes, failed};
use crate::{DType, Error, TensorType};

/// The named tensors of a model, or of anything shaped like one. Immutable.
#[derive(Clone, Debug)]
pub struct Parameters {
    pub(super) layout: Rc<Vec<TensorType>>,
    /// One for each tensor, in row-major order.
    pub(super) values: Rc<Vec<Vec<f64>>>,
}

impl Parameters {
    pub(crate) fn new(layout: Vec<TensorType>, values: Vec<Vec<f64>>) -> Self {
        Self { layout: Rc::new(layout), values: Rc::new(values) }
    }

    /// The tensors' names, dtypes and shapes, in the model's order.
    #[must_use]
    pub fn layout(&self) -> Vec<TensorType> {
        self.layout.to_vec()
    }

    /// How many elements all tensors have together.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.values.iter().map(|values| values.len() as u64).sum()
    }

    /// The values of one tensor, in float64 and row-major order: what a test looks at.
    #[must_use]
    pub fn values(&self, name: &str) -> Option<&[f64]> {
        self.position(name).ok().map(|tensor| self.values[tensor].as_slice())
    }

    /// The same values as elements of `to`, rounded to it.
    ///
    /// # Errors
    /// Names the tensor where an integer dtype cannot hold a value.
    pub fn cast(&self, to: DType) -> Result<Self, Error> {
        self.with_dtypes(|_| to)
    }

    /// The same values in the dtypes that computation is done in.
    ///
    /// # Errors
    /// None.
    pub fn widened(&self) -> Result<Self, Error> {
        self.with_dtypes(widened)
    }

    fn with_dtypes(&self, to: impl Fn(DType) -> DType) -> Result<Self, Error> {
        let layout: Vec<_> =
            self.layout.iter().map(|tensor| TensorType { dtype: to(tensor.dtype), ..tensor.clone() }).collect();
        let round = |(tensor, values): (&TensorType, &Vec<f64>)| {
            values.iter().map(|value| bytes::rounded(tensor, *value)).collect::<Result<Vec<_>, _>>()
        };
        let values = layout.iter().zip(self.values.iter()).map(round).collect::<Result<_, _>>()?;
        Ok(Self::new(layout, values))
    }

    /// The tensors of these names alone, in the model's order.
    ///
    /// # Errors
    /// Names one that is unknown or given twice.
    pub fn only(&self, names: &[String]) -> Result<Self, Error> {
        for (index, name) in names.iter().enumerate() {
            self.position(name)?;
            if names[..index].contains(name) {
                return Err(failed(format!("tensor `{name}` is there twice")));
            }
        }
        let kept = self.layout.iter().zip(self.values.iter()).filter(|(tensor, _)| names.contains(&tensor.name));
        let (layout, values) = kept.map(|(tensor, values)| (tensor.clone(), values.clone())).unzip();
        Ok(Self::new(layout, values))
    }

    /// This model with the tensors of `part` in place of its own of the same names.
    ///
    /// # Errors
    /// Names a tensor of `part` that this model lacks, or has in another shape.
    pub fn replaced(&self, part: &Self) -> Result<Self, Error> {
        let mut values = self.values.to_vec();
        for (tensor, new) in part.layout.iter().zip(part.values.iter()) {
            let position = self.position(&tensor.name)?;
            same_shape(&self.layout[position], tensor)?;
            values[position].clone_from(new);
        }
        Ok(Self { layout: Rc::clone(&self.layout), values: Rc::new(values) })
    }

    /// The little-endian bytes of `count` elements of tensor `name` from `first` on, in its dtype.
    ///
    /// # Errors
    /// Names a tensor that is unknown, or elements that are out of its bounds.
    pub fn read(&self, name: &str, first: u64, count: u64) -> Result<Vec<u8>, Error> {
        let position = self.position(name)?;
        let values = &self.values[position];
        let range = bytes::range(name, values.len(), first, count)?;
        let mut all = Vec::new();
        for value in &values[range] {
            all.extend(bytes::of(&self.layout[position], *value)?);
        }
        Ok(all)
    }

    pub(super) fn position(&self, name: &str) -> Result<usize, Error> {
        let position = self.layout.iter().position(|tensor| tensor.name == name);
        position.ok_or_else(|| failed(format!("tensor `{name}` is missing")))
    }

    /// The values of `other`, which must have the same names and shapes, in the order of this.
    pub(super) fn aligned<'a>(&self, other: &'a Self) -> Result<Vec<&'a Vec<f64>>, Error> {
        let find = |tensor: &TensorType| {
            let position = other.position(&tensor.name)?;
            same_shape(tensor, &other.layout[position])?;
            Ok(&other.values[position])
        };
        let aligned = self.layout.iter().map(find).collect::<Result<Vec<_>, Error>>()?;
        match other.layout.iter().find(|tensor| self.position(&tensor.name).is_err()) {
            Some(extra) => Err(failed(format!("tensor `{}` does not belong to the model", extra.name))),
            None => Ok(aligned),
        }
    }
}

fn same_shape(expected: &TensorType, found: &TensorType) -> Result<(), Error> {
    if expected.shape == found.shape {
        return Ok(());
    }
    Err(failed(format!("tensor `{}` has shape {:?} instead of {:?}", found.name, found.shape, expected.shape)))
}

/// The dtype that results of arithmetic are kept in.
pub(super) fn widened(dtype: DType) -> DType {
    match dtype {
        DType::Float32 | DType::Float16 | DType::Bfloat16 => DType::Float32,
        DType::Float64 | DType::Int64 | DType::Uint32 | DType::Uint8 => DType::Float64,
    }
}
