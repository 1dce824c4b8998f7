//! GraphQL, REST and gRPC on one port.
//!
//! All three call the same functions of `fedwit-federation` and read the same records; no rule of federation is here.
//! GraphQL is what users work with; REST has the shapes that FEDn's tools expect, and gRPC is what its clients speak.

pub mod graphql;
mod grpc;
mod guard;
mod rest;

use axum::Router;
use fedwit_federation::Federation;
use tower_http::catch_panic::CatchPanicLayer;

/// How the APIs present themselves.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The host and port that clients are told to connect to; those that they asked under if there are none.
    pub advertise: Option<(String, u16)>,
    /// How long clients may be gone in sessions that do not say.
    pub reconnect_grace: std::time::Duration,
    /// Whether all addresses that are listened on are this machine's own, so that no other name is asked for.
    pub only_loopback: bool,
    /// Further names that this server is asked for by, without ports. Where there are any, it is asked for by no other
    /// than these, the advertised one and this machine's own.
    pub allowed_hosts: Vec<String>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            advertise: None,
            reconnect_grace: std::time::Duration::from_secs(60),
            only_loopback: true,
            allowed_hosts: Vec::new(),
        }
    }
}

/// All routes of a server.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn router(federation: Federation, settings: ApiSettings) -> Router {
    let guard = guard::Guard::new(&settings);
    grpc::routes(&federation)
        .merge(graphql::routes(federation.clone()))
        .fallback_service(rest::service(federation, settings))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn_with_state(guard, guard::check))
}
