//! Requests that a web page could forge are refused.
//!
//! A page that a user has open can make the browser send requests to this server, also on loopback. Browsers say with
//! each that could change something where it comes from (`Origin`, `Sec-Fetch-Site`), and to whom they believe to be
//! speaking (`Host`). A foreign origin is refused, and so is a host that is not ours: its name may just now have been
//! pointed to this machine. Programs send no origin, and need nothing else: FEDn's tools, whose forms with files look as
//! any page's would, could send nothing else.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::ApiSettings;
use crate::grpc;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Who this server may be taken for.
#[derive(Clone)]
pub(crate) struct Guard {
    /// In lower case, without ports.
    names: Arc<[String]>,
    /// Whether it may be taken for nobody else.
    closed: bool,
}

impl Guard {
    pub(crate) fn new(settings: &ApiSettings) -> Self {
        let advertised = settings.advertise.iter().map(|(host, _)| host);
        let names = advertised.chain(&settings.allowed_hosts).map(|name| name.to_ascii_lowercase());
        let closed = settings.only_loopback || !settings.allowed_hosts.is_empty();
        Self { names: names.collect(), closed }
    }

    fn refusal(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
        // HTTP/2 has it in the address.
        let host = text(headers, &header::HOST).or_else(|| uri.authority().map(Authority::as_str));
        if self.closed && !host.is_some_and(|host| self.is_own(host)) {
            return Some("the request is meant for another host");
        }
        if headers.contains_key(header::ORIGIN) {
            let from = text(headers, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
            let own = from.zip(host).is_some_and(|((_, from), host)| from.eq_ignore_ascii_case(host));
            if !own {
                return Some("the request comes from a page of another origin");
            }
        }
        match text(headers, &FETCH_SITE) {
            // Following a link changes nothing, and the other page does not see where it leads.
            Some("cross-site" | "same-site") if !is_link(method, headers) => {
                Some("the request comes from a page of another site")
            }
            _ => None,
        }
    }

    fn is_own(&self, host: &str) -> bool {
        let name = without_port(host);
        let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let named = self.names.iter().any(|own| without_brackets(own).eq_ignore_ascii_case(name));
        loopback || name.eq_ignore_ascii_case("localhost") || named
    }
}

/// Lets a request pass, or refuses it.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Some(refusal) = guard.refusal(request.method(), request.uri(), request.headers()) else {
        return next.run(request).await;
    };
    tracing::warn!(uri.path = request.uri().path(), "a request is refused: {refusal}");
    if grpc::is_call(request.headers()) {
        return tonic::Status::permission_denied(refusal).into_http();
    }
    let body = json!({ "success": false, "message": refusal, "code": "REQUEST_FORGEABLE" });
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_link(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && text(headers, &FETCH_MODE) == Some("navigate") && !headers.contains_key(header::ORIGIN)
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => address,
        Some((address, port)) if port.starts_with(':') => address,
        Some(_) => host,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use axum::Router;
    use axum::body::Body;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;

    fn refused(guard: &Guard, method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        guard.refusal(method, &Uri::from_static("/graphql"), &headers.collect::<HeaderMap>()).is_some()
    }

    fn advertised(host: &str) -> Guard {
        Guard::new(&ApiSettings { advertise: Some((host.to_owned(), 1)), ..ApiSettings::default() })
    }

    #[test]
    fn programs_and_own_pages_pass() {
        let guard = advertised("Fed.example");
        for host in ["127.0.0.1:8080", "127.1.2.3", "localhost:1", "LOCALHOST", "[::1]:8080", "fed.example:8080"] {
            assert!(!refused(&guard, &Method::POST, &[("host", host)]), "{host}");
            let page = [("host", host), ("origin", &format!("http://{host}")), ("sec-fetch-site", "same-origin")];
            assert!(!refused(&guard, &Method::POST, &page), "{host}");
        }
        assert!(!refused(&guard, &Method::GET, &[("host", "localhost"), ("sec-fetch-site", "none")]));
        assert!(!refused(&advertised("2001:db8::1"), &Method::POST, &[("host", "[2001:db8::1]:8080")]));
    }

    #[test]
    fn foreign_pages_and_names_do_not() {
        let guard = Guard::new(&ApiSettings::default());
        for headers in [
            &[][..],
            &[("host", "evil.example")],
            &[("host", "127.0.0.1.evil.example")],
            &[("host", "localhost.evil.example")],
            &[("host", "[::1].evil.example]")],
            &[("host", "10.0.0.1:8080")],
            &[("host", "localhost:1"), ("origin", "http://evil.example")],
            &[("host", "localhost:1"), ("origin", "http://localhost:2")],
            &[("host", "localhost:1"), ("origin", "null")],
            &[("host", "localhost:1"), ("origin", "localhost:1")],
            &[("host", "localhost:1"), ("sec-fetch-site", "cross-site")],
            &[("host", "localhost:1"), ("sec-fetch-site", "same-site")],
        ] {
            assert!(refused(&guard, &Method::POST, headers), "{headers:?}");
            assert!(refused(&guard, &Method::GET, headers), "{headers:?}");
        }
    }

    #[test]
    fn an_origin_that_cannot_be_read_is_foreign() {
        let mut headers = HeaderMap::from_iter([(header::HOST, "localhost".parse().unwrap())]);
        headers.insert(header::ORIGIN, axum::http::HeaderValue::from_bytes(b"http://\xff").unwrap());
        let guard = Guard::new(&ApiSettings::default());
        assert!(guard.refusal(&Method::POST, &Uri::from_static("/"), &headers).is_some());
    }

    #[test]
    fn a_link_can_be_followed_and_a_form_cannot_be_sent() {
        let guard = Guard::new(&ApiSettings::default());
        let from_elsewhere =
            [("host", "localhost:1"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert!(!refused(&guard, &Method::GET, &from_elsewhere));
        assert!(refused(&guard, &Method::POST, &from_elsewhere));
        let image = [("host", "localhost:1"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
        assert!(refused(&guard, &Method::GET, &image));
    }

    #[test]
    fn beyond_loopback_any_host_is_ours_unless_some_are_named() {
        let open = ApiSettings { only_loopback: false, ..ApiSettings::default() };
        assert!(!refused(&Guard::new(&open), &Method::POST, &[("host", "10.0.0.1:8080")]));
        let named = Guard::new(&ApiSettings { allowed_hosts: vec!["fed.example".to_owned()], ..open });
        assert!(!refused(&named, &Method::POST, &[("host", "fed.example:8080")]));
        assert!(refused(&named, &Method::POST, &[("host", "10.0.0.1:8080")]));
    }

    #[tokio::test]
    async fn what_is_refused_is_answered_in_the_callers_protocol_and_goes_no_further() {
        let guard = Guard::new(&ApiSettings::default());
        let inner = Router::new().fallback(any(async || "it"));
        let router = inner.layer(axum::middleware::from_fn_with_state(guard, check));
        let ask = async |host: &str, kind: &str| {
            let request = Request::post("/x").header("host", host).header("content-type", kind);
            router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
        };
        assert_eq!(ask("localhost", "application/json").await.status(), StatusCode::OK);
        assert_eq!(ask("evil.example", "application/json").await.status(), StatusCode::FORBIDDEN);
        let call = ask("evil.example", "application/grpc").await;
        assert_eq!((call.status(), &call.headers()["grpc-status"]), (StatusCode::OK, &"7".parse().unwrap()));
    }
}
