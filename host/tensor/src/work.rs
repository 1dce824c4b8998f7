//! Work on all elements of models, shared out over all cores in pieces that do not depend on how many there are.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::block::BLOCK;
use crate::buffer::Buffer;
use crate::expression::Expression;
use crate::program::Program;
use crate::{DType, Layout, Parameters, TensorError, TensorType};

/// Elements that one thread works on before it looks for more: enough that handing them out costs nothing, few
/// enough that cores end together.
pub(crate) const PIECE: usize = 64 * BLOCK;

/// Tensors of several models that are computed side by side, since they have one name and as many elements: what they
/// share is computed once.
pub(crate) struct Group<'a> {
    pub(crate) elements: usize,
    pub(crate) roots: Vec<Root<'a>>,
}

/// A tensor of one of several models.
pub(crate) struct Root<'a> {
    /// The position of the model among them.
    pub(crate) model: usize,
    /// The position of the tensor in the model.
    pub(crate) tensor: usize,
    pub(crate) values: &'a Expression,
}

/// A piece of a program's elements, and where its results go.
pub(crate) struct Task<S> {
    pub(crate) program: usize,
    pub(crate) first: usize,
    pub(crate) length: usize,
    pub(crate) sink: S,
}

/// The tensors of all models that are wanted, by name and number of elements, in the order in which they come.
pub(crate) fn grouped<'a>(
    models: &[&'a Parameters],
    wanted: impl Fn(usize, usize, &Expression) -> bool,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut by_name: HashMap<(&str, usize), usize> = HashMap::new();
    for (model, parameters) in models.iter().enumerate() {
        for (tensor, kind) in parameters.layout().tensors().iter().enumerate() {
            let (values, elements) = (parameters.expression(tensor), kind.elements());
            if !wanted(model, tensor, values) {
                continue;
            }
            let group = *by_name.entry((&kind.name, elements)).or_insert_with(|| {
                groups.push(Group { elements, roots: Vec::new() });
                groups.len() - 1
            });
            groups[group].roots.push(Root { model, tensor, values });
        }
    }
    groups
}

impl<'a> Group<'a> {
    /// Emits the values of each root.
    pub(crate) fn program(&self) -> Program<'a> {
        Program::new(&self.roots.iter().map(|root| root.values).collect::<Vec<_>>())
    }

    /// The first element and the length of every piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let elements = self.elements;
        (0..elements).step_by(PIECE).map(move |first| (first, PIECE.min(elements - first)))
    }
}

/// Values for every tensor of `layout`, kept in the dtypes that `kept` makes of the layout's.
///
/// `values(memory, tensor, range, out)` gives elements of one tensor, at most a block; `memory` is what `start` made
/// for a piece. It is called once for every block of elements, from many threads.
///
/// # Errors
/// [`TensorError::Unrepresentable`] where an integer dtype cannot hold a value.
pub(crate) fn fill<M>(
    layout: &Layout,
    kept: impl Fn(DType) -> DType + Sync,
    start: impl Fn() -> M + Sync,
    values: impl Fn(&mut M, usize, Range<usize>, &mut [f64]) + Sync,
) -> Result<Vec<Expression>, TensorError> {
    let tensors = layout.tensors();
    let mut buffers: Vec<Buffer> =
        tensors.iter().map(|tensor| Buffer::zeros(kept(tensor.dtype), tensor.elements())).collect();
    let pieces: Vec<_> = buffers
        .iter_mut()
        .enumerate()
        .flat_map(|(tensor, buffer)| buffer.pieces(PIECE).into_iter().map(move |(first, piece)| (tensor, first, piece)))
        .collect();
    pieces.into_par_iter().try_for_each_init(&start, |memory, (tensor, first, mut piece)| {
        let mut scratch = [0.0; BLOCK];
        for offset in (0..piece.len()).step_by(BLOCK) {
            let out = &mut scratch[..BLOCK.min(piece.len() - offset)];
            values(memory, tensor, first + offset..first + offset + out.len(), out);
            piece.write(offset, out).map_err(|value| {
                let TensorType { name, dtype, .. } = &tensors[tensor];
                TensorError::Unrepresentable { name: name.clone(), value, dtype: kept(*dtype) }
            })?;
        }
        Ok(())
    })?;
    Ok(buffers.into_iter().map(|buffer| Expression::kept(buffer.into_block())).collect())
}

/// Runs every task, and gives back the sinks in the order of the tasks.
///
/// `emit(sink, root, offset, values)` is called for every root of every block, within a task in the order of the roots
/// and of the blocks; `offset` counts from the task's first element.
pub(crate) fn run<S: Send>(
    programs: &[Program<'_>],
    tasks: Vec<Task<S>>,
    emit: impl Fn(&mut S, usize, usize, &[f64]) + Sync,
) -> Vec<S> {
    let run = |Task { program, first, length, mut sink }: Task<S>| {
        let program = &programs[program];
        let mut registers = program.registers();
        for offset in (0..length).step_by(BLOCK) {
            let block = BLOCK.min(length - offset);
            program.run(&mut registers, first + offset, block, |root, values| emit(&mut sink, root, offset, values));
        }
        sink
    };
    tasks.into_par_iter().map(run).collect()
}
