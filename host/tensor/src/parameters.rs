//! The named tensors of a model.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use crate::block::Block;
use crate::evaluation::{self, Found, Want};
use crate::expression::Expression;
use crate::operation::Binary;
use crate::reader::Reader;
use crate::{DType, Layout, TensorError, TensorType, reduction};

/// The named tensors of a model, or of anything shaped like one: a delta, a momentum, a mean.
///
/// Immutable, and cheap to clone. The layout says what each tensor *is* (its dtype when it is stored or sent); its
/// values may be kept wider than that, until [`Parameters::outcome`], [`Parameters::settled`] or
/// [`Parameters::read`] rounds them.
///
/// Arithmetic gives *expressions*, which keep what they are made of alive and compute nothing until their values are
/// asked for. Reading them, a reduction or an accumulator computes them in passing; [`Parameters::evaluated`] keeps
/// them, and [`Parameters::evaluate_all`] those of several models that have something in common. In an expression
/// values are float64, and what is rounded to a dtype in the middle of one is rounded there; where they are kept, they
/// are rounded to [`DType::widened`] of the tensor's dtype.
#[derive(Clone)]
pub struct Parameters {
    layout: Layout,
    /// One for each tensor of the layout, with as many elements.
    values: Vec<Expression>,
}

impl Parameters {
    pub(crate) fn new(layout: Layout, values: Vec<Expression>) -> Self {
        debug_assert_eq!(layout.tensors().len(), values.len(), "values for each tensor");
        Self { layout, values }
    }

    /// Values that are kept: a block for each tensor.
    pub(crate) fn kept(layout: Layout, blocks: impl Iterator<Item = Block>) -> Self {
        Self::new(layout, blocks.map(Expression::kept).collect())
    }

