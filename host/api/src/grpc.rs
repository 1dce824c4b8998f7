//! gRPC, for FEDn's clients.
//!
//! These clients live or die by status codes: any error but UNAVAILABLE, CANCELLED and "Stream removed" ends the
//! Python client, and so does a stream of tasks that ends well. So what is wrong with a message is said in the text of
//! an OK answer, and errors are for what the client should try again.
//!
//! FEDn's controller calls (`fedn.Control`) are not offered: what they do is in GraphQL and REST.

mod combiner;
mod connector;
mod download;
mod models;
mod sender;
mod tasks;
mod upload;

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use fedwit_domain::{CombinerName, Timestamp};
use fedwit_federation::{ErrorKind, Federation, FederationError};
use prost_types::Timestamp as ProtoTimestamp;
use tonic::service::Routes;
use tonic::{Response, Status};
use tower_http::catch_panic::CatchPanicLayer;

use self::combiner::CombinerService;
use self::connector::ConnectorService;
use self::models::ModelsService;
/// What is generated from `fedn.proto`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]
pub mod proto {
    tonic::include_proto!("fedn");
}

use proto::combiner_server::CombinerServer;
use proto::connector_server::ConnectorServer;
use proto::model_service_server::ModelServiceServer;

/// The largest message that is taken. Clients cut models into pieces of 1 MiB.
const MAX_MESSAGE: usize = 4 << 20;
/// Times of clients that are kept: until the end of the year 9999, which everything that shows a date can show.
const LATEST: Timestamp = Timestamp(253_402_300_799_999);

/// FEDn's services, and the standard one for health.
pub(crate) fn routes(federation: &Federation) -> Router {
    let combiner = CombinerService::new(federation.clone());
    let connector = ConnectorService::new(federation.clone());
    let models = ModelsService::new(federation.clone());
    let (reporter, health) = tonic_health::server::health_reporter();
    tokio::spawn(report_health(reporter, federation.clone()));
    Routes::new(CombinerServer::new(combiner).max_decoding_message_size(MAX_MESSAGE))
        .add_service(ConnectorServer::new(connector).max_decoding_message_size(MAX_MESSAGE))
        .add_service(ModelServiceServer::new(models).max_decoding_message_size(MAX_MESSAGE))
        .add_service(health)
        .prepare()
        .into_axum_router()
        // What is no call is not for us to answer.
        .reset_fallback()
        .layer(CatchPanicLayer::custom(broken))
}

/// Whether a request is a call, of whatever service.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The answer to a call of a service that is not offered.
pub(crate) fn unoffered() -> axum::response::Response {
    Status::unimplemented("this service is not offered").into_http()
}

/// The answer to a call in which the server broke. Any other code would end the client.
fn broken(panic: Box<dyn Any + Send>) -> axum::http::Response<Body> {
    let text = panic.downcast::<String>().map_or_else(
        |panic| panic.downcast::<&str>().map_or("it does not say why".to_owned(), |text| (*text).to_owned()),
        |text| *text,
    );
    tracing::error!("a call broke: {text}");
    Status::unavailable("the server failed").into_http()
}

/// Serving until the server goes down.
async fn report_health(reporter: tonic_health::server::HealthReporter, federation: Federation) {
    reporter.set_serving::<CombinerServer<CombinerService>>().await;
    reporter.set_serving::<ConnectorServer<ConnectorService>>().await;
    reporter.set_serving::<ModelServiceServer<ModelsService>>().await;
    federation.draining().cancelled().await;
    for service in ["", "fedn.Combiner", "fedn.Connector", "fedn.ModelService"] {
        reporter.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
    }
}

/// What a client is to try again, and what the server is to blame for. Both keep it alive.
fn unavailable(error: &FederationError) -> Status {
    if error.kind() == ErrorKind::Internal {
        tracing::error!(%error, "a call failed: {error}");
        return Status::unavailable("the server failed");
    }
    Status::unavailable(error.to_string())
}

/// An answer in words, by a combiner.
fn answer(combiner: &CombinerName, text: impl Into<String>) -> Response<proto::Response> {
    let sender =
        proto::Client { role: proto::Role::Combiner.into(), name: combiner.to_string(), client_id: String::new() };
    Response::new(proto::Response { sender: Some(sender), response: text.into() })
}

/// When a message was sent, if it says so, and else now. What a client's clock says is shown, and decides nothing.
fn sent_at(told: Option<&ProtoTimestamp>, now: Timestamp) -> Timestamp {
    let told = told.and_then(|time| {
        let seconds = u64::try_from(time.seconds).ok()?;
        let milliseconds = u64::try_from(time.nanos).ok()? / 1_000_000;
        seconds.checked_mul(1000)?.checked_add(milliseconds).map(Timestamp)
    });
    told.filter(|told| *told <= LATEST).unwrap_or(now)
}

/// A text that is kept, cut to a length in bytes.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_clock_is_believed_within_reason() {
        let at = |seconds, nanos| sent_at(Some(&ProtoTimestamp { seconds, nanos }), Timestamp(7));
        assert_eq!(at(1, 999_999_999), Timestamp(1999));
        assert_eq!(at(253_402_300_799, 0), Timestamp(253_402_300_799_000));
        for (seconds, nanos) in [(253_402_300_800, 0), (i64::MAX, 0), (i64::MAX, i32::MAX), (-1, 0), (1, -1)] {
            assert_eq!(at(seconds, nanos), Timestamp(7), "{seconds}.{nanos}");
        }
        assert_eq!(sent_at(None, Timestamp(7)), Timestamp(7));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!((cut("aä", 2), cut("aä", 3), cut("", 5)), ("a".to_owned(), "aä".to_owned(), String::new()));
    }

    #[test]
    fn a_call_is_told_by_its_content_type() {
        let of = |kind: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().expect("a value"))]);
        assert!(is_call(&of("application/grpc")) && is_call(&of("application/grpc+proto")));
        assert!(!is_call(&of("application/json")) && !is_call(&HeaderMap::new()));
        assert_eq!(unoffered().headers()["grpc-status"], "12");
    }
}
