//! The values of an array, as they come out of the archive.

use std::io::{self, Read};

use crate::TensorType;
use crate::buffer::Buffer;

/// Bytes that are unpacked at a time: whole elements of every dtype.
const CHUNK: usize = 1 << 16;

/// Unpacks the next elements of `size` bytes each, until `bytes` is full, as little-endian ones.
pub(super) fn read(unpacked: &mut dyn Read, size: usize, big_endian: bool, bytes: &mut [u8]) -> io::Result<()> {
    unpacked.read_exact(bytes)?;
    if big_endian {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    Ok(())
}

/// Reads all values of `tensor` from column-major into row-major order. They do not come in an order in which they
/// could be handed on, so they are in memory as a whole.
pub(super) fn read_transposed(unpacked: &mut dyn Read, tensor: &TensorType, big_endian: bool) -> io::Result<Buffer> {
    let size = tensor.dtype.size();
    let mut buffer = Buffer::zeros(tensor.dtype, tensor.elements());
    let mut chunk = vec![0; CHUNK.min(tensor.bytes())];
    let mut places = Places::new(&tensor.shape);
    for first in (0..tensor.bytes()).step_by(CHUNK) {
        let chunk = &mut chunk[..CHUNK.min(tensor.bytes() - first)];
        read(unpacked, size, big_endian, chunk)?;
        for value in chunk.chunks_exact(size) {
            buffer.write_bytes(places.next(), value);
        }
    }
    Ok(buffer)
}

/// Reads over `bytes` bytes of values, for their checksum alone.
pub(super) fn pass_over(unpacked: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let passed = io::copy(&mut unpacked.take(bytes), &mut io::sink())?;
    if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Sees to it that nothing follows the values. The end has to be asked for: only there is the checksum compared.
pub(super) fn end(unpacked: &mut dyn Read) -> io::Result<()> {
    match unpacked.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "there is more of it than it claims")),
    }
}

/// The row-major positions of a tensor's elements in column-major order, where the first index varies fastest.
struct Places {
    /// For each dimension, its extent, the distance of neighbours along it, and the index.
    dimensions: Vec<(usize, usize, usize)>,
    place: usize,
}

impl Places {
    fn new(shape: &[usize]) -> Self {
        let mut dimensions: Vec<_> = shape.iter().map(|extent| (*extent, 0, 0)).collect();
        let mut stride = 1_usize;
        for (extent, distance, _) in dimensions.iter_mut().rev() {
            *distance = stride;
            // Not larger than the number of elements, which can be counted, unless there are none to walk over.
            stride = stride.saturating_mul(*extent);
        }
        Self { dimensions, place: 0 }
    }

    /// The position of the element that comes next.
    fn next(&mut self) -> usize {
        let place = self.place;
        for (extent, distance, index) in &mut self.dimensions {
            *index += 1;
            self.place += *distance;
            if *index < *extent {
                break;
            }
            self.place -= *distance * *extent;
            *index = 0;
        }
        place
    }
}
