//! The archive's directory: who its entries are, where they lie, and what they claim to unpack to.
//!
//! It is walked with [`ZipIterable`], which keeps nothing, rather than with [`zip::ZipArchive`], which reserves memory
//! for as many entries as the directory says there are, keeps every comment, and drops the first of two entries of
//! one name. Nothing may precede the archive in the file, so that no reader can take another part of it for the
//! beginning.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use zip::read::{ArchiveOffset, Config, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::{ENDING, entry_fault};
use crate::formats::{EntryFault, NpzFault, ReadFault, name};

/// Bytes that one byte of deflated data unpacks to at most: a match of 258 bytes takes two bits.
const LARGEST_RATIO: u64 = 1032;

/// Bytes of the header in front of an entry's data, short of its name and extra fields.
const LOCAL_HEADER: usize = 30;

/// An archive whose directory has been checked.
pub(super) struct Archive<R> {
    zip: ZipIterable<R>,
    /// Where the data of entries lie that are stored as they are, by tensor.
    stored: HashMap<String, u64>,
}

/// An entry to be read.
pub(super) struct Entry<'a> {
    /// The tensor's name.
    pub(super) name: &'a str,
    /// Bytes that it unpacks to.
    pub(super) size: u64,
    /// Where its data begin in the file, if they lie there as they are.
    pub(super) stored_at: Option<u64>,
    /// Its bytes. They end with an error if they are not as many as the size says, or have another checksum.
    pub(super) unpacked: &'a mut dyn Read,
}

/// An entry's place in the file, from its local header to the end of its data.
struct Place {
    tensor: String,
    range: Range<u64>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of an archive of at most `max_entries`, and refuses it if anything is wrong with it.
    pub(super) fn open(source: R, max_entries: usize) -> Result<Self, ReadFault> {
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut zip = ZipIterable::try_new(source, config).map_err(archive_fault)?;
        if zip.len() > max_entries {
            return Err(ReadFault::TooMany { count: zip.len(), limit: max_entries });
        }
        let mut places = HashMap::new();
        let mut stored = HashMap::new();
        let mut directory_start = u64::MAX;
        let entries = zip.files().map_err(archive_fault)?;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(archive_fault)?;
            let tensor = tensor_name(entry.name_raw())?.to_owned();
            let fault = |fault| entry_fault(&tensor, fault);
            check_packing(&entry).map_err(fault)?;
            directory_start = directory_start.min(entry.central_header_start());
            let range = range(&entry, entries.reader_mut()).map_err(fault)?;
            if places.contains_key(&tensor) {
                return Err(fault(EntryFault::Duplicate));
            }
            if entry.compression() == CompressionMethod::Stored {
                stored.insert(tensor.clone(), range.end - entry.compressed_size());
            }
            places.insert(tensor, range);
        }
        let places = places.into_iter().map(|(tensor, range)| Place { tensor, range }).collect();
        check_apart(places, directory_start)?;
        Ok(Self { zip, stored })
    }

    /// Hands one entry after the other to `read`.
    pub(super) fn for_each<E: From<ReadFault>>(
        &mut self,
        mut read: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let entries = self.zip.files().map_err(archive_fault)?;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(archive_fault)?;
            let name = tensor_name(entry.name_raw())?.to_owned();
            let (size, stored_at) = (entry.size(), self.stored.get(&name).copied());
            let unpacked = entry.with_reader(entries.reader_mut(), ZipReadOptions::new());
            let mut unpacked = unpacked.map_err(|error| unpack_fault(&name, error))?;
            read(Entry { name: &name, size, stored_at, unpacked: &mut unpacked })?;
        }
        Ok(())
    }
}

/// The name of the tensor that an entry of this name holds.
fn tensor_name(raw: &[u8]) -> Result<&str, ReadFault> {
    let fault = |fault| NpzFault::Entry { name: name::shown(&String::from_utf8_lossy(raw)), fault };
    let entry = str::from_utf8(raw).map_err(|_| fault(EntryFault::NotUtf8))?;
    // Nothing is unpacked into files here, but whoever looks into the archive may do so.
    if entry.contains(['/', '\\']) {
        return Err(fault(EntryFault::Path).into());
    }
    let tensor = entry.strip_suffix(ENDING).ok_or_else(|| fault(EntryFault::Ending))?;
    name::check(tensor)?;
    Ok(tensor)
}

/// Refuses entries that cannot be unpacked, or not to what they claim.
fn check_packing(entry: &ZipFileEntry<'_>) -> Result<(), EntryFault> {
    if entry.encrypted() {
        return Err(EntryFault::Encrypted);
    }
    let (packed, unpacked) = (entry.compressed_size(), entry.size());
    let possible = match entry.compression() {
        CompressionMethod::Stored => unpacked == packed,
        CompressionMethod::Deflated => unpacked <= packed.saturating_mul(LARGEST_RATIO),
        method => return Err(EntryFault::Compression { method: method.to_string() }),
    };
    if possible { Ok(()) } else { Err(EntryFault::Ratio { packed, unpacked }) }
}

/// Where an entry lies, which its local header says. It has to be of the same name: who reads the archive from its
/// beginning must see what is seen here.
fn range(entry: &ZipFileEntry<'_>, source: &mut (impl Read + Seek)) -> Result<Range<u64>, EntryFault> {
    let (start, name) = (entry.header_start(), entry.name_raw());
    let mut header = [0; LOCAL_HEADER];
    let mut local_name = vec![0; name.len()];
    source.seek(SeekFrom::Start(start)).and_then(|_| source.read_exact(&mut header)).map_err(EntryFault::Unpack)?;
    source.read_exact(&mut local_name).map_err(EntryFault::Unpack)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(EntryFault::LocalHeader("there is none"));
    }
    let [.., name_low, name_high, extra_low, extra_high] = header;
    let name_length = u16::from_le_bytes([name_low, name_high]);
    let extra_length = u16::from_le_bytes([extra_low, extra_high]);
    if usize::from(name_length) != name.len() || local_name != name {
        return Err(EntryFault::LocalHeader("it has another name"));
    }
    let before_data = LOCAL_HEADER as u64 + u64::from(name_length) + u64::from(extra_length);
    let end = start.checked_add(before_data).and_then(|data| data.checked_add(entry.compressed_size()));
    end.map(|end| start..end).ok_or(EntryFault::Beyond)
}

/// Refuses entries that share bytes, by which a small archive could unpack to the square of its size, or that reach
/// into the directory.
fn check_apart(mut places: Vec<Place>, directory_start: u64) -> Result<(), ReadFault> {
    places.sort_by_key(|place| (place.range.start, place.range.end));
    for pair in places.windows(2) {
        if pair[0].range.end > pair[1].range.start {
            let other = format!("{}{ENDING}", pair[0].tensor);
            return Err(entry_fault(&pair[1].tensor, EntryFault::Overlap { other }));
        }
    }
    match places.last().filter(|last| last.range.end > directory_start) {
        Some(last) => Err(entry_fault(&last.tensor, EntryFault::Beyond)),
        None => Ok(()),
    }
}

fn unpack_fault(tensor: &str, error: ZipError) -> ReadFault {
    entry_fault(tensor, EntryFault::Unpack(std::io::Error::other(error)))
}

fn archive_fault(error: ZipError) -> ReadFault {
    match error {
        ZipError::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => ReadFault::Io(error),
        error => NpzFault::Archive(plain(&error)).into(),
    }
}

/// What an error says, without saying again that the archive is invalid.
fn plain(error: &ZipError) -> String {
    match error {
        ZipError::InvalidArchive(text) => text.to_string(),
        error => error.to_string(),
    }
}
