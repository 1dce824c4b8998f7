//! How registries ask who comes: user name and password, or a token of a service of theirs.

use http_auth::parser::ChallengeParser;
use reqwest::Url;
use serde_json::Value;

use super::session::Access;

/// The most bytes of a token service's answer.
pub(super) const LONGEST: usize = 256 << 10;

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// What a header `WWW-Authenticate` asks for: the first that can be answered.
pub(super) fn challenge(header: &str) -> Option<Challenge> {
    ChallengeParser::new(header).filter_map(Result::ok).find_map(|challenge| {
        let named = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        let realm = named("realm").filter(|_| challenge.scheme.eq_ignore_ascii_case("bearer"))?;
        Some(Challenge::Bearer { realm, service: named("service") })
    })
}

/// What a token service is asked: for this repository, and for no more than is wanted, whatever the registry says.
pub(super) fn question(mut realm: Url, service: Option<&str>, repository: &str, access: Access) -> Url {
    let actions = match access {
        Access::Pull => "pull",
        Access::Push => "pull,push",
    };
    let mut query = realm.query_pairs_mut();
    if let Some(service) = service {
        query.append_pair("service", service);
    }
    query.append_pair("scope", &format!("repository:{repository}:{actions}"));
    drop(query);
    realm
}

/// The token of an answer.
pub(super) fn token(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = answer["token"].as_str().or_else(|| answer["access_token"].as_str())?;
    // It becomes a header.
    let plain = |byte: u8| byte.is_ascii_graphic();
    (!token.is_empty() && token.bytes().all(plain)).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn what_registries_ask_for_is_understood() {
        let bearer = r#"Bearer realm="https://auth.example/token",service="r, \"x\"",scope="repository:x:pull""#;
        let service = Some(r#"r, "x""#.to_owned());
        assert_eq!(
            challenge(bearer),
            Some(Challenge::Bearer { realm: "https://auth.example/token".to_owned(), service })
        );
        assert_eq!(challenge(r#"Basic realm="basic-realm""#), Some(Challenge::Basic));
        assert_eq!(challenge(r#"Negotiate, basic realm="x""#), Some(Challenge::Basic));
        for none in ["", "Negotiate", "Bearer service=\"x\"", "=,;"] {
            assert_eq!(challenge(none), None, "{none}");
        }
    }

    #[test]
    fn a_token_is_asked_for_one_repository() {
        let ask = |access| {
            let realm = "https://auth.example/token?account=x".parse().unwrap();
            question(realm, Some("a b"), "o/x", access).to_string()
        };
        let pull = "https://auth.example/token?account=x&service=a+b&scope=repository%3Ao%2Fx%3Apull";
        assert_eq!(ask(Access::Pull), pull);
        assert_eq!(ask(Access::Push), format!("{pull}%2Cpush"));
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(token(br#"{"token": "abc"}"#).as_deref(), Some("abc"));
        assert_eq!(token(br#"{"access_token": "a.b-c", "expires_in": 60}"#).as_deref(), Some("a.b-c"));
        for none in [&b"{}"[..], b"x", br#"{"token": ""}"#, b"{\"token\": \"a\\r\\nx: y\"}", br#"{"token": 7}"#] {
            assert_eq!(token(none), None);
        }
    }
}
