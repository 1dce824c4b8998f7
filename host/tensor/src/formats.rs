//! The files that parameters come in, and everything hostile about them.
//!
//! A client's update, and a seed from a stranger, is a file that nobody has checked. It is read here against what is
//! [expected](Expected): the model's own tensors, or limits. Whatever a file claims about itself is compared with its
//! length and with what is expected *before* memory is allocated for it, so that a file of a few kilobytes cannot
//! take more of it than a model does. No file is ever held in memory as a whole.
//!
//! | format | is | values | order of the tensors |
//! |---|---|---|---|
//! | [`Format::Safetensors`] | the working format | stay in the file, mapped | that of the header |
//! | [`Format::Npz`] | what NumPy's `savez` writes, one entry a tensor | mapped where they lie in the archive as they are to be used, else unpacked into memory | that of the archive |
//! | [`Format::FlatFloat64`], [`Format::FlatFloat32`] | all values in a row, and nothing else | mapped where the dtype is the same, else rounded into memory | that of the expected layout |
//!
//! What would be unpacked or rounded into memory can be had in another file instead: [`transcode`].
//!
//! A file is written beside its place, synced, and renamed into it: readers see the old file or the new one.
//!
//! What is not here: whether values are finite is a question to [`Parameters::check_finite`], and no format that can
//! name code to run (pickles, object arrays) is read at all.

mod error;
mod flat;
mod name;
mod npz;
mod room;
mod safetensors;
mod staged;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;

pub use error::{EntryFault, NpzFault, ReadError, ReadFault, SafetensorsFault, TranscodeError, WriteError, WriteFault};
pub use name::NameFault;
pub use staged::{Staged, stage, write, write_to};

use room::{Fault, Room};

use crate::mapping::Mapping;
use crate::{DType, Layout, Parameters, TensorError, TensorType};

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A JSON header and the values of all tensors.
    Safetensors,
    /// A ZIP archive of NumPy arrays.
    Npz,
    /// The values of all tensors in a row, as little-endian float64.
    FlatFloat64,
    /// The values of all tensors in a row, as little-endian float32.
    FlatFloat32,
}

impl Format {
    /// The format that a path's ending asks for: `.safetensors`, `.npz`, `.bin` or `.f64` for flat float64, `.f32`.
    #[must_use]
    pub fn from_ending(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "safetensors" => Some(Self::Safetensors),
            "npz" => Some(Self::Npz),
            "bin" | "f64" => Some(Self::FlatFloat64),
            "f32" => Some(Self::FlatFloat32),
            _ => None,
        }
    }

    /// The dtype that every value has in a flat file of this format.
    fn flat_dtype(self) -> Option<DType> {
        match self {
            Self::FlatFloat64 => Some(DType::F64),
            Self::FlatFloat32 => Some(DType::F32),
            Self::Safetensors | Self::Npz => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::Npz => "npz",
            Self::FlatFloat64 => "flat float64",
            Self::FlatFloat32 => "flat float32",
        })
    }
}

/// What a file must hold to be read.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// Exactly these tensors, with these shapes and dtypes, in whatever order: an update of a model. What is read has
    /// the order of the layout.
    Layout(&'a Layout),
    /// The same, but a float of one width where the layout has another is rounded to it: what a client computed in
    /// another precision than the model's.
    Update(&'a Layout),
    /// Any tensors within limits: a seed model.
    Seed(Limits),
}

impl Expected<'_> {
    /// The tensors that a file must have, if they are known.
    fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Layout(layout) | Self::Update(layout) => Some(layout),
            Self::Seed(_) => None,
        }
    }

    fn max_tensors(&self) -> usize {
        match self {
            Self::Layout(layout) | Self::Update(layout) => layout.tensors().len(),
            Self::Seed(limits) => limits.max_tensors,
        }
    }

    /// A tensor that was found as it is taken: in the layout's dtype where it may be rounded to that, else in its own.
    fn taken(&self, found: &TensorType) -> TensorType {
        let known = match self {
            Self::Update(layout) => layout.position(&found.name).map(|position| layout.tensors()[position].dtype),
            Self::Layout(_) | Self::Seed(_) => None,
        };
        let rounded = known.filter(|dtype| dtype.is_float() && found.dtype.is_float());
        TensorType { dtype: rounded.unwrap_or(found.dtype), ..found.clone() }
    }

    /// Refuses tensors that differ from those that a file must have.
    fn check(&self, taken: &Layout) -> Result<(), TensorError> {
        self.layout().map_or(Ok(()), |layout| layout.check(taken))
    }

    /// Refuses more bytes of values than are allowed. Those of a layout are compared tensor by tensor.
    fn check_size(&self, size: u64) -> Result<(), ReadFault> {
        match self {
            Self::Seed(limits) if size > limits.max_model_size => {
                Err(ReadFault::TooLarge { size, limit: limits.max_model_size })
            }
            Self::Seed(_) | Self::Layout(_) | Self::Update(_) => Ok(()),
        }
    }
}