    /// The tensors' names, dtypes and shapes.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn expressions(&self) -> &[Expression] {
        &self.values
    }

    pub(crate) fn expression(&self, tensor: usize) -> &Expression {
        &self.values[tensor]
    }

    /// The values of `other`, which must have the same names and shapes, in the order of this.
    pub(crate) fn aligned(&self, other: &Self) -> Result<Vec<Expression>, TensorError> {
        let positions = self.layout.positions_in(&other.layout)?;
        Ok(positions.into_iter().map(|position| other.values[position].clone()).collect())
    }

    /// Operations that computing one of the tensors takes, for that with the most; what is used twice is counted
    /// twice. 0 where all values are kept.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.values.iter().map(Expression::operations).max().unwrap_or(0)
    }

    /// Bytes of memory that the values take; mapped files and what is not computed yet take none.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.values.iter().map(Expression::heap_bytes).sum()
    }

    /// Bytes of memory that live as long as this does, those of everything that it is still to be computed from among
    /// them. Takes as long as there are operations.
    #[must_use]
    pub fn pinned_bytes(&self) -> usize {
        let (mut seen, mut bytes) = (HashSet::new(), 0);
        for values in &self.values {
            values.visit(&mut seen, |node| bytes += node.heap_bytes());
        }
        bytes
    }

    /// Whether this is a clone of `other`, or the other way round.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let (own, others) = (self.values.iter(), other.values.iter());
        self.layout == other.layout && own.map(Expression::id).eq(others.map(Expression::id))
    }

    /// Which of `others` have an operation in common with one of `models`: computing both at once saves something.
    ///
    /// Only the first tensor of the others is looked at, so that asking costs little beside computing.
    #[must_use]
    pub fn sharing<'a>(models: &[Self], others: impl Iterator<Item = &'a Self>) -> Vec<&'a Self> {
        let mut operations = HashSet::new();
        for values in models.iter().flat_map(|model| &model.values) {
            values.visit(&mut operations, |_| {});
        }
        let shares = |other: &&Self| {
            let mut common = false;
            let mut seen = HashSet::new();
            if let Some(values) = other.values.first() {
                values.visit(&mut seen, |node| common |= node.operations() > 0 && operations.contains(&node.id()));
            }
            common
        };
        others.filter(shares).collect()
    }

    /// Bytes that the graph of operations takes at most, apart from the values that it is made of.
    #[must_use]
    pub fn graph_bytes(&self) -> usize {
        self.values.iter().map(Expression::graph_bytes).fold(0, usize::saturating_add)
    }

    /// Bytes that [`Parameters::settled`] would take: none for what is kept in its dtype already.
    #[must_use]
    pub fn settling_bytes(&self) -> usize {
        let new = self.values.iter().zip(self.layout.tensors());
        new.filter(|(values, tensor)| values.kept_in() != Some(tensor.dtype)).map(|(_, tensor)| tensor.bytes()).sum()
    }

    /// The same parameters, with `guard(bytes)` living as long as the memory of a tensor does, in whatever expression.
    /// What takes no memory, has a guard already, or is known elsewhere, such as in a clone, is left as it is.
    #[must_use]
    pub fn guarded(self, guard: impl Fn(usize) -> Arc<dyn Any + Send + Sync>) -> Self {
        let values = self.values.into_iter().map(|values| values.guarded(&guard)).collect();
        Self { layout: self.layout, values }
    }

    /// The same tensors in the order of `layout`, which must be theirs otherwise.
    ///
    /// # Errors
    /// Names the first tensor that is missing, unexpected, or of another shape or dtype.
    pub fn ordered_as(&self, layout: &Layout) -> Result<Self, TensorError> {
        layout.check(&self.layout)?;
        self.fitted_to(layout)
    }

    /// The same values in the order of `layout`, and to be rounded to its dtypes when they are settled.
    ///
    /// # Errors
    /// Names the first tensor that is missing, unexpected, or of another shape.
    pub fn fitted_to(&self, layout: &Layout) -> Result<Self, TensorError> {
        let positions = layout.positions_in(&self.layout)?;
        let values = positions.into_iter().map(|position| self.values[position].clone()).collect();
        Ok(Self::new(layout.clone(), values))
    }

    /// This less `base`: exact, as long as it is not kept.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn delta_from(&self, base: &Self) -> Result<Self, TensorError> {
        let bases = self.aligned(base)?;
        let values = self.values.iter().zip(bases);
        let values = values.map(|(own, base)| Expression::binary(Binary::Minus, own.clone(), base));
        Ok(Self::new(self.layout.clone(), values.collect()))
    }

    /// The same values as elements of `dtype`, rounded to it: integers to the nearest, ties to even, and at once.
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

    /// The same values as elements of the dtypes of `layout`, which differs from this one's in nothing else. To a float
    /// they are rounded in the expression; whether an integer can hold them is to be known now.
    fn rounded_to(&self, layout: Layout) -> Result<Self, TensorError> {
        let integers = layout.tensors().iter().any(|tensor| !tensor.dtype.is_float());
        let rounded = |(values, tensor): (&Expression, &TensorType)| values.clone().rounded(tensor.dtype);
        let values = self.values.iter().zip(layout.tensors()).map(rounded).collect();
        let rounded = Self::new(layout, values);
        if integers { rounded.settled() } else { Ok(rounded) }
    }

    /// The same values, kept: computed now, and not when they are asked for. What is kept already is shared.
    #[must_use]
    pub fn evaluated(&self) -> Self {
        Self::evaluate_all(&[self]).pop().unwrap_or_else(|| self.clone())
    }

    /// Several models [evaluated](Self::evaluated) in one pass: what they have in common is read and computed once.
    #[must_use]
    pub fn evaluate_all(models: &[&Self]) -> Vec<Self> {
        Self::evaluate_with_norms(models, &[]).0
    }

    /// Several models [evaluated](Self::evaluated), and the sum of the squares of all elements of others, in one pass.
    #[must_use]
    pub fn evaluate_with_norms(models: &[&Self], norms: &[&Self]) -> (Vec<Self>, Vec<f64>) {
        let wants: Vec<_> =
            models.iter().map(|_| Want::Values).chain(norms.iter().map(|_| Want::SquaredNorm)).collect();
        let (mut kept, mut squared_norms) = (Vec::new(), Vec::new());
        for (found, model) in
            evaluation::evaluate(&[models, norms].concat(), &wants).into_iter().zip(models.iter().chain(norms))
        {
            match found {
                // What computation is done in holds every value.
                Found::Parameters(result) => kept.push(result.unwrap_or_else(|_| (*model).clone())),
                Found::SquaredNorm(sum) => squared_norms.push(sum),
            }
        }
        (kept, squared_norms)
    }

    /// The same values, kept in exactly the dtypes of the layout: rounded now, not when they are written. What is kept
    /// so already is shared, and so stays exact.
    ///
    /// # Errors
    /// [`TensorError::Unrepresentable`] where an integer dtype cannot hold a value.
    pub fn settled(&self) -> Result<Self, TensorError> {
        Self::settle_all(&[self]).pop().unwrap_or_else(|| Ok(self.clone()))
    }

    /// Several models [settled](Self::settled) in one pass: what they have in common is read and computed once.
    ///
    /// # Errors
    /// For each as [`Parameters::settled`] has it.
    #[must_use]
    pub fn settle_all(models: &[&Self]) -> Vec<Result<Self, TensorError>> {
        let found = evaluation::evaluate(models, &vec![Want::Settled; models.len()]);
        let parameters = |found| match found {
            Found::Parameters(result) => Some(result),
            Found::SquaredNorm(_) => None,
        };
        found.into_iter().filter_map(parameters).collect()
    }

    /// The model that a round ends with: in the order of `global` and rounded to its dtypes.
    ///
    /// # Errors
    /// Names the first tensor that does not fit, that its dtype cannot hold, or that is not finite once rounded.
    pub fn outcome(&self, global: &Layout) -> Result<Self, TensorError> {
        let rounded = self.fitted_to(global)?.settled()?;
        rounded.check_finite()?;
        Ok(rounded)
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
        let kept = self.layout.tensors().iter().zip(&self.values).filter(|(tensor, _)| wanted.contains(&tensor.name));
        let (tensors, values) = kept.map(|(tensor, values)| (tensor.clone(), values.clone())).unzip();
        Ok(Self::new(Layout::new(tensors)?, values))
    }

    /// This model with the tensors of `part` in place of its own of the same names. The dtypes stay this model's.
    ///
    /// # Errors
    /// Names a tensor of `part` that this model lacks, or has in another shape.
    pub fn replaced(&self, part: &Self) -> Result<Self, TensorError> {
        let mut all = self.values.clone();
        for (tensor, values) in part.layout.tensors().iter().zip(&part.values) {
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
            all[position] = values.clone();
        }
        Ok(Self::new(self.layout.clone(), all))
    }

    /// The same tensors under other names: `name(position, old)` gives the new ones.
    ///
    /// # Errors
    /// [`TensorError::Duplicate`] if two would have one name.
    pub fn renamed(&self, name: impl Fn(usize, &str) -> String) -> Result<Self, TensorError> {
        let tensors = self.layout.tensors().iter().enumerate();
        let renamed =
            tensors.map(|(position, tensor)| TensorType { name: name(position, &tensor.name), ..tensor.clone() });
        Ok(Self::new(Layout::new(renamed.collect())?, self.values.clone()))
    }

    /// The tensors of all parts, one part after the other.
    ///
    /// # Errors
    /// [`TensorError::Duplicate`] if a name is in two parts.
    pub fn joined(parts: &[Self]) -> Result<Self, TensorError> {
        let tensors = parts.iter().flat_map(|part| part.layout.tensors().iter().cloned()).collect();
        let values = parts.iter().flat_map(|part| part.values.iter().cloned()).collect();
        Ok(Self::new(Layout::new(tensors)?, values))
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
        self.reader(tensor).append(range, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads one tensor, piece by piece.
    pub(crate) fn reader(&self, tensor: usize) -> Reader<'_> {
        Reader::new(&self.layout.tensors()[tensor], &self.values[tensor])
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
