//! From a blob to a sealed one, and back, a chunk at a time.

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use fedwit_plugin::{Blob, BlobWriter, Error};

use crate::header::{HEADER_BYTES, Header, TAG_BYTES};
use crate::keys::Keys;

/// Bytes of a chunk: what there is in an instance's memory of a blob, a few times over.
pub(crate) const CHUNK: u32 = 1 << 20;

/// Encrypts a blob that is to be put under `key`.
pub(crate) fn seal(keys: &Keys, key: &str, blob: &Blob) -> Result<Blob, Error> {
    let mut header = Header { chunk: CHUNK, length: blob.size(), id: keys.id(), salt: [0; 32] };
    header.salt = salt(keys, key, &header, blob)?;
    let chunks = Chunks::new(keys, key, &header);
    let writer = BlobWriter::new();
    writer.write(&header.to_bytes())?;
    for number in 0..header.chunks() {
        let mut chunk = blob.read(number * u64::from(CHUNK), header.chunk_bytes(number))?;
        let sealed = chunks.cipher.encrypt_in_place(&chunks.nonce(number), &chunks.authenticated, &mut chunk);
        sealed.map_err(|_| Error::Failed(format!("chunk {number} cannot be encrypted")))?;
        writer.write(&chunk)?;
    }
    BlobWriter::finish(writer)
}

/// Decrypts a blob that lies under `key`. What is not exactly as it was written is an error.
pub(crate) fn open(keys: &Keys, key: &str, sealed: &Blob) -> Result<Blob, Error> {
    let named = |why: Error| match why {
        Error::Failed(why) => Error::Failed(format!("blob `{key}`: {why}")),
        other => other,
    };
    let size = sealed.size();
    let begins = sealed.read(0, size.min(HEADER_BYTES as u64))?;
    let begins: [u8; HEADER_BYTES] = begins
        .try_into()
        .map_err(|_| named(Error::Failed(format!("it is cut short: it has {size} bytes, less than a header"))))?;
    let header = Header::parse(&begins, size, keys.id()).map_err(named)?;
    let chunks = Chunks::new(keys, key, &header);
    let writer = BlobWriter::new();
    let mut place = HEADER_BYTES as u64;
    for number in 0..header.chunks() {
        let bytes = header.chunk_bytes(number) + TAG_BYTES;
        let mut chunk = sealed.read(place, bytes)?;
        place += bytes;
        let opened = chunks.cipher.decrypt_in_place(&chunks.nonce(number), &chunks.authenticated, &mut chunk);
        opened.map_err(|_| {
            let last = header.chunks();
            named(Error::Failed(format!(
                "chunk {} of {last} is damaged, out of its place, or of another blob",
                number + 1
            )))
        })?;
        writer.write(&chunk)?;
    }
    BlobWriter::finish(writer)
}

/// What a blob's own key follows from: all that is encrypted under it.
fn salt(keys: &Keys, key: &str, header: &Header, blob: &Blob) -> Result<[u8; 32], Error> {
    let mut salting = keys.salting();
    // The salt of this header is zeros, and both are of a length that cannot be mistaken.
    salting.add(&header.to_bytes());
    salting.add(&(key.len() as u64).to_le_bytes());
    salting.add(key.as_bytes());
    let mut first = 0;
    while first < header.length {
        let count = u64::from(CHUNK).min(header.length - first);
        salting.add(&blob.read(first, count)?);
        first += count;
    }
    Ok(salting.finish())
}

/// What the chunks of one blob have in common.
struct Chunks {
    cipher: ChaCha20Poly1305,
    /// The header, and the key that the blob is put under.
    authenticated: Vec<u8>,
    last: u64,
}

impl Chunks {
    fn new(keys: &Keys, key: &str, header: &Header) -> Self {
        let authenticated = [&header.to_bytes()[..], key.as_bytes()].concat();
        Self { cipher: keys.cipher(&header.salt), authenticated, last: header.chunks() - 1 }
    }

    /// A chunk's number, and whether it is the last.
    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&number.to_le_bytes());
        nonce[11] = u8::from(number == self.last);
        Nonce::from(nonce)
    }
}
