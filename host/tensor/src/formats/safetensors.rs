//! safetensors: a JSON header that says where each tensor lies, and then their bytes.
//!
//! Reading is done here rather than by the crate of that name because that one keeps the last of two tensors of one
//! name without a word, gives the order of the tensors away, and takes any header up to 100 MB. Here a name given
//! twice is refused, the tensors keep the order in which the header lists them, and the header is bounded by what is
//! expected. The values stay in the mapped file: reading a model of any size takes no memory.

mod header;
mod write;

use std::collections::BTreeMap;

use header::{Entry, Header};

use super::room::{Fault, Found, Room};
use super::{Expected, SafetensorsFault};
use crate::block::Block;
use crate::mapping::Mapping;
use crate::{DType, Layout, TensorType};

pub(super) use write::write;

/// Bytes of the number in front that says how long the header is.
const PREFIX: usize = 8;

/// Bytes of the keys and values of the metadata; what tools put there takes some hundred, a training configuration
/// some ten thousand.
const MAX_METADATA: usize = 1 << 20;

/// Bytes of the header of a seed: enough for 65,536 tensors with names of 150 bytes.
const MAX_SEED_HEADER: usize = 16 << 20;

/// Every dtype, under its name here.
const DTYPES: [(&str, DType); 7] = [
    ("F64", DType::F64),
    ("F32", DType::F32),
    ("F16", DType::F16),
    ("BF16", DType::BF16),
    ("I64", DType::I64),
    ("U32", DType::U32),
    ("U8", DType::U8),
];

/// Whether a file begins with a header, and has all of it.
pub(super) fn is_one(file: &[u8]) -> bool {
    claims_to_be_one(file)
        && split(file).is_ok_and(|(header, _)| matches!(header.last(), Some(b'}' | b' ' | b'\t' | b'\r' | b'\n')))
}

/// Whether a file begins like one with a header, be it whole or not.
pub(super) fn claims_to_be_one(file: &[u8]) -> bool {
    // Nothing but `{` may begin the header, and JSON lets little follow it.
    matches!(file.get(PREFIX..PREFIX + 2), Some([b'{', b'"' | b'}' | b' ' | b'\t' | b'\r' | b'\n']))
}

/// Reads the tensors, in the order of the header, and the metadata that came with them.
pub(super) fn read(
    file: &Mapping,
    expected: &Expected<'_>,
    room: &mut Room<'_>,
) -> Result<(Found, BTreeMap<String, String>), Fault> {
    let (header, data_length) = split(file)?;
    let limit = expected.layout().map_or(MAX_SEED_HEADER, longest_header);
    if header.len() > limit {
        return Err(SafetensorsFault::HeaderTooLong { claimed: header.len() as u64, limit }.into());
    }
    let data = file.part(file.len() - data_length..file.len());
    let Header { entries, metadata } = header::parse(header, expected.max_tensors())?;
    let found = entries.iter().map(|entry| check(entry, data_length)).collect::<Result<Vec<_>, _>>()?;
    check_gapless(&entries, data_length)?;
    expected.check_size(data_length as u64)?;
    let layout = Layout::new(found.iter().map(|tensor| expected.taken(tensor)).collect())?;
    // Before values of another dtype are rounded.
    expected.check(&layout)?;
    let mut kept = Vec::with_capacity(found.len());
    for ((entry, found), tensor) in entries.iter().zip(&found).zip(layout.tensors()) {
        // In bounds, and so within what an address can count: `check` has seen to it.
        let begin = entry.begin as usize;
        let values = Block::Mapped { bytes: data.part(begin..begin + found.bytes()), dtype: found.dtype };
        kept.push(room.keep_block(tensor, values)?);
    }
    Ok((Found { layout, kept }, metadata))
}

/// The header, and how many bytes follow it.
fn split(file: &[u8]) -> Result<(&[u8], usize), SafetensorsFault> {
    let (prefix, rest) = file.split_first_chunk::<PREFIX>().unwrap_or((&[0; PREFIX], &[]));
    let claimed = u64::from_le_bytes(*prefix);
    usize::try_from(claimed)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .map(|(header, data)| (header, data.len()))
        .ok_or(SafetensorsFault::HeaderLength { claimed, present: rest.len() })
}

/// The longest header that the tensors of `layout` need, with room to spare for white space.
fn longest_header(layout: &Layout) -> usize {
    /// Every byte of a name may be written as `\u0000`.
    const LONGEST_ESCAPE: usize = 6;
    /// Digits of the largest number, and a comma.
    const NUMBER: usize = 21;
    /// `"":{"dtype":"BF16","shape":[],"data_offsets":[]},`, and then some.
    const FIXED: usize = 64;
    let needed = |tensor: &TensorType| tensor.name.len() * LONGEST_ESCAPE + (tensor.shape.len() + 2) * NUMBER + FIXED;
    MAX_METADATA + 2 * layout.tensors().iter().map(needed).sum::<usize>()
}

/// What an entry of the header describes, if it lies within the data and is as long as it must be.
fn check(entry: &Entry, data_length: usize) -> Result<TensorType, SafetensorsFault> {
    let name = || entry.name.clone();
    let (_, dtype) = DTYPES
        .into_iter()
        .find(|(known, _)| *known == entry.dtype)
        .ok_or_else(|| SafetensorsFault::DType { name: name(), dtype: super::name::shown(&entry.dtype) })?;
    let too_large = || SafetensorsFault::Shape { name: name(), shape: entry.shape.clone() };
    let shape = entry.shape.iter().map(|extent| usize::try_from(*extent)).collect::<Result<Vec<_>, _>>();
    let tensor = TensorType { name: name(), dtype, shape: shape.map_err(|_| too_large())? };
    let needed = tensor.checked_bytes().ok_or_else(too_large)? as u64;
    let Entry { begin, end, .. } = *entry;
    if begin > end || end > data_length as u64 {
        return Err(SafetensorsFault::Range { name: name(), begin, end, present: data_length });
    }
    if end - begin != needed {
        return Err(SafetensorsFault::Size { name: name(), claimed: end - begin, needed });
    }
    Ok(tensor)
}

/// Every byte of the data must belong to exactly one tensor: what nobody owns could carry anything.
fn check_gapless(entries: &[Entry], data_length: usize) -> Result<(), SafetensorsFault> {
    let mut by_place: Vec<&Entry> = entries.iter().collect();
    by_place.sort_by_key(|entry| (entry.begin, entry.end));
    let mut covered = 0;
    let mut before: Option<&Entry> = None;
    for entry in by_place {
        if entry.begin > covered {
            return Err(SafetensorsFault::Gap { name: entry.name.clone(), bytes: entry.begin - covered });
        }
        if let Some(before) = before.filter(|before| before.end > entry.begin) {
            return Err(SafetensorsFault::Overlap { first: before.name.clone(), second: entry.name.clone() });
        }
        covered = entry.end;
        before = Some(entry);
    }
    match data_length as u64 - covered {
        0 => Ok(()),
        bytes => Err(SafetensorsFault::Trailing { bytes }),
    }
}
