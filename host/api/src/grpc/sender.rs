//! Who sends a message.
//!
//! Clients of different kinds say it in different places: in the metadata `client`, which Python and Android send with
//! every call, or in the message. The metadata come first: Android leaves the message's id empty.

use fedwit_domain::{ClientId, IdError};
use tonic::metadata::MetadataMap;

use super::proto;

/// The sender of a call.
///
/// # Errors
/// [`IdError`] if what it calls itself is no name.
pub(super) fn sender(metadata: &MetadataMap, told: Option<&proto::Client>) -> Result<ClientId, IdError> {
    let of_call = metadata.get("client").and_then(|value| value.to_str().ok());
    let of_message = told.into_iter().flat_map(|client| [client.client_id.as_str(), client.name.as_str()]);
    let names = of_call.into_iter().chain(of_message);
    names.filter(|name| !name.is_empty()).map(str::parse).next().unwrap_or_else(|| "".parse())
}

/// The sender of a call that says nothing of it in its message.
pub(super) fn caller(metadata: &MetadataMap) -> Option<ClientId> {
    metadata.get("client")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn told(name: &str, client_id: &str) -> proto::Client {
        proto::Client { role: 1, name: name.to_owned(), client_id: client_id.to_owned() }
    }

    #[test]
    fn the_metadata_come_first_and_then_the_id_and_then_the_name() {
        let mut metadata = MetadataMap::new();
        assert_eq!(sender(&metadata, Some(&told("name", "id"))).unwrap().as_str(), "id");
        assert_eq!(sender(&metadata, Some(&told("name", ""))).unwrap().as_str(), "name");
        metadata.insert("client", "call".parse().unwrap());
        assert_eq!(sender(&metadata, Some(&told("name", "id"))).unwrap().as_str(), "call");
        assert_eq!(sender(&metadata, None).unwrap().as_str(), "call");
    }

    #[test]
    fn who_has_no_name_is_nobody() {
        assert!(sender(&MetadataMap::new(), None).is_err());
        assert!(sender(&MetadataMap::new(), Some(&told("a/../b", ""))).is_err());
    }
}
