//! Refuses what a page of another site could have a browser send.
//!
//! A browser sends what a form can send to any server, without asking it first. It asks first where the request has a
//! content type or a header that no form has, and this server never agrees. A WebSocket is opened without asking, but
//! with the page's origin.

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};

/// Headers that say that somebody's own program asks. One is enough, whatever is in it.
const OWN: [HeaderName; 2] =
    [HeaderName::from_static("x-fedwit"), HeaderName::from_static("graphql-require-preflight")];

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Queries as JSON.
    Json,
    /// A query with files.
    Multipart,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forgeable {
    /// It is of a type that a form can have, or that is not known.
    Type,
    /// It is a form.
    Form,
    /// It is from a page of another site.
    Origin,
}

impl Forgeable {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Form | Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Type => "CONTENT_TYPE",
            Self::Form | Self::Origin => "REQUEST_FORGEABLE",
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Type => "a query is sent with the content type application/json, or multipart/form-data with files",
            Self::Form => {
                "a query with files needs the header x-fedwit or graphql-require-preflight, with anything in it"
            }
            Self::Origin => "a page of another site cannot open this connection",
        }
    }
}

/// What a POST brings, if no form of another site can have sent it.
pub(super) fn content(headers: &HeaderMap) -> Result<Content, Forgeable> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split_once(';').map_or(content_type, |(essence, _)| essence).trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(Content::Json)
    } else if !essence.eq_ignore_ascii_case("multipart/form-data") {
        Err(Forgeable::Type)
    } else if OWN.iter().any(|own| headers.contains_key(own)) {
        Ok(Content::Multipart)
    } else {
        Err(Forgeable::Form)
    }
}

/// Refuses a connection that a page of another site opens. Programs that are no browsers name no origin.
pub(super) fn origin(headers: &HeaderMap, uri: &Uri) -> Result<(), Forgeable> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let host = headers.get(HOST).and_then(text).or_else(|| uri.authority().map(Authority::as_str));
    let from = text(origin).and_then(|origin| origin.split_once("://")).map(|(_, from)| from);
    match from.zip(host) {
        Some((from, host)) if !host.is_empty() && from.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Forgeable::Origin),
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_a_form_can_send_is_refused() {
        for form in ["application/x-www-form-urlencoded", "text/plain", "text/plain; application/json", ""] {
            assert_eq!(content(&headers(&[("content-type", form)])), Err(Forgeable::Type), "{form}");
        }
        assert_eq!(content(&headers(&[])), Err(Forgeable::Type));
        assert_eq!(content(&headers(&[("content-type", "multipart/form-data; boundary=x")])), Err(Forgeable::Form));
    }

    #[test]
    fn what_a_program_sends_is_taken() {
        for json in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
            assert_eq!(content(&headers(&[("content-type", json)])), Ok(Content::Json), "{json}");
        }
        for own in ["x-fedwit", "graphql-require-preflight"] {
            let headers = headers(&[("content-type", "multipart/form-data; boundary=x"), (own, "")]);
            assert_eq!(content(&headers), Ok(Content::Multipart), "{own}");
        }
    }

    #[test]
    fn a_socket_is_opened_by_our_own_page_or_by_no_page() {
        let uri = Uri::from_static("/graphql/ws");
        let check = |pairs: &[_]| origin(&headers(pairs), &uri);
        assert_eq!(check(&[("host", "localhost:8080")]), Ok(()));
        assert_eq!(check(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")]), Ok(()));
        assert_eq!(check(&[("host", "fed.example"), ("origin", "https://FED.example")]), Ok(()));
        for other in ["http://localhost:8081", "http://evil.example", "null", "", "localhost:8080", "http://"] {
            let other = headers(&[("host", "localhost:8080"), ("origin", other)]);
            assert_eq!(origin(&other, &uri), Err(Forgeable::Origin), "{other:?}");
        }
        assert_eq!(check(&[("origin", "http://localhost:8080")]), Err(Forgeable::Origin));
        assert_eq!(check(&[("host", ""), ("origin", "http://")]), Err(Forgeable::Origin));
        let absolute = Uri::from_static("http://localhost:8080/graphql/ws");
        assert_eq!(origin(&headers(&[("origin", "http://localhost:8080")]), &absolute), Ok(()));
    }
}
