//! `blobs`: bytes behind handles, and the host's store of them.

use std::io;
use std::sync::Arc;

use wasmtime::component::Resource;

use super::{Failure, HostState};
use crate::Limit;
use crate::bindings::{blobs, types};
use crate::permissions::is_key;
use crate::storage::{Backing, Blob, Spool};

/// Bytes of a key of the host's store.
const KEY_BYTES: usize = 512;

/// Keys of one page, whatever is asked for.
const PAGE: usize = 1000;

/// A blob behind a handle, and the bytes of the scratch folder that it was charged with.
pub struct BlobHandle {
    blob: Arc<dyn Blob>,
    charged: u64,
}

/// A blob in the making behind a handle; it is charged with what it has.
#[derive(Default)]
pub struct BlobWriterHandle {
    spool: Spool,
    /// A write that went wrong may have left some of its bytes.
    broken: bool,
}

type Blobs = Resource<BlobHandle>;
type Writer = Resource<BlobWriterHandle>;

impl HostState {
    /// A handle to a blob of the host's own, which nobody is charged with.
    pub(crate) fn lend_blob(&mut self, blob: Arc<dyn Blob>) -> wasmtime::Result<Blobs> {
        self.push(BlobHandle { blob, charged: 0 })
    }

    /// Takes a blob back from the plugin.
    pub(crate) fn take_blob(&mut self, handle: Blobs) -> wasmtime::Result<Arc<dyn Blob>> {
        let BlobHandle { blob, charged } = self.delete(handle)?;
        self.blob_bytes = self.blob_bytes.saturating_sub(charged);
        Ok(blob)
    }

    fn blob(&self, handle: &Blobs) -> wasmtime::Result<Arc<dyn Blob>> {
        Ok(Arc::clone(&self.table.get(handle)?.blob))
    }

    fn charge_blob(&mut self, bytes: u64) -> Result<(), Limit> {
        let (wanted, limit) = (self.blob_bytes.saturating_add(bytes), self.limits.blob_bytes);
        if wanted > limit {
            return Err(Limit::BlobBytes { wanted, limit });
        }
        self.blob_bytes = wanted;
        Ok(())
    }

    fn backing(&self) -> Result<Backing, Failure> {
        self.backing.clone().ok_or_else(|| told("there is no store yet: `open` has not been called"))
    }

    /// The store, for a key that the plugin may use.
    fn store_for(&self, key: &str) -> Result<Backing, Failure> {
        if !is_key(key, KEY_BYTES) {
            return Err(told(format!("{key:.80?} is no key")));
        }
        if !self.grants.covers_key(key) {
            return Err(told(format!("{key:.80?} begins with no prefix that was granted")));
        }
        self.backing()
    }

    /// Writes to a blob in the making; none of it, if there is not the room.
    fn written(
        &mut self,
        handle: &Writer,
        bytes: u64,
        write: impl FnOnce(&mut Spool, &Backing, &HostState) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let backing = self.backing()?;
        self.charge_blob(bytes)?;
        let writer = self.table.get_mut(handle).map_err(wasmtime::Error::from)?;
        if writer.broken {
            return Err(told("a write to it went wrong before"));
        }
        // Out of the table while it is written to, so that the clock can be looked at meanwhile.
        let mut spool = std::mem::take(&mut writer.spool);
        let before = spool.size();
        let result = write(&mut spool, &backing, self);
        self.blob_bytes = self.blob_bytes.saturating_sub(bytes - (spool.size() - before));
        let writer = self.table.get_mut(handle).map_err(wasmtime::Error::from)?;
        writer.spool = spool;
        writer.broken = result.is_err();
        result
    }
}

impl blobs::HostBlob for HostState {
    fn size(&mut self, handle: Blobs) -> wasmtime::Result<u64> {
        Ok(self.blob(&handle)?.size())
    }

    fn read(&mut self, handle: Blobs, first: u64, count: u64) -> Result<Vec<u8>, Failure> {
        let blob = self.blob(&handle)?;
        check_part(blob.as_ref(), first, count)?;
        // The bytes lie in the host's memory before they lie in the guest's.
        let limit = self.limits.bytes_per_host_call;
        match usize::try_from(count) {
            Ok(count) if count <= limit => {
                let mut bytes = vec![0; count];
                blob.read(first, &mut bytes).map_err(|error| host(&error))?;
                Ok(bytes)
            }
            _ => Err(Limit::HostCallBytes { limit }.into()),
        }
    }

