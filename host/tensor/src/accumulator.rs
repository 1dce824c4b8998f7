//! A weighted mean that is kept up to date as values arrive.

use crate::block::Block;
use crate::mapping::Anonymous;
use crate::program::Program;
use crate::vectors::vectorised;
use crate::work::{self, PIECE, Task};
use crate::{DType, Layout, Parameters, TensorError};

/// Values that wait at most until they are folded: enough that reading and writing the mean is little beside reading
/// them, few enough that not many updates are kept alive.
const MOST_WAITING: usize = 16;

/// A running weighted mean in float64, updated in place.
///
/// After values `u_1 .. u_k` of weights `w_1 .. w_k` it is `sum w_i u_i / W_k` with `W_k = sum w_i`, by the recurrence
/// `m_k = m_{k-1} + (w_k / W_k) (u_k - m_{k-1})`, which never grows beyond the values themselves, as a sum of
/// `w_i u_i` would. Float64 keeps ten thousand float32 updates within 1e-12 of the exact mean, for twice the memory of a
/// float32 model.
///
/// What is added may wait, to be folded with what comes next in one pass over the mean: that is no different from
/// folding each alone, to the last bit. A value that is an expression is computed in that pass.
pub struct Accumulator {
    layout: Layout,
    /// The mean of each tensor, one after the other.
    means: Anonymous<f64>,
    /// Weights of all values, of those that wait too.
    total_weight: f64,
    /// Values that are not in the mean yet, each with its weight's share of all until then.
    waiting: Vec<(Parameters, f64)>,
    empty: bool,
}

impl Accumulator {
    /// No values yet, for values of the names and shapes of `layout`.
    ///
    /// # Errors
    /// [`TensorError::OutOfMemory`] if the system has none left to promise.
    pub fn new(layout: &Layout) -> Result<Self, TensorError> {
        let means = Anonymous::zeros(layout.elements())
            .map_err(|_| TensorError::OutOfMemory { bytes: Self::bytes_for(layout) })?;
        Ok(Self { layout: layout.clone(), means, total_weight: 0.0, waiting: Vec::new(), empty: true })
    }

    /// Bytes that the mean of such values takes while it runs.
    #[must_use]
    pub fn bytes_for(layout: &Layout) -> usize {
        layout.elements() * size_of::<f64>()
    }

    /// What the values are to look like.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The sum of the weights so far.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    /// How many values were added, but wait to be folded.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes `value` into the mean: at once, or with what comes next.
    ///
    /// # Errors
    /// Names the first tensor that does not fit, or the weight if it, or the sum of all, is not a positive finite
    /// number. Then nothing has changed.
    pub fn add(&mut self, value: &Parameters, weight: f64) -> Result<(), TensorError> {
        if !(weight.is_finite() && weight > 0.0) {
            return Err(TensorError::Weight { weight });
        }
        let total_weight = self.total_weight + weight;
        if !total_weight.is_finite() {
            return Err(TensorError::TotalWeight);
        }
        let value = value.fitted_to(&self.layout)?;
        self.total_weight = total_weight;
        self.waiting.push((value, weight / total_weight));
        if self.waiting.len() == MOST_WAITING {
            self.flush();
        }
        Ok(())
    }

    /// Folds what waits, in one pass over it and the mean. Nothing that was added is kept alive after that.
    pub fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        // The first value is the mean. It is written without reading what was there: reading fresh memory before
        // writing it would have the system map each page twice.
        let first_value = std::mem::replace(&mut self.empty, false);

        let mut rest = self.means.values();
        let (mut programs, mut tasks) = (Vec::new(), Vec::new());
        for (tensor, kind) in self.layout.tensors().iter().enumerate() {
            let roots: Vec<_> = waiting.iter().map(|(value, _)| value.expression(tensor)).collect();
            let program = programs.len();
            programs.push(Program::new(&roots));
            let means = rest.split_off_mut(..kind.elements()).unwrap_or_default();
            let pieces = means.chunks_mut(PIECE).enumerate();
            tasks.extend(pieces.map(|(piece, sink)| Task { program, first: piece * PIECE, length: sink.len(), sink }));
        }
        work::run(&programs, tasks, |means, value, offset, values| {
            let means = &mut means[offset..offset + values.len()];
            if first_value && value == 0 {
                means.copy_from_slice(values);
                return;
            }
            let rate = waiting[value].1;
            vectorised(|| means.iter_mut().zip(values).for_each(|(mean, value)| *mean += rate * (*value - *mean)));
        });
    }

    /// The mean, kept in float64 and copied nowhere; its layout is that of the values.
    ///
    /// # Errors
    /// [`TensorError::NoValues`] before the first value.
    pub fn mean(mut self) -> Result<Parameters, TensorError> {
        self.flush();
        if self.empty {
            return Err(TensorError::NoValues);
        }
        let means = self.means.into_mapping();
        let mut start = 0;
        let blocks = self.layout.tensors().iter().map(|tensor| {
            let end = start + tensor.elements() * size_of::<f64>();
            let bytes = means.part(start..end);
            start = end;
            Block::Mapped { bytes, dtype: DType::F64 }
        });
        Ok(Parameters::kept(self.layout.clone(), blocks))
    }
}
