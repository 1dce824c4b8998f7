//! Which adapter has written a data folder.
//!
//! That stands in `storage-adapter.json`, which is durable before the adapter is. Another adapter, or none, would not find
//! what is there, and would take it for lost; so a folder with blobs in it is opened with the adapter that wrote it, or not
//! at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fedwit_domain::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Digest as _;

use super::AdapterOptions;
use super::scratch::empty;
use crate::OpenError;
use crate::disk::sync_folder;

const FILE: &str = "storage-adapter.json";
const BLOBS: &str = "blobs";
const STORED: &str = "stored";

/// What is known of the adapter that has written a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// Its name.
    pub(crate) adapter: String,
    /// The component that was used last.
    pub(crate) component: Digest,
    /// The SHA-256 of its configuration.
    pub(crate) config: Digest,
    /// The keys at rest of the blob that it is tried with.
    #[serde(default)]
    pub(crate) probe: Vec<String>,
}

impl Marker {
    fn of(adapter: &AdapterOptions) -> Self {
        let AdapterOptions { name, component, config, .. } = adapter;
        Self { adapter: name.clone(), component: *component, config: fingerprint(config), probe: Vec::new() }
    }

    /// Makes this durable.
    pub(crate) fn write(&self, data: &Path) -> Result<(), OpenError> {
        let path = data.join(FILE);
        let write = || {
            let draft = data.join(format!("{FILE}.new"));
            let mut file = File::create(&draft)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)?;
            sync_folder(data)
        };
        write().map_err(|error| OpenError::Io { what: "writing", path: path.clone(), error })
    }
}

/// Where a data folder's adapter keeps its blobs.
pub(crate) fn stored(data: &Path) -> PathBuf {
    data.join(STORED)
}

/// Sees to it that a data folder is opened with the adapter that has written it, and remembers which that is.
pub(crate) fn settle(data: &Path, wanted: Option<&AdapterOptions>) -> Result<Option<Marker>, OpenError> {
    let found = read(data)?;
    let wanted = wanted.map(Marker::of);
    match (&found, wanted) {
        (Some(found), Some(wanted)) if (&found.adapter, found.config) == (&wanted.adapter, wanted.config) => {
            let goes_on = Marker { component: wanted.component, ..found.clone() };
            if goes_on != *found {
                tracing::info!(
                    plugin.name = %found.adapter, plugin.digest = %goes_on.component, before = %found.component,
                    "another component of storage adapter `{}` goes on with its blobs", found.adapter
                );
                goes_on.write(data)?;
            }
            Ok(Some(goes_on))
        }
        (None, None) if !has_files(&stored(data), &[]).map_err(listing(data))? => Ok(None),
        (_, wanted) => {
            let probe = found.as_ref().map_or(&[][..], |found| &found.probe);
            let has_blobs =
                has_files(&stored(data), probe).and_then(|has| Ok(has || has_files(&data.join(BLOBS), &[])?));
            if has_blobs.map_err(listing(data))? {
                return Err(OpenError::OtherAdapter { folder: data.to_owned(), problem: problem(found, wanted) });
            }
            replace(data, wanted)
        }
    }
}

/// There are no blobs yet: the folder is whoever's comes.
fn replace(data: &Path, wanted: Option<Marker>) -> Result<Option<Marker>, OpenError> {
    empty(&stored(data)).map_err(listing(data))?;
    match &wanted {
        Some(wanted) => wanted.write(data)?,
        None => {
            let path = data.join(FILE);
            std::fs::remove_file(&path).map_err(|error| OpenError::Io { what: "removing", path, error })?;
        }
    }
    Ok(wanted)
}

/// What is wrong, and what to do.
fn problem(found: Option<Marker>, wanted: Option<Marker>) -> String {
    match (found, wanted) {
        (Some(found), None) => format!(
            "its blobs were written by storage adapter `{0}`: start with --storage-adapter {0}, or on a new data folder",
            found.adapter
        ),
        (Some(found), Some(wanted)) if found.adapter == wanted.adapter => format!(
            "its blobs were written by storage adapter `{}` under another configuration (SHA-256 {}, and that of now is \
             {}): start with that one, or on a new data folder",
            found.adapter, found.config, wanted.config
        ),
        (Some(found), Some(wanted)) => format!(
            "its blobs were written by storage adapter `{0}` and not by `{1}`: start with --storage-adapter {0}, or on a \
             new data folder",
            found.adapter, wanted.adapter
        ),
        (None, Some(wanted)) => format!(
            "its blobs were written without a storage adapter, and `{}` would not find them: start without \
             --storage-adapter, or on a new data folder",
            wanted.adapter
        ),
        (None, None) => {
            format!("its blobs were written by a storage adapter, and {FILE} is gone, which says by which: put it back")
        }
    }
}

