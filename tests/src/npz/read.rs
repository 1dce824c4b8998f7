//! Reads back what honest npz files hold: enough to look at a model that a server sends, and no more.

use std::io::Read;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::DeflateDecoder;

/// An array of float32.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its name, without `.npy`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// The arrays of a file, in their order.
///
/// # Errors
/// If the file is no npz file of float32 arrays.
pub fn read(file: &[u8]) -> Result<Vec<Array>> {
    let end = file.windows(4).rposition(|window| window == b"PK\x05\x06").context("no end of the directory")?;
    let count = number(file, end + 10, 2)?;
    let mut at = number(file, end + 16, 4)?;
    let mut arrays = Vec::new();
    for _ in 0..count {
        ensure!(bytes(file, at, 4)? == b"PK\x01\x02", "no entry of the directory at {at}");
        let method = number(file, at + 10, 2)?;
        let name_length = number(file, at + 28, 2)?;
        let (extra_length, comment) = (number(file, at + 30, 2)?, number(file, at + 32, 2)?);
        let name = std::str::from_utf8(bytes(file, at + 46, name_length)?)?;
        let extra = bytes(file, at + 46 + name_length, extra_length)?;
        let places = [number(file, at + 24, 4)?, number(file, at + 20, 4)?, number(file, at + 42, 4)?];
        let [_, kept, local] = wide(places, extra)?;
        at += 46 + name_length + extra_length + comment;

        let begin = local + 30 + number(file, local + 26, 2)? + number(file, local + 28, 2)?;
        let kept = bytes(file, begin, kept)?;
        let npy = match method {
            0 => kept.to_vec(),
            8 => {
                let mut npy = Vec::new();
                DeflateDecoder::new(kept).read_to_end(&mut npy)?;
                npy
            }
            other => bail!("method {other}"),
        };
        arrays.push(array(name.trim_end_matches(".npy"), &npy).with_context(|| format!("array {name}"))?);
    }
    Ok(arrays)
}

/// Lengths and places that have their four bytes full stand in an extra field, in eight each (APPNOTE, section 4.5.3).
fn wide(mut places: [usize; 3], extra: &[u8]) -> Result<[usize; 3]> {
    let mut at = 0;
    while at < extra.len() && number(extra, at, 2)? != 1 {
        at += 4 + number(extra, at + 2, 2)?;
    }
    at += 4;
    for place in places.iter_mut().filter(|place| **place == 0xffff_ffff) {
        *place = number(extra, at, 8)?;
        at += 8;
    }
    Ok(places)
}

fn array(name: &str, npy: &[u8]) -> Result<Array> {
    ensure!(bytes(npy, 0, 8)? == b"\x93NUMPY\x01\x00", "no NPY file of version 1");
    let length = number(npy, 8, 2)?;
    let header = std::str::from_utf8(bytes(npy, 10, length)?)?;
    ensure!(header.contains("'<f4'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).context("no shape")?.0;
    let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    let shape = lengths.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let values: Vec<f32> = npy[10 + length..].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    ensure!(values.len() as u64 == shape.iter().product::<u64>(), "{} values for {shape:?}", values.len());
    Ok(Array { name: name.to_owned(), shape, values })
}

fn bytes(file: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    file.get(at..at + length).with_context(|| format!("the file ends before {}", at + length))
}

fn number(file: &[u8], at: usize, length: usize) -> Result<usize> {
    let mut wide = [0; 8];
    wide[..length].copy_from_slice(bytes(file, at, length)?);
    Ok(usize::try_from(u64::from_le_bytes(wide))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npz::{Entry, Method, archive};

    #[test]
    fn what_is_written_is_read() -> Result<()> {
        let first = Entry::float32("0", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let scalar = Entry { method: Method::Deflated, ..Entry::float32("1", &[], &[-0.5]) };
        let arrays = read(&archive(&[first, scalar])?)?;
        assert_eq!(
            arrays[0],
            Array { name: "0".to_owned(), shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] }
        );
        assert_eq!((arrays[1].shape.len(), arrays[1].values.as_slice()), (0, &[-0.5_f32][..]));
        Ok(())
    }
}
