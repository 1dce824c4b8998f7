//! {{name}}: a storage adapter that keeps a checksum behind every blob, and gives back no blob that was damaged.
//!
//! Blobs stay with the host; a `Blob` is a handle to one. What the checksum needs is read in pieces, and what is put
//! together of other blobs never comes here.

mod checksum;

use fedwit_plugin::storage_adapter::StorageAdapter;
use fedwit_plugin::{Blob, BlobWriter, Error, Permission, store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checksum::Checksum;

/// Where the blobs are kept.
const PREFIX: &str = "{{name}}/";
/// Bytes of a checksum.
const LENGTH: u64 = 4;

/// The parameters, with their defaults.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How much of a blob is read at a time, in KiB; from 1 to 65536.
    #[schemars(range(min = 1, max = 65536))]
    pub piece_kib: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { piece_kib: 1024 }
    }
}

/// Serves many calls, and may be dropped and opened anew between any two of them.
#[derive(Debug)]
pub struct Plugin {
    piece_bytes: u64,
}

impl StorageAdapter for Plugin {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "Keeps a checksum behind every blob, and gives back no blob that was damaged.";
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::StoragePrefix(PREFIX.to_owned())]
    }

    fn open(config: Config) -> Result<Self, Error> {
        if !(1..=65536).contains(&config.piece_kib) {
            let given = config.piece_kib;
            return Err(Error::InvalidConfig(format!("`piece_kib` is {given}, but must be from 1 to 65536")));
        }
        Ok(Self { piece_bytes: u64::from(config.piece_kib) * 1024 })
    }

    fn put(&mut self, key: &str, value: &Blob) -> Result<(), Error> {
        let sum = self.checksum(key, value, value.size())?;
        let writer = BlobWriter::new();
        writer.append(value, 0, value.size())?;
        writer.write(&sum)?;
        store::put(&format!("{PREFIX}{key}"), &BlobWriter::finish(writer)?)
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, Error> {
        let Some(kept) = store::get(&format!("{PREFIX}{key}"))? else { return Ok(None) };
        let damaged = || Error::Failed(format!("the blob under `{key}` is not what was put there"));
        let size = kept.size().checked_sub(LENGTH).ok_or_else(damaged)?;
        if kept.read(size, LENGTH)? != self.checksum(key, &kept, size)? {
            return Err(damaged());
        }
        let writer = BlobWriter::new();
        writer.append(&kept, 0, size)?;
        BlobWriter::finish(writer).map(Some)
    }

    fn remove(&mut self, key: &str) -> Result<(), Error> {
        store::remove(&format!("{PREFIX}{key}"))
    }

    fn keys(&mut self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
        store::keys_under(PREFIX, prefix, after, most)
    }
}

impl Plugin {
    /// Of the first `size` bytes of a blob, and of its key, so that no blob passes for another.
    fn checksum(&self, key: &str, blob: &Blob, size: u64) -> Result<[u8; LENGTH as usize], Error> {
        let mut sum = Checksum::default();
        sum.add(key.as_bytes());
        let mut first = 0;
        while first < size {
            let count = self.piece_bytes.min(size - first);
            sum.add(&blob.read(first, count)?);
            first += count;
        }
        Ok(sum.value().to_le_bytes())
    }
}

fedwit_plugin::export!(Plugin: StorageAdapter);

#[cfg(test)]
mod tests {
    use fedwit_plugin::config;
    use fedwit_plugin::testing::{blob, bytes, grant};

    use super::*;

    fn open(text: &str) -> Result<Plugin, Error> {
        grant(&Plugin::permissions());
        Plugin::open(config::parse(text)?)
    }

    #[test]
    fn what_was_put_is_there_until_it_is_removed() {
        let mut plugin = open(r#"{"piece_kib": 1}"#).unwrap();
        for size in [0, 1, 1023, 1024, 1025, 5000] {
            let content: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            plugin.put("a", &blob(&content)).unwrap();
            assert_eq!(bytes(&plugin.get("a").unwrap().unwrap()), content);
        }
        plugin.remove("a").unwrap();
        assert!(plugin.get("a").unwrap().is_none());
    }

    #[test]
    fn a_blob_that_was_damaged_is_an_error() {
        let mut plugin = open("{}").unwrap();
        plugin.put("a", &blob(b"weights")).unwrap();
        let kept = bytes(&store::get("{{name}}/a").unwrap().unwrap()).to_vec();
        for index in 0..kept.len() {
            let mut damaged = kept.clone();
            damaged[index] ^= 1;
            store::put("{{name}}/a", &blob(&damaged)).unwrap();
            assert!(matches!(plugin.get("a"), Err(Error::Failed(why)) if why.contains("`a`")), "byte {index}");
        }
        for torn in [&kept[..3], &kept[1..], b""] {
            store::put("{{name}}/a", &blob(torn)).unwrap();
            assert!(plugin.get("a").is_err());
        }
        store::put("{{name}}/b", &blob(&kept)).unwrap();
        assert!(plugin.get("b").is_err(), "it was put under another key");
    }

    #[test]
    fn keys_are_those_that_were_put() {
        let mut plugin = open("{}").unwrap();
        for key in ["m/2", "m/1", "n"] {
            plugin.put(key, &blob(b"")).unwrap();
        }
        assert_eq!(plugin.keys("m/", None, 10).unwrap(), ["m/1", "m/2"]);
        assert_eq!(plugin.keys("", Some("m/1"), 1).unwrap(), ["m/2"]);
    }

    #[test]
    fn a_configuration_that_is_wrong_is_refused_by_its_key() {
        for (text, key) in [(r#"{"piece_kib": 0}"#, "piece_kib"), (r#"{"piece": 1}"#, "piece")] {
            let refused = open(text);
            assert!(matches!(&refused, Err(Error::InvalidConfig(why)) if why.contains(key)), "{text}: {refused:?}");
        }
    }
}