fn read(data: &Path) -> Result<Option<Marker>, OpenError> {
    let path = data.join(FILE);
    let io = |error| OpenError::Io { what: "reading", path: path.clone(), error };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| io(error.into()))
}

fn listing(data: &Path) -> impl Fn(io::Error) -> OpenError {
    let path = data.to_owned();
    move |error| OpenError::Io { what: "listing the blobs of", path: path.clone(), error }
}

/// Whether there is any file below a folder, but for these.
fn has_files(folder: &Path, but: &[String]) -> io::Result<bool> {
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match std::fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !but.iter().any(|key| path == folder.join(key)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The SHA-256 of a configuration, in whatever order its keys are written.
fn fingerprint(config: &Value) -> Digest {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields: BTreeMap<_, _> = fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
                Value::Object(fields.into_iter().collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            plain => plain.clone(),
        }
    }
    Digest::from_bytes(sha2::Sha256::digest(sorted(config).to_string()).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::json;

    use super::*;

    fn adapter(name: &str, config: Value, component: u8) -> AdapterOptions {
        AdapterOptions {
            name: name.to_owned(),
            component: Digest::from_bytes([component; 32]),
            config,
            instances: 1,
            scratch: None,
            copies_bytes: 0,
            open: Box::new(|_, _| Err("it is not to be opened".into())),
        }
    }

    /// A data folder that an adapter has written, with its probe alone.
    fn written(config: Value) -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        let mut marker = settle(data.path(), Some(&adapter("one", config, 1))).unwrap().unwrap();
        marker.probe = vec!["own/probe".to_owned()];
        marker.write(data.path()).unwrap();
        file(data.path(), "stored/own/probe");
        data
    }

    fn file(data: &Path, name: &str) {
        let path = data.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }

    fn refused(data: &Path, wanted: Option<&AdapterOptions>) -> String {
        settle(data, wanted).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_without_blobs_is_whoevers_comes() {
        let data = written(json!({}));
        std::fs::create_dir_all(data.path().join("blobs/ab")).unwrap();
        let other = adapter("two", json!({}), 2);
        assert_eq!(settle(data.path(), Some(&other)).unwrap().unwrap().adapter, "two");
        assert!(!data.path().join("stored/own/probe").exists());
        assert_eq!(settle(data.path(), None).unwrap(), None);
        assert_eq!(read(data.path()).unwrap(), None);
        assert_eq!(settle(data.path(), None).unwrap(), None);
    }

    #[test]
    fn one_with_blobs_is_for_the_adapter_that_wrote_them() {
        let data = written(json!({ "a": 1, "b": { "c": 2, "d": 3 } }));
        file(data.path(), "stored/own/blobs/ab/abc");
        let same = adapter("one", json!({ "b": { "d": 3, "c": 2 }, "a": 1 }), 1);
        let marker = settle(data.path(), Some(&same)).unwrap().unwrap();
        assert_eq!(marker.probe, ["own/probe"]);
        for (wanted, said) in [
            (None, "--storage-adapter one"),
            (Some(adapter("two", json!({}), 1)), "`one` and not by `two`"),
            (Some(adapter("one", json!({ "a": 2 }), 1)), "another configuration"),
        ] {
            let error = refused(data.path(), wanted.as_ref());
            assert!(error.contains(said) && error.contains(&data.path().display().to_string()), "{error}");
            assert_eq!(read(data.path()).unwrap(), Some(marker.clone()), "it is as it was");
        }
        // Another component of the same name goes on.
        let newer = adapter("one", json!({ "a": 1, "b": { "c": 2, "d": 3 } }), 9);
        assert_eq!(settle(data.path(), Some(&newer)).unwrap().unwrap().component, Digest::from_bytes([9; 32]));
        assert_eq!(read(data.path()).unwrap().unwrap().component, Digest::from_bytes([9; 32]));
    }

    #[test]
    fn blobs_without_an_adapter_are_not_hidden_by_one() {
        let data = tempfile::tempdir().unwrap();
        file(data.path(), "blobs/ab/abc");
        let error = refused(data.path(), Some(&adapter("one", json!({}), 1)));
        assert!(error.contains("without a storage adapter"), "{error}");
        assert_eq!(settle(data.path(), None).unwrap(), None);
    }

    #[test]
    fn what_it_says_is_not_guessed() {
        let data = written(json!({}));
        file(data.path(), "stored/own/blobs/ab/abc");
        std::fs::remove_file(data.path().join(FILE)).unwrap();
        assert!(refused(data.path(), None).contains("storage-adapter.json"));
        std::fs::write(data.path().join(FILE), "{").unwrap();
        let error = refused(data.path(), Some(&adapter("one", json!({}), 1)));
        assert!(error.contains("storage-adapter.json"), "{error}");
    }
}