/// How much a file may hold of which nothing else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of values of all tensors, 16 GiB by default: a model of four billion float32 parameters.
    pub max_model_size: u64,
    /// Tensors, 65,536 by default: some times what the largest models have.
    pub max_tensors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_model_size: 16 << 30, max_tensors: 1 << 16 }
    }
}

/// What a file held.
#[derive(Clone, Debug)]
pub struct ReadModel {
    /// The tensors.
    pub parameters: Parameters,
    /// What the file was.
    pub format: Format,
    /// Free text that came with them; only safetensors has a place for any.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a file of parameters.
///
/// The format is told by the content. What is neither safetensors nor npz is flat: the length tells float64 from
/// float32 if a layout is expected, and `flat` says which it has to be otherwise. A flat seed is one tensor of one
/// dimension, named `0`.
///
/// # Errors
/// [`ReadError`] names the path, the tensor, and what is wrong with it.
pub fn read(path: &Path, expected: &Expected<'_>, flat: Option<Format>) -> Result<ReadModel, ReadError> {
    let read = map(path).and_then(|file| read_into_memory(&file, expected, flat));
    read.map_err(|fault| ReadError { path: path.to_owned(), fault })
}

/// As [`read`], but so that the parameters take no memory of their own, however many they are: values that cannot be
/// used as they lie in the file are written to another, `cache`, and mapped from there.
///
/// They go there piece by piece, and only an array in column-major order (NumPy's `fortran_order`) is in memory as a
/// whole while it is transposed. If all values can stay where they are, there is no `cache`. It holds nothing but
/// values, so nobody else can read it; it is not synced, since it can be made again from the original, and it may be
/// removed at once, since what is mapped stays.
///
/// # Errors
/// [`TranscodeError`] tells what is wrong with the file from what kept its values from being written; neither leaves
/// anything at `cache`.
pub fn transcode(
    path: &Path,
    cache: &Path,
    expected: &Expected<'_>,
    flat: Option<Format>,
) -> Result<ReadModel, TranscodeError> {
    let read = map(path).map_err(Fault::Read);
    let read = read.and_then(|file| read_mapped(&file, expected, flat, Room::in_file(cache)));
    read.map_err(|fault| match fault {
        Fault::Read(fault) => ReadError { path: path.to_owned(), fault }.into(),
        Fault::Keep(error) => WriteError { path: cache.to_owned(), fault: error.into() }.into(),
    })
}

/// Reads parameters that are in memory as the bytes of a file; see [`read`].
///
/// # Errors
/// [`ReadFault`] names the tensor, and what is wrong with it.
pub fn read_bytes(bytes: Vec<u8>, expected: &Expected<'_>, flat: Option<Format>) -> Result<ReadModel, ReadFault> {
    read_into_memory(&Mapping::of_memory(bytes), expected, flat)
}

fn map(path: &Path) -> Result<Mapping, ReadFault> {
    File::open(path).and_then(|file| Mapping::of_file(&file)).map_err(ReadFault::Io)
}

fn read_into_memory(file: &Mapping, expected: &Expected<'_>, flat: Option<Format>) -> Result<ReadModel, ReadFault> {
    read_mapped(file, expected, flat, Room::Memory).map_err(|fault| match fault {
        Fault::Read(fault) => fault,
        // Not for memory, which needs no writing.
        Fault::Keep(error) => ReadFault::Io(error),
    })
}

fn read_mapped(
    file: &Mapping,
    expected: &Expected<'_>,
    flat: Option<Format>,
    mut room: Room<'_>,
) -> Result<ReadModel, Fault> {
    let format = recognise(file, expected, flat)?;
    let mut metadata = BTreeMap::new();
    let found = match format {
        Format::Safetensors => {
            let (found, texts) = safetensors::read(file, expected, &mut room)?;
            metadata = texts;
            found
        }
        Format::Npz => npz::read(file, expected, &mut room)?,
        Format::FlatFloat64 => flat::read(file, DType::F64, expected, &mut room)?,
        Format::FlatFloat32 => flat::read(file, DType::F32, expected, &mut room)?,
    };
    expected.check(&found.layout)?;
    let found = room.finish(found)?;
    let parameters = match expected.layout() {
        Some(layout) => found.ordered_as(layout)?,
        None => found,
    };
    Ok(ReadModel { parameters, format, metadata })
}

fn recognise(file: &[u8], expected: &Expected<'_>, flat: Option<Format>) -> Result<Format, ReadFault> {
    if npz::is_one(file) {
        return Ok(Format::Npz);
    }
    let flat = flat.filter(|format| format.flat_dtype().is_some());
    let flat = flat.or_else(|| flat::told_by_length(file.len(), expected.layout()?));
    // The first numbers of a flat file could be taken for a safetensors header that lies about its length. If there
    // is another way to read the file, only a header that does not lie is one.
    if safetensors::is_one(file) || (flat.is_none() && safetensors::claims_to_be_one(file)) {
        return Ok(Format::Safetensors);
    }
    flat.ok_or_else(|| match expected.layout() {
        Some(layout) => ReadFault::Unrecognised { length: file.len(), elements: layout.elements() },
        None => ReadFault::UnrecognisedSeed,
    })
}
