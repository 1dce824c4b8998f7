//! ZIP archives and NumPy arrays put together byte by byte, so that each of their fields can lie.
#![allow(dead_code, reason = "shared by test binaries that each need a part")]

use std::io::Write;

/// An array as NumPy writes it, version 1.0 of the format.
pub(crate) fn array(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    array_with_header(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), values)
}

/// An array with any text for a header.
pub(crate) fn array_with_header(text: &str, values: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len() + 1).expect("a short header");
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend(length.to_le_bytes());
    array.extend(text.as_bytes());
    array.push(b'\n');
    array.extend(values);
    array
}

/// Raw deflated data.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("deflates");
    encoder.finish().expect("deflates")
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    checksum.sum()
}

/// An entry; every field is written as it stands, true or not.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) checksum: u32,
    pub(crate) packed: u64,
    pub(crate) unpacked: u64,
    /// Where the directory says that the entry begins, if not where it does.
    pub(crate) start: Option<u32>,
    pub(crate) comment: Vec<u8>,
    pub(crate) zip64: bool,
}

impl Entry {
    pub(crate) fn stored(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.into(),
            local_name: name.into(),
            data: bytes.to_vec(),
            flags: 0,
            method: 0,
            checksum: checksum(bytes),
            packed: bytes.len() as u64,
            unpacked: bytes.len() as u64,
            start: None,
            comment: Vec::new(),
            zip64: false,
        }
    }

    pub(crate) fn deflated(name: &str, bytes: &[u8]) -> Self {
        let data = deflate(bytes);
        Self { packed: data.len() as u64, data, method: 8, ..Self::stored(name, bytes) }
    }

    /// Everything from the version on that the local header and the directory have alike.
    fn fields(&self, name: &[u8], extra: &[u8]) -> Vec<u8> {
        let mut fields = Vec::new();
        for field in [if self.zip64 { 45 } else { 20 }, self.flags, self.method, 0, 0x21] {
            fields.extend(u16::to_le_bytes(field));
        }
        fields.extend(self.checksum.to_le_bytes());
        for size in [self.packed, self.unpacked] {
            let size = if self.zip64 { u32::MAX } else { u32::try_from(size).expect("sizes above 4 GiB need zip64") };
            fields.extend(size.to_le_bytes());
        }
        fields.extend(u16::try_from(name.len()).expect("a short name").to_le_bytes());
        fields.extend(u16::try_from(extra.len()).expect("a short field").to_le_bytes());
        fields
    }

    fn extra(&self) -> Vec<u8> {
        let mut extra = Vec::new();
        if self.zip64 {
            extra.extend([1, 0, 16, 0]);
            extra.extend(self.unpacked.to_le_bytes());
            extra.extend(self.packed.to_le_bytes());
        }
        extra
    }
}

/// An archive; every field but the entries is written instead of the truth.
#[derive(Default)]
pub(crate) struct Archive {
    pub(crate) entries: Vec<Entry>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) count: Option<u16>,
    pub(crate) directory_size: Option<u32>,
    pub(crate) directory_start: Option<u32>,
    /// Count, size and start of the directory in a zip64 end.
    pub(crate) zip64_end: Option<(u64, u64, u64)>,
}

impl Archive {
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = self.prefix.clone();
        let mut directory = Vec::new();
        for entry in &self.entries {
            let start = u32::try_from(file.len() - self.prefix.len()).expect("a small archive");
            let extra = entry.extra();
            file.extend(b"PK\x03\x04");
            file.extend(entry.fields(&entry.local_name, &extra));
            file.extend(&entry.local_name);
            file.extend(&extra);
            file.extend(&entry.data);
            directory.extend(b"PK\x01\x02\x14\x03");
            directory.extend(entry.fields(&entry.name, &extra));
            directory.extend(u16::try_from(entry.comment.len()).expect("a short comment").to_le_bytes());
            directory.extend([0; 8]);
            directory.extend(entry.start.unwrap_or(start).to_le_bytes());
            directory.extend(&entry.name);
            directory.extend(&extra);
            directory.extend(&entry.comment);
        }
        let start = u32::try_from(file.len() - self.prefix.len()).expect("a small archive");
        let size = u32::try_from(directory.len()).expect("a small archive");
        file.extend(directory);
        if let Some((count, size, start)) = self.zip64_end {
            let end = file.len() as u64;
            file.extend(b"PK\x06\x06");
            file.extend(44_u64.to_le_bytes());
            file.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for field in [count, count, size, start] {
                file.extend(field.to_le_bytes());
            }
            file.extend(b"PK\x06\x07\0\0\0\0");
            file.extend(end.to_le_bytes());
            file.extend([1, 0, 0, 0]);
        }
        let count = self.count.unwrap_or_else(|| u16::try_from(self.entries.len()).expect("few entries"));
        file.extend(b"PK\x05\x06\0\0\0\0");
        file.extend(count.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(self.directory_size.unwrap_or(size).to_le_bytes());
        file.extend(self.directory_start.unwrap_or(start).to_le_bytes());
        file.extend([0, 0]);
        file
    }
}
