//! Requests that a web page could forge are refused.
//!
//! A page that a user has open can make the browser send requests to this server, also on loopback. Browsers say with
//! each that could change something where it comes from (`Origin`), and to whom they believe to be speaking (`Host`). A
//! foreign origin is refused, and so is a host that is not ours: its name may just now have been pointed to this machine.
//! Programs, such as FEDn's clients, send no origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ApiSettings;

/// Who this server may be taken for.
#[derive(Clone)]
pub(crate) struct Guard {
    advertised: Option<Arc<str>>,
    only_loopback: bool,
}

impl Guard {
    pub(crate) fn new(settings: &ApiSettings) -> Self {
        let advertised = settings.advertise.as_ref().map(|(host, _)| host.to_ascii_lowercase().into());
        Self { advertised, only_loopback: settings.only_loopback }
    }

    fn refusal(&self, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
        let told = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // HTTP/2 has it in the address.
        let host = told.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
        if self.only_loopback && !host.is_some_and(|host| self.is_own(host)) {
            return Some("the request is meant for another host");
        }
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        let own = |origin: &str| {
            let named = origin.split_once("://").map(|(_, rest)| rest);
            named.is_some_and(|named| host.is_some_and(|host| named.eq_ignore_ascii_case(host)))
        };
        match origin {
            Some(origin) if !own(origin) => Some("the request comes from a page of another origin"),
            _ => match headers.get("sec-fetch-site").map(axum::http::HeaderValue::as_bytes) {
                Some(b"cross-site" | b"same-site") => Some("the request comes from a page of another site"),
                _ => None,
            },
        }
    }

    fn is_own(&self, host: &str) -> bool {
        let name = without_port(host);
        let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        loopback
            || name.eq_ignore_ascii_case("localhost")
            || self.advertised.as_ref().is_some_and(|advertised| advertised.eq_ignore_ascii_case(name))
    }
}

/// Lets a request pass, or refuses it.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refusal(request.uri(), request.headers()) {
        None => next.run(request).await,
        Some(refusal) => {
            tracing::warn!(uri = %request.uri().path(), "refused: {refusal}");
            (StatusCode::FORBIDDEN, refusal).into_response()
        }
    }
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn refused(guard: &Guard, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        guard.refusal(&Uri::from_static("/graphql"), &headers.collect::<HeaderMap>()).is_some()
    }

    #[test]
    fn programs_and_own_pages_pass() {
        let guard =
            Guard::new(&ApiSettings { advertise: Some(("fed.example".to_owned(), 1)), ..ApiSettings::default() });
        for host in ["127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "fed.example:8080"] {
            assert!(!refused(&guard, &[("host", host)]), "{host}");
            assert!(!refused(&guard, &[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
        }
        assert!(!refused(&guard, &[("host", "localhost"), ("sec-fetch-site", "none")]));
    }

    #[test]
    fn foreign_pages_and_names_do_not() {
        let guard = Guard::new(&ApiSettings::default());
        for headers in [
            &[][..],
            &[("host", "evil.example")],
            &[("host", "127.0.0.1.evil.example")],
            &[("host", "localhost:1"), ("origin", "http://evil.example")],
            &[("host", "localhost:1"), ("origin", "http://localhost:2")],
            &[("host", "localhost:1"), ("origin", "null")],
            &[("host", "localhost:1"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(refused(&guard, headers), "{headers:?}");
        }
    }
}
