//! The life of a storage adapter in an instance: calls before it is opened are errors, never panics.

use std::cell::RefCell;

use crate::storage_adapter::StorageAdapter;
use crate::{Error, config};

/// Holds the adapter from its `open` on. An instance is opened once.
#[derive(Debug)]
pub struct Opened<A> {
    adapter: RefCell<Option<A>>,
}

impl<A> Default for Opened<A> {
    fn default() -> Self {
        Self { adapter: RefCell::new(None) }
    }
}

impl<A: StorageAdapter> Opened<A> {
    /// Opens the adapter.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], [`Error::Failed`] if it is open already, or the adapter's own.
    pub fn open(&self, config: &str) -> Result<(), Error> {
        if self.adapter.borrow().is_some() {
            return Err(Error::Failed("an instance is opened once, and this one is".to_owned()));
        }
        let adapter = A::open(config::parse(config)?)?;
        self.adapter.replace(Some(adapter));
        Ok(())
    }

    /// Has the adapter do something.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is not open, or the adapter's own.
    pub fn call<T>(&self, call: impl FnOnce(&mut A) -> Result<T, Error>) -> Result<T, Error> {
        let mut adapter = self.adapter.borrow_mut();
        call(adapter.as_mut().ok_or_else(|| Error::Failed("the adapter is not open".to_owned()))?)
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::Blob;
    use crate::testing::blob;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    /// Keeps one blob, in memory.
    struct One(Option<Blob>);

    impl StorageAdapter for One {
        const NAME: &'static str = "one";
        const SUMMARY: &'static str = "Keeps one blob.";
        type Config = Nothing;

        fn open(_: Nothing) -> Result<Self, Error> {
            Ok(Self(None))
        }

        fn put(&mut self, _: &str, value: &Blob) -> Result<(), Error> {
            self.0 = Some(value.clone());
            Ok(())
        }

        fn get(&mut self, _: &str) -> Result<Option<Blob>, Error> {
            Ok(self.0.clone())
        }

        fn remove(&mut self, _: &str) -> Result<(), Error> {
            self.0 = None;
            Ok(())
        }

        fn keys(&mut self, _: &str, _: Option<&str>, _: u32) -> Result<Vec<String>, Error> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn it_is_opened_once_and_used_only_then() {
        let instance = Opened::<One>::default();
        let closed = instance.call(|adapter| adapter.put("a", &blob(b"x")));
        assert!(matches!(closed, Err(Error::Failed(why)) if why.contains("not open")));
        assert!(matches!(instance.open(r#"{"size": 1}"#), Err(Error::InvalidConfig(_))));
        instance.open("").unwrap();
        assert!(matches!(instance.open(""), Err(Error::Failed(why)) if why.contains("once")));
        instance.call(|adapter| adapter.put("a", &blob(b"x"))).unwrap();
        assert_eq!(instance.call(|adapter| adapter.get("a")).unwrap().unwrap().size(), 1);
    }
}
