//! A storage adapter that keeps every blob as it is.
//!
//! It hands handles on: no byte of a blob enters its memory, so that a blob of any size costs the same. It is what an
//! adapter of one's own may begin with, and what shows that an adapter by itself costs next to nothing.

use fedwit_plugin::{Blob, Error, Permission, StorageAdapter, store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// There is nothing to choose.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// Where all is kept.
const PREFIX: &str = "plain/";

/// Keeps blobs as they are.
#[derive(Debug)]
pub struct PassThrough;

impl StorageAdapter for PassThrough {
    const NAME: &'static str = "pass-through";
    const SUMMARY: &'static str = "Keeps every blob as it is.";
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::StoragePrefix(PREFIX.to_owned())]
    }

    fn open(_: Config) -> Result<Self, Error> {
        Ok(Self)
    }

    fn put(&mut self, key: &str, value: &Blob) -> Result<(), Error> {
        store::put(&at(key), value)
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, Error> {
        store::get(&at(key))
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

fedwit_plugin::export!(PassThrough: StorageAdapter);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_plugin::config;
    use fedwit_plugin::testing::{blob, bytes, grant};

    use super::*;

    fn opened() -> PassThrough {
        grant(&PassThrough::permissions());
        PassThrough::open(config::parse("").unwrap()).unwrap()
    }

    #[test]
    fn what_was_put_is_there_until_it_is_removed() {
        let mut adapter = opened();
        assert!(adapter.get("blobs/a").unwrap().is_none());
        adapter.put("blobs/a", &blob(b"one")).unwrap();
        adapter.put("blobs/a", &blob(b"two")).unwrap();
        adapter.put("blobs/b", &blob(b"")).unwrap();
        assert_eq!(bytes(&adapter.get("blobs/a").unwrap().unwrap()), b"two");
        assert_eq!(bytes(&store::get("plain/blobs/a").unwrap().unwrap()), b"two", "it lies as it is");
        assert_eq!(adapter.keys("blobs/", None, 10).unwrap(), ["blobs/a", "blobs/b"]);
        assert_eq!(adapter.keys("blobs/", Some("blobs/a"), 10).unwrap(), ["blobs/b"]);
        adapter.remove("blobs/a").unwrap();
        adapter.remove("blobs/a").unwrap();
        assert!(adapter.get("blobs/a").unwrap().is_none());
    }

    #[test]
    fn there_is_nothing_to_configure() {
        assert!(config::parse::<Config>(r#"{"level": 1}"#).is_err());
    }
}
