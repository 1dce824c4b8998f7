//! The host's store of blobs, one for each test: tests have threads of their own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::failed;
use crate::{Blob, Error, Permission};

#[derive(Default)]
struct Store {
    prefixes: Vec<String>,
    blobs: BTreeMap<String, Blob>,
}

thread_local! {
    static STORE: RefCell<Store> = RefCell::default();
}

/// Grants the plugin that is tested what it wants of the store. For secrets, see [`grant_secret`](crate::testing::grant_secret).
pub fn grant(permissions: &[Permission]) {
    let prefixes = permissions.iter().filter_map(|permission| match permission {
        Permission::StoragePrefix(prefix) => Some(prefix.clone()),
        _ => None,
    });
    STORE.with_borrow_mut(|store| store.prefixes.extend(prefixes));
}

pub(crate) fn store_put(key: &str, value: &Blob) -> Result<(), Error> {
    STORE.with_borrow_mut(|store| {
        store.check(key)?;
        store.blobs.insert(key.to_owned(), value.clone());
        Ok(())
    })
}

pub(crate) fn store_get(key: &str) -> Result<Option<Blob>, Error> {
    STORE.with_borrow(|store| {
        store.check(key)?;
        Ok(store.blobs.get(key).cloned())
    })
}

pub(crate) fn store_remove(key: &str) -> Result<(), Error> {
    STORE.with_borrow_mut(|store| {
        store.check(key)?;
        store.blobs.remove(key);
        Ok(())
    })
}

pub(crate) fn store_keys(prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
    STORE.with_borrow(|store| {
        store.granted(prefix)?;
        let first = after.map_or(Bound::Included(prefix), |after| Bound::Excluded(after.max(prefix)));
        let later = store.blobs.range::<str, _>((first, Bound::Unbounded)).map(|(key, _)| key);
        let found = later.skip_while(|key| key.as_str() < prefix).take_while(|key| key.starts_with(prefix));
        Ok(found.take(most as usize).cloned().collect())
    })
}

impl Store {
    fn check(&self, key: &str) -> Result<(), Error> {
        const LONGEST: usize = 512;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let segment = |text: &str| !["", ".", ".."].contains(&text) && text.bytes().all(allowed);
        if key.len() > LONGEST || !key.split('/').all(segment) {
            return Err(failed(format!("{key:?} is no key")));
        }
        self.granted(key)
    }

    fn granted(&self, key: &str) -> Result<(), Error> {
        if self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_str())) {
            Ok(())
        } else {
            Err(failed(format!("{key:?} begins with no storage prefix that is granted")))
        }
    }
}
