//! A storage adapter that encrypts every blob under a secret of the operator's.
//!
//! What lies at rest is a header and the blob in chunks, each encrypted and authenticated with ChaCha20-Poly1305 (RFC
//! 8439), after the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", CRYPTO 2015): a chunk's nonce is its number, and whether it is the last one. Chunks that
//! are changed, swapped, dropped or added are found out, and so is a blob that lies under another's key.
//!
//! **Why no nonce is ever used twice.** Every blob has a key of its own, which follows from the secret and from a salt; and
//! the salt is a MAC, under the secret, of all that is going to be encrypted: the key it is put under, its length, the size
//! of its chunks, and its bytes (as in SIV: Rogaway and Shrimpton, EUROCRYPT 2006). So two blobs have one key only if they are
//! one and the same, and then the same bytes are encrypted to the same bytes, which shows nothing new. That holds whatever is
//! put under whichever key, how often, and by how many instances; an adapter need not draw random numbers, which on a host
//! that grants none would be the same each time. The price is that each blob is read twice when it is put.
//!
//! **What stays visible:** the keys that blobs are put under (the server's are digests of their content: who has a file can
//! tell whether it is here), their lengths, and when they were written. Putting an older version of a blob back under its key
//! is not found out here; the server's blobs never change, and it compares their digests.

mod header;
mod keys;
mod seal;

use fedwit_plugin::{Blob, Error, Permission, StorageAdapter, secrets, store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::keys::Keys;

/// There is nothing to choose: the key is the secret `storage-key`.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The secret that all is encrypted under.
pub const SECRET: &str = "storage-key";

/// Where all is kept.
const PREFIX: &str = "encrypted/";

/// Keeps blobs encrypted.
#[derive(Debug)]
pub struct Encrypted {
    keys: Keys,
}

impl StorageAdapter for Encrypted {
    const NAME: &'static str = "encrypted";
    const SUMMARY: &'static str = "Encrypts every blob with ChaCha20-Poly1305 under the secret `storage-key`.";
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::StoragePrefix(PREFIX.to_owned()), Permission::Secret(SECRET.to_owned())]
    }

    fn open(_: Config) -> Result<Self, Error> {
        Ok(Self { keys: Keys::of(&secrets::get(SECRET)?)? })
    }

    fn put(&mut self, key: &str, value: &Blob) -> Result<(), Error> {
        store::put(&at(key), &seal::seal(&self.keys, key, value)?)
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, Error> {
        store::get(&at(key))?.map(|sealed| seal::open(&self.keys, key, &sealed)).transpose()
    }

    fn remove(&mut self, key: &str) -> Result<(), Error> {
        store::remove(&at(key))
    }

    fn keys(&mut self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
        store::keys_under(PREFIX, prefix, after, most)
    }
}

fn at(key: &str) -> String {
    format!("{PREFIX}{key}")
}

fedwit_plugin::export!(Encrypted: StorageAdapter);

#[cfg(test)]
mod tests;
