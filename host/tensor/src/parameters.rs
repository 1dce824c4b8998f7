//! The named tensors of a model.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::block::Block;
use crate::buffer::Buffer;
use crate::{DType, Layout, TensorError, TensorType, reduction, work};

/// The named tensors of a model, or of anything shaped like one: a delta, a momentum, a mean.
///
/// Immutable, and cheap to clone. The layout says what each tensor *is* (its dtype when it is stored or sent); its
/// values may be kept wider than that, until [`Parameters::outcome`], [`Parameters::cast`] or
/// [`Parameters::read`] rounds them.
#[derive(Clone)]
pub struct Parameters {
    layout: Layout,
    /// One for each tensor of the layout, with as many elements.
    blocks: Vec<Arc<Block>>,
}

impl Parameters {
    pub(crate) fn new(layout: Layout, blocks: Vec<Arc<Block>>) -> Self {
        debug_assert_eq!(layout.tensors().len(), blocks.len(), "a block for each tensor");
        Self { layout, blocks }
    }

    /// The tensors' names, dtypes and shapes.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn block(&self, tensor: usize) -> &Block {
        &self.blocks[tensor]
    }

    /// The blocks of `other`, which must have the same names and shapes, in the order of this.
    pub(crate) fn aligned(&self, other: &Self) -> Result<Vec<Arc<Block>>, TensorError> {
        let positions = self.layout.positions_in(&other.layout)?;
        Ok(positions.into_iter().map(|position| Arc::clone(&other.blocks[position])).collect())
    }

    /// Bytes of memory that live as long as this does; mapped files take none.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.heap_bytes()).sum()
    }

    /// The same tensors in the order of `layout`, which must be theirs otherwise.
    ///
    /// # Errors
    /// Names the first tensor that is missing, unexpected, or of another shape or dtype.
    pub fn ordered_as(&self, layout: &Layout) -> Result<Self, TensorError> {
        layout.check(&self.layout)?;
        let positions = layout.positions_in(&self.layout)?;
        let blocks = positions.into_iter().map(|position| Arc::clone(&self.blocks[position])).collect();
        Ok(Self::new(layout.clone(), blocks))
    }

    /// This less `base`, computed as it is read: takes no memory, but keeps both alive.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn delta_from(&self, base: &Self) -> Result<Self, TensorError> {
        let bases = self.aligned(base)?;
        let difference =
            |(block, base): (&Arc<Block>, Arc<Block>)| Arc::new(Block::Difference(Arc::clone(block), base));
        Ok(Self::new(self.layout.clone(), self.blocks.iter().zip(bases).map(difference).collect()))
    }

    /// The same values as elements of `dtype`, rounded to it: integers to the nearest, ties to even.
    ///
    /// # Errors
    /// [`TensorError::Unrepresentable`] where an integer dtype cannot hold a value.
    pub fn cast(&self, dtype: DType) -> Result<Self, TensorError> {
        self.rounded_to(self.layout.with_dtypes(|_| dtype))
    }

    /// The same values in the dtypes that computation is done in, see [`DType::widened`].
    ///
    /// # Errors
    /// None; float dtypes hold every value in some way.
    pub fn widened(&self) -> Result<Self, TensorError> {
        self.rounded_to(self.layout.with_dtypes(DType::widened))
    }

    /// The same values, kept in exactly the dtypes of the layout: rounded now, not when they are written.
    ///
    /// # Errors
    /// [`TensorError::Unrepresentable`] where an integer dtype cannot hold a value.
    pub fn settled(&self) -> Result<Self, TensorError> {
        self.rounded_to(self.layout.clone())
    }

    /// The model that a round ends with: in the order of `global` and rounded to its dtypes.
    ///
    /// # Errors
    /// Names the first tensor that does not fit, that its dtype cannot hold, or that is not finite once rounded.
    pub fn outcome(&self, global: &Layout) -> Result<Self, TensorError> {
        let positions = global.positions_in(&self.layout)?;
        let blocks: Vec<_> = positions.into_iter().map(|position| Arc::clone(&self.blocks[position])).collect();
        let rounded = Self::new(global.clone(), blocks).rounded_to(global.clone())?;
        rounded.check_finite()?;
        Ok(rounded)
    }

    /// Kept in exactly the dtypes of `layout`, which differs from this one's in nothing else. What is kept so already
    /// is shared, and so stays exact.
    fn rounded_to(&self, layout: Layout) -> Result<Self, TensorError> {
        let kept = |tensor: usize| self.blocks[tensor].kept_in() == Some(layout.tensors()[tensor].dtype);
        let rounded: Vec<usize> = (0..self.blocks.len()).filter(|tensor| !kept(*tensor)).collect();
        let kinds = Layout::new(rounded.iter().map(|tensor| layout.tensors()[*tensor].clone()).collect())?;
        let values = |index: usize, first, out: &mut [f64]| self.blocks[rounded[index]].read(first, out);
        let new = work::fill(&kinds, |dtype| dtype, values)?;
        let mut blocks = self.blocks.clone();
        for (tensor, block) in rounded.into_iter().zip(new) {
            blocks[tensor] = block;
        }
        Ok(Self::new(layout, blocks))
    }

    /// Refuses infinities and not-a-numbers.
    ///
    /// # Errors
    /// [`TensorError::NotFinite`] names the first tensor that has one.
    pub fn check_finite(&self) -> Result<(), TensorError> {
        match reduction::first_not_finite(self) {
            Some(tensor) => Err(TensorError::NotFinite { name: self.layout.tensors()[tensor].name.clone() }),
            None => Ok(()),
        }
    }

    /// The tensors of these names alone, in this model's order.
    ///
    /// # Errors
    /// Names one that is unknown ([`TensorError::Missing`]) or given twice ([`TensorError::Duplicate`]).
    pub fn only(&self, names: &[String]) -> Result<Self, TensorError> {
        let mut wanted = HashSet::new();
        for name in names {
            self.position(name)?;
            if !wanted.insert(name) {
                return Err(TensorError::Duplicate { name: name.clone() });
            }
        }
        let kept = self.layout.tensors().iter().zip(&self.blocks).filter(|(tensor, _)| wanted.contains(&tensor.name));
        let (tensors, blocks) = kept.map(|(tensor, block)| (tensor.clone(), Arc::clone(block))).unzip();
        Ok(Self::new(Layout::new(tensors)?, blocks))
    }

    /// This model with the tensors of `part` in place of its own of the same names. The dtypes stay this model's.
    ///
    /// # Errors
    /// Names a tensor of `part` that this model lacks, or has in another shape.
    pub fn replaced(&self, part: &Self) -> Result<Self, TensorError> {
        let mut blocks = self.blocks.clone();
        for (tensor, block) in part.layout.tensors().iter().zip(&part.blocks) {
            let position = self
                .layout
                .position(&tensor.name)
                .ok_or_else(|| TensorError::Unexpected { name: tensor.name.clone() })?;
            let own = &self.layout.tensors()[position];
            if own.shape != tensor.shape {
                return Err(TensorError::Shape {
                    name: tensor.name.clone(),
                    expected: own.shape.clone(),
                    found: tensor.shape.clone(),
                });
            }
            blocks[position] = Arc::clone(block);
        }
        Ok(Self::new(self.layout.clone(), blocks))
    }

    /// The same tensors under other names: `name(position, old)` gives the new ones.
    ///
    /// # Errors
    /// [`TensorError::Duplicate`] if two would have one name.
    pub fn renamed(&self, name: impl Fn(usize, &str) -> String) -> Result<Self, TensorError> {
        let tensors = self.layout.tensors().iter().enumerate();
        let renamed =
            tensors.map(|(position, tensor)| TensorType { name: name(position, &tensor.name), ..tensor.clone() });
        Ok(Self::new(Layout::new(renamed.collect())?, self.blocks.clone()))
    }

    /// The tensors of all parts, one part after the other.
    ///
    /// # Errors
    /// [`TensorError::Duplicate`] if a name is in two parts.
    pub fn joined(parts: &[Self]) -> Result<Self, TensorError> {
        let tensors = parts.iter().flat_map(|part| part.layout.tensors().iter().cloned()).collect();
        let blocks = parts.iter().flat_map(|part| part.blocks.iter().cloned()).collect();
        Ok(Self::new(Layout::new(tensors)?, blocks))
    }

    /// Little-endian bytes, in the tensor's dtype, of `count` elements from `first` on in row-major order.
    ///
    /// # Errors
    /// [`TensorError::Missing`], [`TensorError::OutOfBounds`], or [`TensorError::Unrepresentable`] if the values are
    /// kept wider than the dtype can hold.
    pub fn read(&self, name: &str, first: u64, count: u64) -> Result<Vec<u8>, TensorError> {
        let tensor = self.position(name)?;
        let range = self.layout.range(tensor, first, count)?;
        let mut bytes = Vec::new();
        self.read_into(tensor, range, &mut bytes)?;
        Ok(bytes)
    }

    /// Appends the little-endian bytes of some elements of one tensor, in its dtype.
    pub(crate) fn read_into(&self, tensor: usize, range: Range<usize>, bytes: &mut Vec<u8>) -> Result<(), TensorError> {
        let kind = &self.layout.tensors()[tensor];
        let block = &self.blocks[tensor];
        if block.kept_in() == Some(kind.dtype) {
            block.append_bytes(range, bytes);
            return Ok(());
        }
        let mut values = vec![0.0; range.len()];
        block.read(range.start, &mut values);
        let rounded = Buffer::rounded(kind.dtype, &values).map_err(|value| TensorError::Unrepresentable {
            name: kind.name.clone(),
            value,
            dtype: kind.dtype,
        })?;
        rounded.into_block().append_bytes(0..values.len(), bytes);
        Ok(())
    }

    fn position(&self, name: &str) -> Result<usize, TensorError> {
        self.layout.position(name).ok_or_else(|| TensorError::Missing { name: name.to_owned() })
    }
}

impl std::fmt::Debug for Parameters {
    /// The layout alone: values may be many.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Parameters").field(&self.layout).finish()
    }
}
