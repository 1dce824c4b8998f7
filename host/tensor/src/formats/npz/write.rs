//! Writing: what `numpy.savez` would have written, and the values aligned.
//!
//! Entries are stored, not deflated. The mantissas of weights are noise: normally distributed float32 shrink to 0.925 of
//! their size at best, and the time that takes every client of a round waits for, and takes again to unpack.

use std::io::{Seek, Write};

use zip::System;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::ENDING;
use super::header::Header;
use crate::Parameters;
use crate::formats::{WriteFault, name, values};

/// What the values of each tensor begin at a multiple of, as in NumPy's own files. The headers of arrays are whole
/// multiples of it too.
const ALIGNMENT: u16 = 64;

/// Writes a file. The same parameters give the same bytes: no time is noted in them.
pub(in crate::formats) fn write(out: &mut (impl Write + Seek), parameters: &Parameters) -> Result<(), WriteFault> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .with_alignment(ALIGNMENT)
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        // Sizes of eight bytes in every entry, for tensors of more than 4 GiB: NumPy does so too.
        .large_file(true);
    let mut archive = ZipWriter::new(out);
    for (index, tensor) in parameters.layout().tensors().iter().enumerate() {
        name::check(&tensor.name)?;
        if tensor.name.contains(['/', '\\']) {
            return Err(WriteFault::Path { name: tensor.name.clone() });
        }
        let header = Header::write(tensor.dtype, &tensor.shape)
            .ok_or_else(|| WriteFault::DType { name: tensor.name.clone(), dtype: tensor.dtype })?;
        archive.start_file(format!("{}{ENDING}", tensor.name), options).map_err(fault)?;
        archive.write_all(&header)?;
        values::in_chunks(parameters, index, |bytes| Ok(archive.write_all(bytes)?))?;
    }
    archive.finish().map_err(fault)?.flush()?;
    Ok(())
}

fn fault(error: ZipError) -> WriteFault {
    match error {
        ZipError::Io(error) => WriteFault::Io(error),
        error => WriteFault::Io(std::io::Error::other(error)),
    }
}
