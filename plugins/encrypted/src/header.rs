//! What a sealed blob begins with.
//!
//! ```text
//! byte  0  8  "fedwitEB"
//!       8  4  the version of all this, 1
//!      12  4  bytes of a chunk
//!      16  8  bytes of the blob
//!      24  8  which secret it is encrypted under
//!      32 32  the salt
//! ```
//!
//! Numbers are little-endian. The header is authenticated with every chunk, the first of which is always there.

use fedwit_plugin::Error;

use crate::SECRET;
use crate::keys::{ID_BYTES, SALT_BYTES};

const MAGIC: &[u8; 8] = b"fedwitEB";
const VERSION: u32 = 1;

/// Its bytes.
pub(crate) const HEADER_BYTES: usize = 64;
/// Bytes that a chunk grows by.
pub(crate) const TAG_BYTES: u64 = 16;
/// Chunks that are larger would not fit into an instance's memory.
const LARGEST_CHUNK: u32 = 16 << 20;

/// What there is to know of a sealed blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) chunk: u32,
    pub(crate) length: u64,
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) salt: [u8; SALT_BYTES],
}

impl Header {
    pub(crate) fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.chunk.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.id);
        bytes[32..].copy_from_slice(&self.salt);
        bytes
    }

    /// Reads the header of a blob of `size` bytes that is to be encrypted under the secret of this id.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES], size: u64, id: [u8; ID_BYTES]) -> Result<Self, Error> {
        let failed = |why: String| Err(Error::Failed(why));
        if &bytes[..8] != MAGIC {
            return failed("what lies there was not written by this adapter, or its header is damaged".to_owned());
        }
        let version = u32::from_le_bytes(part(bytes, 8));
        if version != VERSION {
            return failed(format!(
                "it has version {version} of the format, and this adapter knows only {VERSION}; or its header is damaged"
            ));
        }
        let header = Self {
            chunk: u32::from_le_bytes(part(bytes, 12)),
            length: u64::from_le_bytes(part(bytes, 16)),
            id: part(bytes, 24),
            salt: part(bytes, 32),
        };
        if header.id != id {
            return failed(format!(
                "it is encrypted under another secret than the `{SECRET}` of now, or its header is damaged"
            ));
        }
        if header.chunk == 0 || header.chunk > LARGEST_CHUNK {
            return failed(format!("its header is damaged: it says that chunks have {} bytes", header.chunk));
        }
        match header.sealed_bytes() {
            Some(sealed) if sealed == size => Ok(header),
            Some(sealed) if sealed > size => {
                failed(format!("it is cut short: it has {size} bytes of {sealed}, or its header is damaged"))
            }
            Some(sealed) => failed(format!(
                "something was added to it: it has {size} bytes instead of {sealed}, or its header is damaged"
            )),
            None => failed(format!("its header is damaged: it says that there are {} bytes", header.length)),
        }
    }

    /// How many chunks there are: one at least, so that the header of an empty blob is authenticated too.
    pub(crate) fn chunks(&self) -> u64 {
        self.length.div_ceil(u64::from(self.chunk)).max(1)
    }

    /// The bytes of the blob that a chunk holds.
    pub(crate) fn chunk_bytes(&self, number: u64) -> u64 {
        let chunk = u64::from(self.chunk);
        self.length.saturating_sub(number.saturating_mul(chunk)).min(chunk)
    }

    /// Bytes of the whole, if there can be so many.
    fn sealed_bytes(&self) -> Option<u64> {
        let tags = self.chunks().checked_mul(TAG_BYTES)?;
        self.length.checked_add(tags)?.checked_add(HEADER_BYTES as u64)
    }
}

/// Some of the header's bytes.
fn part<const N: usize>(bytes: &[u8; HEADER_BYTES], first: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[first + index])
}