    fn drop(&mut self, handle: Blobs) -> wasmtime::Result<()> {
        self.take_blob(handle)?;
        Ok(())
    }
}

impl blobs::HostBlobWriter for HostState {
    fn new(&mut self) -> wasmtime::Result<Writer> {
        self.push(BlobWriterHandle::default())
    }

    fn write(&mut self, handle: Writer, bytes: Vec<u8>) -> Result<(), Failure> {
        self.written(&handle, bytes.len() as u64, |spool, backing, _| {
            spool.write(&bytes, &backing.scratch).map_err(|error| host(&error))
        })
    }

    fn append(&mut self, handle: Writer, source: Blobs, first: u64, count: u64) -> Result<(), Failure> {
        let source = self.blob(&source)?;
        check_part(source.as_ref(), first, count)?;
        self.written(&handle, count, |spool, backing, state| {
            let go_on = || state.clock.check().map_err(Stopped::Limit);
            let appended = spool.append(source.as_ref(), first, count, &backing.scratch, go_on);
            appended.map_err(|stopped| match stopped {
                Stopped::Limit(limit) => limit.into(),
                Stopped::Host(error) => host(&error),
            })
        })
    }

    fn finish(&mut self, handle: Writer) -> Result<Blobs, Failure> {
        let BlobWriterHandle { spool, broken } = self.delete(handle).map_err(wasmtime::Error::from)?;
        let charged = spool.size();
        if broken {
            self.blob_bytes = self.blob_bytes.saturating_sub(charged);
            return Err(told("a write to it went wrong before"));
        }
        Ok(self.push(BlobHandle { blob: Arc::new(spool.finish()), charged })?)
    }

    fn drop(&mut self, handle: Writer) -> wasmtime::Result<()> {
        let writer = self.delete(handle)?;
        self.blob_bytes = self.blob_bytes.saturating_sub(writer.spool.size());
        Ok(())
    }
}

impl blobs::Host for HostState {
    fn store_put(&mut self, key: String, value: Blobs) -> Result<(), Failure> {
        let blob = self.blob(&value)?;
        self.store_for(&key)?.store.put(&key, &blob).map_err(|error| host(&error))
    }

    fn store_get(&mut self, key: String) -> Result<Option<Blobs>, Failure> {
        let blob = self.store_for(&key)?.store.get(&key).map_err(|error| host(&error))?;
        Ok(blob.map(|blob| self.lend_blob(blob)).transpose()?)
    }

    fn store_remove(&mut self, key: String) -> Result<(), Failure> {
        self.store_for(&key)?.store.remove(&key).map_err(|error| host(&error))
    }

    fn store_keys(&mut self, prefix: String, after: Option<String>, most: u32) -> Result<Vec<String>, Failure> {
        let beginning = prefix.strip_suffix('/').unwrap_or(&prefix);
        for key in after.iter().map(String::as_str).chain([beginning]) {
            if !is_key(key, KEY_BYTES) {
                return Err(told(format!("{key:.80?} is no key")));
            }
        }
        if !self.grants.covers_key(&prefix) {
            return Err(told(format!("{prefix:.80?} begins with no prefix that was granted")));
        }
        let most = PAGE.min(most as usize);
        self.backing()?.store.keys(&prefix, after.as_deref(), most).map_err(|error| host(&error))
    }
}

/// Why a long copy ended early.
enum Stopped {
    Limit(Limit),
    Host(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

fn check_part(blob: &dyn Blob, first: u64, count: u64) -> Result<(), Failure> {
    match first.checked_add(count) {
        Some(end) if end <= blob.size() => Ok(()),
        _ => Err(told(format!("there are {} bytes, and no {count} from byte {first} on", blob.size()))),
    }
}

fn told(why: impl Into<String>) -> Failure {
    Failure::Told(types::Error::Failed(why.into()))
}

/// What the host could not do. A plugin need not know the host's paths.
fn host(error: &io::Error) -> Failure {
    told(format!("the host's store or disk: {}", error.kind()))
}
