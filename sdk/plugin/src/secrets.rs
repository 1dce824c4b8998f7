//! What the operator has entrusted to the plugin: keys, passwords, tokens.

use crate::Error;

#[cfg(target_arch = "wasm32")]
use crate::bindings::fedwit::plugin::secrets as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::double::secrets as host;

/// The secret of this name.
///
/// # Errors
/// [`Error::Failed`] unless the plugin has declared it as a [`Permission::Secret`](crate::Permission::Secret) and the
/// operator has granted it.
pub fn get(name: &str) -> Result<Vec<u8>, Error> {
    host::get(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::grant_secret;

    #[test]
    fn a_secret_is_there_if_it_was_granted() {
        assert!(matches!(get("key"), Err(Error::Failed(why)) if why.contains("`key`")));
        grant_secret("key", b"xyz");
        assert_eq!(get("key").unwrap(), b"xyz");
        assert!(get("other").is_err());
    }
}
