//! The storage adapter that blobs go through.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use fedwit_runtime::Permission;
use serde_json::{Map, Value};

/// What stands between the blobs and the disk.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage adapter")]
pub(crate) struct AdapterSettings {
    /// The storage adapter that blobs go through, such as `encrypted`: the name of a plugin in the folder of plugins, or a
    /// component's file [default: none, so that blobs lie on the disk as they are].
    #[arg(long, env = "FEDWIT_STORAGE_ADAPTER", value_name = "NAME|FILE")]
    pub(crate) storage_adapter: Option<String>,
    /// The adapter's configuration: a JSON object, or the name of a file with one [default: `{}`].
    #[arg(long, env = "FEDWIT_STORAGE_ADAPTER_CONFIG", value_name = "JSON|@FILE")]
    pub(crate) storage_adapter_config: Option<AdapterConfig>,
    /// What the adapter is granted beside its storage prefixes, such as `secret:storage-key`; give it once for each, or
    /// several with commas between them [default: nothing].
    #[arg(long, env = "FEDWIT_STORAGE_ADAPTER_GRANT", value_name = "PERMISSION", value_delimiter = ',')]
    pub(crate) storage_adapter_grant: Vec<Permission>,
    /// How many blobs the adapter works on at a time.
    #[arg(long, env = "FEDWIT_STORAGE_ADAPTER_INSTANCES", value_name = "N", default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) storage_adapter_instances: usize,
    /// Where files lie in the clear while they come in, and working copies of those that the adapter has changed: in a
    /// folder in here that only the server's user can read, and that is emptied at each start. It may be in memory (tmpfs)
    /// [default: the data folder].
    #[arg(long, env = "FEDWIT_SCRATCH", value_name = "FOLDER")]
    pub(crate) scratch: Option<PathBuf>,
    /// The most bytes of working copies that are kept though nobody reads them.
    #[arg(long, env = "FEDWIT_COPIES_BYTES", value_name = "BYTES", default_value_t = 4 << 30)]
    pub(crate) copies_bytes: u64,
}

impl AdapterSettings {
    /// The first that means nothing without an adapter, if there is none.
    pub(crate) fn lost(&self) -> Option<&'static str> {
        if self.storage_adapter.is_some() {
            return None;
        }
        let given = [
            (self.storage_adapter_config.is_some(), "--storage-adapter-config"),
            (!self.storage_adapter_grant.is_empty(), "--storage-adapter-grant"),
            (self.scratch.is_some(), "--scratch"),
        ];
        given.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// A configuration, checked when it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AdapterConfig(Map<String, Value>);

impl AdapterConfig {
    pub(crate) fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

impl FromStr for AdapterConfig {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read;
        let json = match text.strip_prefix('@') {
            Some(file) => {
                read = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
                &read
            }
            None => text,
        };
        match serde_json::from_str(json) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err("this is JSON, but no object".to_owned()),
            Err(error) => Err(format!("this is no JSON: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_configuration_is_an_object_here_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, r#"{"level": 3}"#).unwrap();
        let given: AdapterConfig = r#"{"level": 3}"#.parse().unwrap();
        assert_eq!(format!("@{}", file.display()).parse(), Ok(given.clone()));
        assert_eq!(given.json()["level"], 3);
        for (bad, said) in [("", "no JSON"), ("[1]", "no object"), ("@/no/such/file", "/no/such/file: ")] {
            let error = bad.parse::<AdapterConfig>().unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
    }
}
