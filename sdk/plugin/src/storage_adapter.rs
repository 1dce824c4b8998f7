//! What a storage adapter implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{Blob, Error, Permission};

/// Stands between the server and its store: says where and how blobs lie.
///
/// ```
/// use fedwit_plugin::storage_adapter::StorageAdapter;
/// use fedwit_plugin::{Blob, Error, Permission, store};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// There is nothing to choose.
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {}
///
/// /// Keeps every blob in a corner of the store.
/// struct Corner;
///
/// const CORNER: &str = "corner/";
///
/// impl StorageAdapter for Corner {
///     const NAME: &'static str = "corner";
///     const SUMMARY: &'static str = "Keeps every blob in a corner of the store.";
///     type Config = Config;
///
///     fn permissions() -> Vec<Permission> {
///         vec![Permission::StoragePrefix(CORNER.to_owned())]
///     }
///
///     fn open(_: Config) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn put(&mut self, key: &str, value: &Blob) -> Result<(), Error> {
///         store::put(&format!("{CORNER}{key}"), value)
///     }
///
///     fn get(&mut self, key: &str) -> Result<Option<Blob>, Error> {
///         store::get(&format!("{CORNER}{key}"))
///     }
///
///     fn remove(&mut self, key: &str) -> Result<(), Error> {
///         store::remove(&format!("{CORNER}{key}"))
///     }
///
///     fn keys(&mut self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error> {
///         store::keys_under(CORNER, prefix, after, most)
///     }
/// }
///
/// fedwit_plugin::export!(Corner: StorageAdapter);
///
/// // A test of it, which needs no WebAssembly.
/// # #[cfg(not(target_arch = "wasm32"))] {
/// use fedwit_plugin::testing::{blob, bytes, grant};
///
/// grant(&Corner::permissions());
/// let mut corner = Corner::open(Config {})?;
/// corner.put("models/1", &blob(b"weights"))?;
/// assert_eq!(corner.keys("models/", None, 10)?, ["models/1"]);
/// let kept = corner.get("models/1")?.ok_or_else(|| Error::Failed("it is gone".to_owned()))?;
/// assert_eq!(bytes(&kept), b"weights");
/// # }
/// # Ok::<(), Error>(())
/// ```
pub trait StorageAdapter: Sized {
    /// Lower case, digits and hyphens; what the server is configured with to choose this adapter.
    const NAME: &'static str;
    /// One sentence, for people who choose among plugins.
    const SUMMARY: &'static str;
    /// The parameters; see [`Aggregator::Config`](crate::Aggregator::Config).
    type Config: DeserializeOwned + JsonSchema;

    /// What the operator must grant: at least a [`Permission::StoragePrefix`], or there is nowhere to keep anything.
    #[must_use]
    fn permissions() -> Vec<Permission> {
        Vec::new()
    }

    /// Takes a configuration. One adapter serves many calls, one at a time, and may be dropped and opened again at any
    /// moment: what must last belongs into the [`store`](crate::store).
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the key and what is allowed; see [`crate::config`].
    fn open(config: Self::Config) -> Result<Self, Error>;

    /// Keeps a blob under `key`, in place of what was there. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::Failed`]; what was there is there still.
    fn put(&mut self, key: &str, value: &Blob) -> Result<(), Error>;

    /// The blob under `key`; none if there is none.
    ///
    /// # Errors
    /// [`Error::Failed`], also for a blob that is not what was put.
    fn get(&mut self, key: &str) -> Result<Option<Blob>, Error>;

    /// Lets go of what is kept under `key`. No error if there is nothing.
    ///
    /// # Errors
    /// [`Error::Failed`].
    fn remove(&mut self, key: &str) -> Result<(), Error>;

    /// At most `most` of the keys that begin with `prefix`, in the order of their bytes, beginning after key `after`.
    /// Fewer are allowed, but none says that there are no more.
    ///
    /// # Errors
    /// [`Error::Failed`].
    fn keys(&mut self, prefix: &str, after: Option<&str>, most: u32) -> Result<Vec<String>, Error>;
}
