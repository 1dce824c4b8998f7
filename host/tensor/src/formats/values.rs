//! The values of a tensor on their way into a file.

use super::WriteFault;
use crate::Parameters;

/// Elements that are in memory at a time while a model is written.
const CHUNK: usize = 1 << 16;

/// Hands the little-endian bytes of one tensor's values, in its dtype, to `sink`, piece by piece.
pub(super) fn in_chunks(
    parameters: &Parameters,
    tensor: usize,
    mut sink: impl FnMut(&[u8]) -> Result<(), WriteFault>,
) -> Result<(), WriteFault> {
    let elements = parameters.layout().tensors()[tensor].elements();
    let mut bytes = Vec::new();
    let mut reader = parameters.reader(tensor);
    for first in (0..elements).step_by(CHUNK) {
        bytes.clear();
        reader.append(first..elements.min(first + CHUNK), &mut bytes)?;
        sink(&bytes)?;
    }
    Ok(())
}
