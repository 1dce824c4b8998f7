//! Work on all elements of a model, shared out over all cores in pieces that do not depend on how many there are.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use crate::block::{BLOCK, Block};
use crate::buffer::Buffer;
use crate::{DType, Layout, TensorError, TensorType};

/// Elements that one thread works on before it looks for more: enough that handing them out costs nothing, few
/// enough that cores end together.
pub(crate) const PIECE: usize = 32 * BLOCK;

/// New blocks for every tensor of `layout`, kept in the dtypes that `kept` makes of the layout's.
///
/// `values(tensor, first, out)` gives the elements of one tensor from `first` on. It is called once for every
/// block of elements, from many threads.
///
/// # Errors
/// [`TensorError::Unrepresentable`] where an integer dtype cannot hold a value.
pub(crate) fn fill(
    layout: &Layout,
    kept: impl Fn(DType) -> DType + Sync,
    values: impl Fn(usize, usize, &mut [f64]) + Sync,
) -> Result<Vec<Arc<Block>>, TensorError> {
    let tensors = layout.tensors();
    let mut buffers: Vec<Buffer> =
        tensors.iter().map(|tensor| Buffer::zeros(kept(tensor.dtype), tensor.elements())).collect();
    let pieces: Vec<_> = buffers
        .iter_mut()
        .enumerate()
        .flat_map(|(tensor, buffer)| buffer.pieces(PIECE).into_iter().map(move |(start, piece)| (tensor, start, piece)))
        .collect();
    pieces.into_par_iter().try_for_each(|(tensor, start, mut piece)| {
        let mut scratch = [0.0; BLOCK];
        for first in (0..piece.len()).step_by(BLOCK) {
            let out = &mut scratch[..BLOCK.min(piece.len() - first)];
            values(tensor, start + first, out);
            piece.write(first, out).map_err(|value| {
                let TensorType { name, dtype, .. } = &tensors[tensor];
                TensorError::Unrepresentable { name: name.clone(), value, dtype: kept(*dtype) }
            })?;
        }
        Ok(())
    })?;
    Ok(buffers.into_iter().map(|buffer| Arc::new(buffer.into_block())).collect())
}

/// What `join` makes of what `of(tensor, range)` gives for every block of elements; none for a layout without elements.
///
/// Joined in the order of the elements, in pieces that do not depend on the number of threads, so that a sum is the
/// same on every machine.
pub(crate) fn reduce<T: Send>(
    layout: &Layout,
    of: impl Fn(usize, Range<usize>) -> T + Sync,
    join: impl Fn(T, T) -> T + Sync,
) -> Option<T> {
    let pieces: Vec<(usize, Range<usize>)> = layout
        .tensors()
        .iter()
        .enumerate()
        .flat_map(|(tensor, kind)| split(tensor, 0..kind.elements(), PIECE))
        .collect();
    let joined: Vec<T> = pieces
        .into_par_iter()
        .filter_map(|(tensor, piece)| {
            split(tensor, piece, BLOCK).map(|(tensor, block)| of(tensor, block)).reduce(&join)
        })
        .collect();
    joined.into_iter().reduce(join)
}

fn split(tensor: usize, range: Range<usize>, size: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    range.clone().step_by(size).map(move |first| (tensor, first..range.end.min(first + size)))
}
