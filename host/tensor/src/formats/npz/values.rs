//! The values of an array, unpacked in pieces into the buffer where they stay.

use std::io::{self, Read};

use crate::TensorType;
use crate::buffer::Buffer;

/// Bytes that are unpacked at a time: whole elements of every dtype.
const CHUNK: usize = 1 << 16;

/// Reads all values of `tensor`, and sees to it that nothing follows them.
pub(super) fn read(
    unpacked: &mut dyn Read,
    tensor: &TensorType,
    big_endian: bool,
    fortran_order: bool,
) -> io::Result<Buffer> {
    let size = tensor.dtype.size();
    let mut buffer = Buffer::zeros(tensor.dtype, tensor.elements());
    let mut chunk = vec![0; CHUNK.min(tensor.bytes())];
    let mut places = Places::new(&tensor.shape);
    for first in (0..tensor.bytes()).step_by(CHUNK) {
        let chunk = &mut chunk[..CHUNK.min(tensor.bytes() - first)];
        unpacked.read_exact(chunk)?;
        if big_endian {
            chunk.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if fortran_order {
            for value in chunk.chunks_exact(size) {
                buffer.write_bytes(places.next(), value);
            }
        } else {
            buffer.write_bytes(first / size, chunk);
        }
    }
    end(unpacked)?;
    Ok(buffer)
}

/// Reads over `bytes` bytes of values for their checksum alone.
pub(super) fn pass_over(unpacked: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let passed = io::copy(&mut unpacked.take(bytes), &mut io::sink())?;
    if passed != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    end(unpacked)
}

/// The end has to be asked for: only there is the checksum compared.
fn end(unpacked: &mut dyn Read) -> io::Result<()> {
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
