//! Writing: the header lists the tensors in the layout's order, the data has the widest dtypes first.
//!
//! So every tensor begins at a multiple of its element size, which readers that map the file rely on, and the order
//! of the model is not lost.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;

use super::header::METADATA;
use super::{DTYPES, MAX_METADATA, PREFIX};
use crate::formats::{NameFault, WriteFault, name, values};
use crate::{Parameters, TensorType};

/// What the data begins at a multiple of.
const ALIGNMENT: usize = 8;

/// Writes a file.
pub(in crate::formats) fn write(
    out: &mut impl Write,
    parameters: &Parameters,
    metadata: &BTreeMap<String, String>,
) -> Result<(), WriteFault> {
    let size = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MAX_METADATA {
        return Err(WriteFault::Metadata { size, limit: MAX_METADATA });
    }
    let tensors = parameters.layout().tensors();
    let mut by_place: Vec<usize> = (0..tensors.len()).collect();
    by_place.sort_by_key(|tensor| Reverse(tensors[*tensor].dtype.size()));
    let header = header(tensors, &by_place, metadata)?;
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for tensor in by_place {
        values::in_chunks(parameters, tensor, |bytes| Ok(out.write_all(bytes)?))?;
    }
    Ok(())
}

fn header(
    tensors: &[TensorType],
    by_place: &[usize],
    metadata: &BTreeMap<String, String>,
) -> Result<String, WriteFault> {
    let mut places = vec![0..0; tensors.len()];
    let mut end = 0;
    for tensor in by_place {
        let begin = end;
        end += tensors[*tensor].bytes();
        places[*tensor] = begin..end;
    }
    let mut members = Vec::with_capacity(tensors.len() + 1);
    if !metadata.is_empty() {
        members.push(format!("{}:{}", quoted(METADATA), serde_json::json!(metadata)));
    }
    for (tensor, place) in tensors.iter().zip(places) {
        name::check(&tensor.name)?;
        if tensor.name == METADATA {
            return Err(NameFault::Reserved { name: METADATA }.into());
        }
        let dtype = DTYPES.iter().find(|(_, dtype)| *dtype == tensor.dtype).map_or("", |(name, _)| name);
        members.push(format!(
            r#"{}:{{"dtype":"{dtype}","shape":{},"data_offsets":[{},{}]}}"#,
            quoted(&tensor.name),
            serde_json::json!(tensor.shape),
            place.start,
            place.end
        ));
    }
    let mut header = format!("{{{}}}", members.join(","));
    while !(PREFIX + header.len()).is_multiple_of(ALIGNMENT) {
        header.push(' ');
    }
    Ok(header)
}

/// A string in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
