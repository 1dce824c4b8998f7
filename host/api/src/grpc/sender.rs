//! Who sends a message.
//!
//! Clients of different kinds say it in different places. The id in the message is what FEDn goes by, so it comes first.
//! Android leaves it empty in updates, and Python in predictions; both send the id as `client` in the metadata of every
//! call. The C++ client does so in one call only, and says its name there, which is why the metadata cannot come first.

use fedwit_domain::{ClientId, IdError};
use tonic::metadata::MetadataMap;

use super::proto;

/// The sender of a call.
///
/// # Errors
/// [`IdError`] if what it calls itself is no name.
pub(super) fn sender(metadata: &MetadataMap, told: Option<&proto::Client>) -> Result<ClientId, IdError> {
    let (id, name) = told.map_or(("", ""), |client| (client.client_id.as_str(), client.name.as_str()));
    let of_call = metadata.get("client").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = [id, of_call, name].into_iter().find(|text| !text.is_empty());
    told.unwrap_or_default().parse()
}

/// The sender of a call that says nothing of it in its message.
pub(super) fn caller(metadata: &MetadataMap) -> Option<ClientId> {
    metadata.get("client")?.to_str().ok()?.parse().ok()
}

/// The combiner that a call names as the one that it is for. Clients say here what they were told to connect to, which is
/// the name of a combiner only where somebody has made it so.
pub(super) fn addressed(metadata: &MetadataMap) -> Option<&str> {
    metadata.get("grpc-server")?.to_str().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn told(name: &str, client_id: &str) -> proto::Client {
        proto::Client { role: 1, name: name.to_owned(), client_id: client_id.to_owned() }
    }

    #[test]
    fn the_messages_id_comes_first_and_then_the_metadata_and_then_the_name() {
        let mut metadata = MetadataMap::new();
        assert_eq!(sender(&metadata, Some(&told("name", "id"))).unwrap().as_str(), "id");
        assert_eq!(sender(&metadata, Some(&told("name", ""))).unwrap().as_str(), "name");
        metadata.insert("client", "call".parse().unwrap());
        assert_eq!(sender(&metadata, Some(&told("name", "id"))).unwrap().as_str(), "id");
        assert_eq!(sender(&metadata, Some(&told("name", ""))).unwrap().as_str(), "call");
        assert_eq!(sender(&metadata, None).unwrap().as_str(), "call");
    }

    #[test]
    fn who_has_no_name_is_nobody() {
        assert!(sender(&MetadataMap::new(), None).is_err());
        assert!(sender(&MetadataMap::new(), Some(&told("a/../b", ""))).is_err());
    }
}
