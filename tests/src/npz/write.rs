//! A ZIP archive of NPY arrays (PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.4; NumPy's NEP 1).

use std::io::Write;

use anyhow::Result;
use bytes::Bytes;
use flate2::Compression;
use flate2::Crc;
use flate2::write::DeflateEncoder;

/// How an entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Stored,
    /// Compressed.
    Deflated,
}

/// One array of an archive, and what the archive says of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The array's name, without `.npy`.
    pub name: String,
    /// What its header says that its values are, as in `<f4`.
    pub descr: String,
    /// What its header says that its shape is.
    pub shape: Vec<u64>,
    /// Its values.
    pub values: Vec<u8>,
    /// How it is kept.
    pub method: Method,
    /// What the archive says that its length is, if that is a lie.
    pub claimed_size: Option<u32>,
}

impl Entry {
    /// An honest array of float32.
    #[must_use]
    pub fn float32(name: &str, shape: &[u64], values: &[f32]) -> Self {
        Self {
            name: name.to_owned(),
            descr: "<f4".to_owned(),
            shape: shape.to_vec(),
            values: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            method: Method::Stored,
            claimed_size: None,
        }
    }

    /// The array as a file of its own.
    fn npy(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|length| format!("{length},")).collect();
        let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", self.descr);
        // Magic, version and length take ten bytes; the values begin at a multiple of 64.
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend(u16::try_from(header.len()).expect("a short header").to_le_bytes());
        npy.extend(header.as_bytes());
        npy.extend(&self.values);
        npy
    }
}

/// An archive of float32 arrays named "0", "1", ..., uncompressed.
///
/// # Errors
/// Never: the files of tests are small enough.
pub fn stored(arrays: &[(&[u64], &[f32])]) -> Result<Bytes> {
    let array =
        |(index, (shape, values)): (usize, &(&[u64], &[f32]))| Entry::float32(&index.to_string(), shape, values);
    let entries: Vec<_> = arrays.iter().enumerate().map(array).collect();
    archive(&entries)
}

/// An archive of these arrays.
///
/// # Errors
/// If one has four gibibytes.
pub fn archive(entries: &[Entry]) -> Result<Bytes> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let npy = entry.npy();
        let mut crc = Crc::new();
        crc.update(&npy);
        let (method, kept) = match entry.method {
            Method::Stored => (0_u16, npy.clone()),
            Method::Deflated => (8, deflated(&npy)?),
        };
        let size = match entry.claimed_size {
            Some(claimed) => claimed,
            None => u32::try_from(npy.len())?,
        };
        let name = format!("{}.npy", entry.name);

        // From the version that is needed to the length of the extra field: the same in both headers.
        let mut common = Vec::new();
        for value in [20_u16, 0, method, 0, 0x21] {
            common.extend(value.to_le_bytes());
        }
        for value in [crc.sum(), u32::try_from(kept.len())?, size] {
            common.extend(value.to_le_bytes());
        }
        common.extend(u16::try_from(name.len())?.to_le_bytes());
        common.extend(0_u16.to_le_bytes());

        let offset = u32::try_from(file.len())?;
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());

        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(&kept);
    }
    let (offset, length) = (u32::try_from(file.len())?, u32::try_from(directory.len())?);
    let count = u16::try_from(entries.len())?.to_le_bytes();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend([count, count].concat());
    file.extend([length.to_le_bytes(), offset.to_le_bytes()].concat());
    file.extend(0_u16.to_le_bytes());
    Ok(file.into())
}

fn deflated(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
