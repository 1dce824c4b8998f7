//! `clients/add`: a client registers, and is told where to connect.
//!
//! Clients of different kinds want different answers to it. For all but Android's a `fqdn` means TLS on port 443;
//! Android's connects to it, and takes no key that it does not know.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use fedwit_domain::ClientId;
use fedwit_federation::{ClientPackage, Registration, RegistrationOutcome};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Rest;
use super::address::Address;
use super::error::{RestError, RestResult};
use super::json::Body;

/// What clients send. They say null for what they do not know.
#[derive(Debug, Deserialize)]
pub(super) struct Add {
    name: Option<String>,
    client_id: Option<String>,
    /// What clients send, and FEDn overlooks.
    preferred_combiner: Option<String>,
    /// What FEDn reads.
    combiner_preferred: Option<String>,
    package: Option<String>,
}

impl Add {
    fn registration(self, ip: Option<String>) -> RestResult<Registration> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let id = given(self.client_id).map(|id| id.parse::<ClientId>()).transpose()?;
        let package = match self.package.as_deref() {
            // Android brings its own code, and says nothing of it.
            None | Some("local") => ClientPackage::Local,
            Some("remote" | "") => ClientPackage::Remote,
            Some(other) => {
                return Err(RestError::bad_request(format!("package {other:.80?} is neither remote nor local")));
            }
        };
        Ok(Registration {
            id,
            name: given(self.name).unwrap_or_default(),
            package,
            combiner_preferred: given(self.combiner_preferred).or(given(self.preferred_combiner)),
            ip,
        })
    }
}

/// Registers a client. Where it wants the server's code and there is none yet, it is told to ask again.
pub(super) async fn add(
    State(rest): State<Rest>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    address: Address,
    headers: HeaderMap,
    Body(add): Body<Add>,
) -> RestResult<Response> {
    let android = is_android(&headers, &add);
    let registration = add.registration(peer.map(|Extension(ConnectInfo(peer))| peer.ip().to_string()))?;
    let package = registration.package;
    match rest.federation.register_client(registration).await? {
        RegistrationOutcome::Assigned { id, format, .. } => {
            // One that brings its code knows what its models look like.
            let helper = if package == ClientPackage::Remote { format.helper() } else { "" };
            Ok(Json(assigned(&id, &address, package, helper, android)).into_response())
        }
        RegistrationOutcome::NoPackage => {
            let message = "No compute package found. Set package in controller.";
            let retry = json!({ "success": false, "status": "retry", "message": message });
            Ok((StatusCode::NON_AUTHORITATIVE_INFORMATION, Json(retry)).into_response())
        }
    }
}

/// Whether Android's client asks. It names no package, and comes over Kotlin's library for HTTP.
fn is_android(headers: &HeaderMap, add: &Add) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    agent.contains("ktor") || (add.package.is_none() && !agent.contains("python"))
}

/// Exactly these keys: with another, Android's client does not connect. All combiners are reached under one address, so
/// that none of it says which one the client belongs to; the client's own object does.
fn assigned(id: &ClientId, address: &Address, package: ClientPackage, helper: &str, android: bool) -> Value {
    json!({
        "status": "assigned",
        "host": address.host,
        "fqdn": android.then_some(&address.host),
        "ip": "",
        "port": address.port,
        "helper_type": helper,
        "package": package.name(),
        "client_id": id,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn read(body: Value) -> Add {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_python_client_is_not_sent_to_port_443() {
        let add = read(json!({"name": "n", "client_id": "c", "preferred_combiner": "", "package": "remote"}));
        assert!(!is_android(&HeaderMap::new(), &add));
        let registration = add.registration(None).unwrap();
        assert_eq!((registration.package, registration.combiner_preferred), (ClientPackage::Remote, None));
        let address = Address { host: "localhost".to_owned(), port: 8080 };
        let answer = assigned(&"c".parse().unwrap(), &address, ClientPackage::Remote, "numpyhelper", false);
        let expected = json!({
            "status": "assigned", "host": "localhost", "fqdn": null, "ip": "", "port": 8080,
            "helper_type": "numpyhelper", "package": "remote", "client_id": "c",
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn androids_client_gets_a_host_in_every_place() {
        let add = read(json!({"client_id": "c", "preferred_combiner": null, "name": "n"}));
        assert!(is_android(&HeaderMap::new(), &add));
        let python = HeaderMap::from_iter([(header::USER_AGENT, "python-requests/2.32".parse().unwrap())]);
        assert!(!is_android(&python, &add));
        let ktor = HeaderMap::from_iter([(header::USER_AGENT, "ktor-client".parse().unwrap())]);
        assert!(is_android(&ktor, &read(json!({"package": "local"}))));
        let address = Address { host: "10.0.2.2".to_owned(), port: 8080 };
        let answer = assigned(&"c".parse().unwrap(), &address, ClientPackage::Local, "", true);
        assert_eq!((&answer["fqdn"], &answer["host"]), (&json!("10.0.2.2"), &json!("10.0.2.2")));
        assert_eq!(answer.as_object().unwrap().len(), 8);
    }

    #[test]
    fn either_preference_counts_and_a_bad_id_is_refused() {
        let add = read(json!({"preferred_combiner": "a", "combiner_preferred": "b"}));
        assert_eq!(add.registration(None).unwrap().combiner_preferred.as_deref(), Some("b"));
        assert_eq!(
            read(json!({"preferred_combiner": "a"})).registration(None).unwrap().combiner_preferred.unwrap(),
            "a"
        );
        for bad in [json!({"client_id": "../c"}), json!({"package": "both"})] {
            assert_eq!(read(bad).registration(None).unwrap_err().told().0, 400);
        }
    }
}
