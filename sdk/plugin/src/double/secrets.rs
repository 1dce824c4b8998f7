//! What the operator has granted, one set for each test: tests have threads of their own.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::failed;
use crate::Error;

thread_local! {
    static SECRETS: RefCell<BTreeMap<String, Vec<u8>>> = RefCell::default();
}

/// Grants a secret to the plugin that is tested.
pub fn grant_secret(name: &str, value: &[u8]) {
    SECRETS.with_borrow_mut(|secrets| secrets.insert(name.to_owned(), value.to_vec()));
}

pub(crate) fn get(name: &str) -> Result<Vec<u8>, Error> {
    SECRETS
        .with_borrow(|secrets| secrets.get(name).cloned())
        .ok_or_else(|| failed(format!("secret `{name}` is not granted")))
}
