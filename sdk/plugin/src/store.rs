//! The host's store of blobs, as far as the operator has granted a storage adapter its use.
//!
//! A key is segments of letters, digits, `.`, `_` and `-` with `/` between them, at most 512 bytes, and must begin with a
//! prefix that the plugin has declared as [`Permission::StoragePrefix`](crate::Permission::StoragePrefix).

use crate::{Blob, Error};

#[cfg(target_arch = "wasm32")]
use crate::bindings::storage_adapter::fedwit::plugin::blobs as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::double::store as host;

/// Keeps a blob under `key`, in place of what was there. It is durable when this returns.
///
/// # Errors
/// [`Error::Failed`] if the key has no such form or is not granted, or the host cannot keep it.
pub fn put(key: &str, value: &Blob) -> Result<(), Error> {
    host::store_put(key, value)
}

/// The blob that is kept under `key`; none if there is none.
///
/// # Errors
/// As for [`put`].
pub fn get(key: &str) -> Result<Option<Blob>, Error> {
    host::store_get(key)
}

/// Lets go of what is kept under `key`. No error if there is nothing.
///
/// # Errors
/// As for [`put`].
pub fn remove(key: &str) -> Result<(), Error> {
    host::store_remove(key)
}

/// At most `most` of the keys that begin with `prefix`, in the order of their bytes, beginning after key `after`. Fewer
/// are possible, but none says that there are no more.
///
/// # Errors
/// As for [`put`].
pub fn keys(prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
    host::store_keys(prefix, after, most)
}

/// The same for an adapter that keeps everything under a prefix of its own, which the server knows nothing of: it is put
/// before what is asked for, and taken off what is answered.
///
/// # Errors
/// As for [`put`].
pub fn keys_under(own: &str, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
    let after = after.map(|key| format!("{own}{key}"));
    let found = keys(&format!("{own}{prefix}"), after.as_deref(), most)?;
    Ok(found.into_iter().filter_map(|key| key.strip_prefix(own).map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Permission;
    use crate::testing::{blob, bytes, grant};

    fn granted() {
        grant(&[Permission::StoragePrefix("own/".to_owned())]);
    }

    #[test]
    fn what_was_put_is_there_until_it_is_removed() {
        granted();
        assert!(get("own/a").unwrap().is_none());
        put("own/a", &blob(b"one")).unwrap();
        put("own/a", &blob(b"two")).unwrap();
        assert_eq!(bytes(&get("own/a").unwrap().unwrap()), b"two");
        remove("own/a").unwrap();
        remove("own/a").unwrap();
        assert!(get("own/a").unwrap().is_none());
    }

    #[test]
    fn keys_are_in_order_and_without_the_adapters_own_prefix() {
        granted();
        for key in ["own/b/2", "own/a", "own/b/10", "own/b/1"] {
            put(key, &blob(b"")).unwrap();
        }
        assert_eq!(keys_under("own/", "b/", None, 10).unwrap(), ["b/1", "b/10", "b/2"]);
        assert_eq!(keys_under("own/", "b/", Some("b/1"), 1).unwrap(), ["b/10"]);
        assert!(keys_under("own/", "b/", Some("b/2"), 10).unwrap().is_empty());
        assert_eq!(keys("own/", None, 10).unwrap(), ["own/a", "own/b/1", "own/b/10", "own/b/2"]);
    }

    #[test]
    fn what_is_not_granted_is_out_of_reach() {
        granted();
        for key in ["other/a", "own", "ow", "own/../other", "own//a", "own/", "", "own/a b", "own/ä"] {
            for failed in [put(key, &blob(b"")), get(key).map(drop), remove(key)] {
                assert!(matches!(failed, Err(Error::Failed(why)) if why.contains(key)), "{key}");
            }
        }
        for prefix in ["", "o", "other/"] {
            assert!(matches!(keys(prefix, None, 10), Err(Error::Failed(_))), "{prefix}");
        }
        let long = format!("own/{}", "a".repeat(512));
        assert!(matches!(remove(&long), Err(Error::Failed(_))));
    }
}
