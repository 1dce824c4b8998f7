//! Where clients are to connect.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use super::Rest;
use super::error::RestError;

/// The host and port that this server has for whoever asks: as configured, or where the request itself went.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name, or an address; of version 6 in brackets, so that a port can follow.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    fn advertised(host: &str, port: u16) -> Self {
        let bare = host.contains(':') && !host.starts_with('[');
        Self { host: if bare { format!("[{host}]") } else { host.to_owned() }, port }
    }

    fn asked(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let told = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let told = told.and_then(|host| host.parse::<Authority>().ok());
        // HTTP/2 has it in the address.
        let host = told.or_else(|| uri.authority().cloned())?;
        Some(Self { host: host.host().to_owned(), port: host.port_u16().unwrap_or(80) })
    }
}

impl FromRequestParts<Rest> for Address {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, RestError> {
        if let Some((host, port)) = &rest.settings.advertise {
            return Ok(Self::advertised(host, *port));
        }
        let asked = Self::asked(&parts.uri, &parts.headers);
        asked.ok_or_else(|| RestError::bad_request("the request does not say which host it is meant for"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn clients_connect_where_they_asked() {
        for (uri, host, expected) in [
            ("/", Some("localhost:8080"), Some(("localhost", 8080))),
            ("/", Some("fed.example"), Some(("fed.example", 80))),
            ("/", Some("[::1]:8080"), Some(("[::1]", 8080))),
            ("http://127.0.0.1:1/", None, Some(("127.0.0.1", 1))),
            ("/", None, None),
            ("/", Some("a b"), None),
        ] {
            let headers = host.map(|host| (header::HOST, host.parse().unwrap())).into_iter().collect();
            let expected = expected.map(|(host, port)| Address { host: host.to_owned(), port });
            assert_eq!(Address::asked(&uri.parse().unwrap(), &headers), expected, "{uri} {host:?}");
        }
    }

    #[test]
    fn a_port_can_follow_an_advertised_address() {
        assert_eq!(Address::advertised("::1", 1).host, "[::1]");
        assert_eq!(Address::advertised("[::1]", 1).host, "[::1]");
        assert_eq!(Address::advertised("fed.example", 1).host, "fed.example");
    }
}
