//! What can be wrong with a file of parameters.
#![allow(missing_docs, reason = "the message of each case says what it and its fields are")]

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{Format, NameFault};
use crate::TensorError;

/// Why a file could not be read.
#[derive(Debug, Error)]
#[error("{}: {fault}", path.display())]
pub struct ReadError {
    pub path: PathBuf,
    pub fault: ReadFault,
}

/// What is wrong with parameters that were to be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadFault {
    #[error("cannot be read: {0}")]
    Io(io::Error),
    #[error(
        "neither safetensors nor npz, and its {length} bytes are not the model's {elements} values as float64 or float32"
    )]
    Unrecognised { length: usize, elements: usize },
    #[error("neither safetensors nor npz, and nothing says which flat format it is")]
    UnrecognisedSeed,
    #[error("{length} bytes of {format} are not the model's {elements} values")]
    FlatLength { format: Format, length: usize, elements: usize },
    #[error("{length} bytes are not whole values of {format}")]
    PartialValue { format: Format, length: usize },
    #[error("{size} bytes of values are more than the {limit} allowed")]
    TooLarge { size: u64, limit: u64 },
    #[error("{count} tensors are more than the {limit} allowed")]
    TooMany { count: usize, limit: usize },
    #[error(transparent)]
    Name(#[from] NameFault),
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error(transparent)]
    Safetensors(#[from] SafetensorsFault),
    #[error(transparent)]
    Npz(#[from] NpzFault),
}

/// What is wrong with a safetensors file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SafetensorsFault {
    #[error("the header claims {claimed} bytes, but {present} follow")]
    HeaderLength { claimed: u64, present: usize },
    #[error("the header claims {claimed} bytes, more than the {limit} allowed")]
    HeaderTooLong { claimed: u64, limit: usize },
    #[error("the header is not valid: {0}")]
    Header(String),
    #[error("tensor `{name}` has dtype `{dtype}`, which has no counterpart here")]
    DType { name: String, dtype: String },
    #[error("tensor `{name}` of shape {shape:?} is too large to be counted")]
    Shape { name: String, shape: Vec<u64> },
    #[error("tensor `{name}` claims bytes {begin} to {end} of {present}")]
    Range { name: String, begin: u64, end: u64, present: usize },
    #[error("tensor `{name}` has {claimed} bytes, but its shape and dtype make {needed}")]
    Size { name: String, claimed: u64, needed: u64 },
    #[error("tensors `{first}` and `{second}` overlap")]
    Overlap { first: String, second: String },
    #[error("{bytes} bytes before tensor `{name}` belong to no tensor")]
    Gap { name: String, bytes: u64 },
    #[error("the last {bytes} bytes belong to no tensor")]
    Trailing { bytes: u64 },
}

/// What is wrong with an npz file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NpzFault {
    #[error("not a valid archive: {0}")]
    Archive(String),
    #[error("entry `{name}`: {fault}")]
    Entry { name: String, fault: EntryFault },
}

/// What is wrong with one entry of an npz file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EntryFault {
    #[error("the name is not UTF-8")]
    NotUtf8,
    #[error("the name is a path")]
    Path,
    #[error("the name does not end with .npy")]
    Ending,
    #[error("there are two of this name")]
    Duplicate,
    #[error("it is encrypted")]
    Encrypted,
    #[error("it is compressed with {method}, neither stored nor deflated")]
    Compression { method: String },
    #[error("it overlaps entry `{other}`")]
    Overlap { other: String },
    #[error("it reaches beyond the part of the archive that holds entries")]
    Beyond,
    #[error("it claims to unpack {packed} bytes to {unpacked}, which no such compression does")]
    Ratio { packed: u64, unpacked: u64 },
    #[error("it cannot be unpacked: {0}")]
    Unpack(io::Error),
    #[error("the header in front of it is not its own: {0}")]
    LocalHeader(&'static str),
    #[error("it is not a NumPy array: {0}")]
    Header(&'static str),
    #[error("dtype `{descr}` has no counterpart here")]
    DType { descr: String },
    #[error("shape {shape:?} is too large to be counted")]
    Shape { shape: Vec<usize> },
    #[error("it has {claimed} bytes of values, but its shape and dtype make {needed}")]
    Size { claimed: u64, needed: u64 },
    #[error("its {needed} bytes of values are more than the {left} that are left of the model size allowed")]
    TooLarge { needed: u64, left: u64 },
}

/// Why parameters could not be written to a file.
#[derive(Debug, Error)]
#[error("{}: {fault}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    pub fault: WriteFault,
}

/// What kept parameters from being written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteFault {
    #[error("cannot be written: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error(transparent)]
    Name(#[from] NameFault),
    #[error("tensor `{name}`: npz has no {dtype}; safetensors does")]
    DType { name: String, dtype: crate::DType },
    #[error("tensor `{name}`: npz has no names with a slash; safetensors does")]
    Path { name: String },
    #[error("{size} bytes of metadata are more than the {limit} allowed")]
    Metadata { size: usize, limit: usize },
}

/// Why a file was not read so that it takes no memory.
#[derive(Debug, Error)]
pub enum TranscodeError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its values cannot be written where they are to be mapped from.
    #[error(transparent)]
    Write(#[from] WriteError),
}
