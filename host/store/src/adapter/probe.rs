//! Trying an adapter before anything is entrusted to it.
//!
//! A small blob is put once, and read at every start: an adapter that cannot read what it wrote, because its secret was
//! exchanged or because it is broken, is found out before it is asked for anything that matters.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::marker::Marker;
use super::{AdapterError, AtRest, BlobAdapter, BlobBytes};
use crate::OpenError;

const KEY: &str = "probe/fedwit";
/// As good as anything; of a length that no chunk has.
const CONTENT: &[u8] = b"What was put is what is got, byte by byte. This blob is how fedwit finds out when it starts.";
/// Keys of a page.
const PAGE: usize = 1000;

/// Reads the probe, and puts it if that was not done yet. `data` is the data folder.
pub(crate) fn probe(
    adapter: &dyn BlobAdapter,
    at_rest: &AtRest,
    marker: &mut Marker,
    data: &Path,
) -> Result<(), OpenError> {
    let name = marker.adapter.clone();
    let failed = |problem: String| OpenError::Adapter { name: name.clone(), problem };
    let first_time = marker.probe.is_empty();
    if first_time {
        let io = |error| OpenError::Io { what: "listing", path: at_rest.folder().to_owned(), error };
        let said = |error: AdapterError| failed(format!("it cannot keep a blob: {error}"));
        adapter.remove(KEY).map_err(said)?;
        let before = all(at_rest).map_err(io)?;
        adapter.put(KEY, Arc::new(InMemory)).map_err(said)?;
        marker.probe = all(at_rest).map_err(io)?.difference(&before).cloned().collect();
        if marker.probe.is_empty() {
            return Err(failed("it keeps nothing of what is put".to_owned()));
        }
    }
    let cannot_read = |error: String| failed(format!("it cannot read what it wrote before: {error}"));
    match adapter.get(KEY).map_err(|error| cannot_read(error.to_string()))? {
        Some(blob) if is_probe(&*blob).map_err(|error| cannot_read(error.to_string()))? => {}
        Some(_) => return Err(cannot_read("it gives other bytes than were put".to_owned())),
        None => return Err(cannot_read(format!("it does not find `{KEY}`"))),
    }
    // Only now, so that one that could not be read is put anew the next time.
    if first_time { marker.write(data) } else { Ok(()) }
}

fn is_probe(blob: &dyn BlobBytes) -> io::Result<bool> {
    if blob.size() != CONTENT.len() as u64 {
        return Ok(false);
    }
    let mut bytes = vec![0; CONTENT.len()];
    blob.read(0, &mut bytes)?;
    Ok(bytes == CONTENT)
}

fn all(at_rest: &AtRest) -> io::Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    loop {
        let page = at_rest.keys("", all.last().map(String::as_str), PAGE)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// The probe, before it is put.
struct InMemory;

impl BlobBytes for InMemory {
    fn size(&self) -> u64 {
        CONTENT.len() as u64
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        let part = usize::try_from(first).ok().and_then(|first| CONTENT.get(first..)?.get(..buffer.len()));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn file(&self) -> Option<&Path> {
        None
    }
}
