//! A storage adapter that breaks one rule of conformance, on request: what shows that each rule can be broken.

use std::collections::BTreeMap;

use fedwit_plugin::storage_adapter::StorageAdapter;
use fedwit_plugin::{Blob, BlobWriter, Error, Permission, store};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// What to do wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Nothing.
    #[default]
    None,
    /// Refuse its own default.
    OtherDefaults,
    /// Take any key.
    AnyKey,
    /// Keep a million bytes of a blob at the most.
    Cut,
    /// Keep what was there before.
    KeepFirst,
    /// Keep what is removed.
    KeepRemoved,
    /// Lay blobs where the next instance does not look.
    Forget,
    /// Pass over what the store says.
    Ignore,
    /// List the first page alone.
    OnePage,
}

/// What to do wrong.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// What to do wrong.
    way: Way,
    /// Says nothing; it is there to be refused.
    #[schemars(extend("default" = true))]
    told: Option<bool>,
    #[serde(flatten, skip_serializing)]
    #[schemars(skip)]
    rest: BTreeMap<String, IgnoredAny>,
}

/// The adapter.
#[derive(Debug)]
pub struct Wayward {
    way: Way,
    own: String,
}

const PREFIX: &str = "wayward/";
const MILLION: u64 = 1_000_000;

impl StorageAdapter for Wayward {
    const NAME: &'static str = "wayward-adapter";
    const SUMMARY: &'static str = "Hands blobs on, but for one rule that it breaks on request.";
    type Config = Config;

    fn permissions() -> Vec<Permission> {
        vec![Permission::StoragePrefix(PREFIX.to_owned())]
    }

    fn open(Config { way, told, rest }: Config) -> Result<Self, Error> {
        if let Some((key, _)) = rest.iter().find(|_| way != Way::AnyKey) {
            return Err(Error::InvalidConfig(format!("there is no `{key}`")));
        }
        if told.is_some() && way == Way::OtherDefaults {
            return Err(Error::InvalidConfig("`told` is not to be told".to_owned()));
        }
        let own = if way == Way::Forget {
            // As many as are there already: the next instance finds more.
            format!("{PREFIX}{}/", store::keys(PREFIX, None, 1000)?.len())
        } else {
            PREFIX.to_owned()
        };
        Ok(Self { way, own })
    }

    fn put(&mut self, key: &str, value: &Blob) -> Result<(), Error> {
        let place = format!("{}{key}", self.own);
        if self.way == Way::KeepFirst && store::get(&place)?.is_some() {
            return Ok(());
        }
        if self.way == Way::Cut && value.size() > MILLION {
            let writer = BlobWriter::new();
            writer.append(value, 0, MILLION)?;
            return store::put(&place, &BlobWriter::finish(writer)?);
        }
        match store::put(&place, value) {
            Err(_) if self.way == Way::Ignore => Ok(()),
            put => put,
        }
    }

    fn get(&mut self, key: &str) -> Result<Option<Blob>, Error> {
        store::get(&format!("{}{key}", self.own))
    }

    fn remove(&mut self, key: &str) -> Result<(), Error> {
        if self.way == Way::KeepRemoved {
            return Ok(());
        }
        store::remove(&format!("{}{key}", self.own))
    }

    fn keys(&mut self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
        if self.way == Way::OnePage && after.is_some() {
            return Ok(Vec::new());
        }
        store::keys_under(&self.own, prefix, after, most)
    }
}

fedwit_plugin::export!(Wayward: StorageAdapter);
