//! What a model consists of, without its values.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::{DType, TensorError};

/// A tensor without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Unique within a layout.
    pub name: String,
    /// The type of the elements.
    pub dtype: DType,
    /// The extent of each dimension, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
}

impl TensorType {
    /// How many elements such a tensor has: 1 for a scalar, 0 if any extent is 0.
    ///
    /// Does not overflow for the tensors of a [`Layout`], which has checked them.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of its elements.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype.size()
    }

    /// Bytes of its elements, unless they are more than an address can count, or have more dimensions than any
    /// model has.
    pub(crate) fn checked_bytes(&self) -> Option<usize> {
        const MOST_DIMENSIONS: usize = 64;
        if self.shape.len() > MOST_DIMENSIONS {
            return None;
        }
        // A zero makes the product zero, but shape readers multiply the other extents all the same.
        let extents = self.shape.iter().map(|extent| (*extent).max(1));
        let most = extents.into_iter().try_fold(8_usize, usize::checked_mul)?;
        (isize::try_from(most).is_ok()).then(|| self.bytes())
    }
}

/// The tensors of a model, in order: their names, dtypes and shapes.
///
/// Cheap to clone. Names are unique and sizes cannot overflow: [`Layout::new`] has checked.
#[derive(Clone)]
pub struct Layout {
    inner: Arc<Inner>,
}

struct Inner {
    tensors: Vec<TensorType>,
    by_name: HashMap<String, usize>,
}

impl Layout {
    /// A layout of these tensors.
    ///
    /// # Errors
    /// [`TensorError::Duplicate`] if two have one name, [`TensorError::TooLarge`] if one, or all together, have
    /// more bytes than an address can count.
    pub fn new(tensors: Vec<TensorType>) -> Result<Self, TensorError> {
        let mut by_name = HashMap::with_capacity(tensors.len());
        let mut total = 0_usize;
        for (position, tensor) in tensors.iter().enumerate() {
            let too_large = || TensorError::TooLarge { name: tensor.name.clone(), shape: tensor.shape.clone() };
            // Accumulators widen every element to 8 bytes, so it is those that must be countable.
            tensor.checked_bytes().ok_or_else(too_large)?;
            total = total.checked_add(tensor.elements() * 8).ok_or_else(too_large)?;
            if by_name.insert(tensor.name.clone(), position).is_some() {
                return Err(TensorError::Duplicate { name: tensor.name.clone() });
            }
        }
        Ok(Self { inner: Arc::new(Inner { tensors, by_name }) })
    }

    /// The tensors, in order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorType] {
        &self.inner.tensors
    }

    /// The position of a name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.inner.by_name.get(name).copied()
    }

    /// Elements of all tensors.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.tensors().iter().map(TensorType::elements).sum()
    }

    /// Bytes of all tensors.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tensors().iter().map(TensorType::bytes).sum()
    }

    /// Bytes of all tensors in the dtypes that arithmetic keeps its results in.
    #[must_use]
    pub fn widened_bytes(&self) -> usize {
        self.tensors().iter().map(|tensor| tensor.elements() * tensor.dtype.widened().size()).sum()
    }

    /// The same names and shapes, with each dtype replaced.
    #[must_use]
    pub fn with_dtypes(&self, dtype: impl Fn(DType) -> DType) -> Self {
        let tensors =
            self.tensors().iter().map(|tensor| TensorType { dtype: dtype(tensor.dtype), ..tensor.clone() }).collect();
        Self { inner: Arc::new(Inner { tensors, by_name: self.inner.by_name.clone() }) }
    }

    /// `count` elements of a tensor from `first` on.
    pub(crate) fn range(&self, tensor: usize, first: u64, count: u64) -> Result<Range<usize>, TensorError> {
        let kind = &self.tensors()[tensor];
        let elements = kind.elements();
        let end = first.checked_add(count).and_then(|end| usize::try_from(end).ok()).filter(|end| *end <= elements);
        match (usize::try_from(first), end) {
            (Ok(start), Some(end)) => Ok(start..end),
            _ => Err(TensorError::OutOfBounds { name: kind.name.clone(), elements, first, count }),
        }
    }

    /// For each of this layout's tensors, its position in `other`, which must have the same names and shapes.
    ///
    /// # Errors
    /// Names the first tensor that is missing from `other`, has another shape there, or is there only.
    pub(crate) fn positions_in(&self, other: &Self) -> Result<Vec<usize>, TensorError> {
        let find = |tensor: &TensorType| {
            let position =
                other.position(&tensor.name).ok_or_else(|| TensorError::Missing { name: tensor.name.clone() })?;
            let found = &other.tensors()[position].shape;
            if *found != tensor.shape {
                return Err(TensorError::Shape {
                    name: tensor.name.clone(),
                    expected: tensor.shape.clone(),
                    found: found.clone(),
                });
            }
            Ok(position)
        };
        let positions = self.tensors().iter().map(find).collect::<Result<Vec<_>, _>>()?;
        match other.tensors().iter().find(|tensor| self.position(&tensor.name).is_none()) {
            Some(extra) => Err(TensorError::Unexpected { name: extra.name.clone() }),
            None => Ok(positions),
        }
    }

    /// Whether `found` has this layout's names, shapes and dtypes, in whatever order.
    ///
    /// # Errors
    /// Names the first tensor that differs, and how.
    pub fn check(&self, found: &Self) -> Result<(), TensorError> {
        let positions = self.positions_in(found)?;
        for (tensor, position) in self.tensors().iter().zip(positions) {
            let dtype = found.tensors()[position].dtype;
            if dtype != tensor.dtype {
                return Err(TensorError::DType { name: tensor.name.clone(), expected: tensor.dtype, found: dtype });
            }
        }
        Ok(())
    }
}

impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.tensors() == other.tensors()
    }
}

impl Eq for Layout {}

impl std::fmt::Debug for Layout {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.tensors()).finish()
    }
}
