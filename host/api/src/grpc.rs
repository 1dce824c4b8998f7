//! gRPC, for FEDn's clients.
//!
//! These clients live or die by status codes: any error but UNAVAILABLE, CANCELLED and "Stream removed" ends the
//! Python client, and so does a stream of tasks that ends well. So what is wrong with a message is said in the text of
//! an OK answer, and errors are for what the client should try again.
//!
//! FEDn's controller calls (`fedn.Control`) are not offered: what they do is in GraphQL and REST.

mod combiner;
mod connector;
mod models;
mod sender;
mod tasks;

use axum::Router;
use fedwit_federation::{ErrorKind, Federation, FederationError};
use prost_types::Timestamp as ProtoTimestamp;
use tonic::service::Routes;
use tonic::{Response, Status};

use self::combiner::CombinerService;
use self::connector::ConnectorService;
use self::models::ModelsService;
use crate::ApiSettings;

/// What is generated from `fedn.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub mod proto {
    tonic::include_proto!("fedn");
}

use proto::combiner_server::CombinerServer;
use proto::connector_server::ConnectorServer;
use proto::model_service_server::ModelServiceServer;

/// The largest message that is taken. Clients cut models into pieces of 1 MiB.
const MAX_MESSAGE: usize = 4 << 20;

/// FEDn's services, and the standard one for health.
pub(crate) fn routes(federation: &Federation, settings: &ApiSettings) -> Router {
    let name = &settings.combiner_name;
    let combiner = CombinerService::new(federation.clone(), name.clone());
    let connector = ConnectorService::new(federation.clone(), name.clone());
    let models = ModelsService::new(federation.clone());
    let (reporter, health) = tonic_health::server::health_reporter();
    tokio::spawn(report_health(reporter, federation.clone()));
    Routes::new(CombinerServer::new(combiner).max_decoding_message_size(MAX_MESSAGE))
        .add_service(ConnectorServer::new(connector).max_decoding_message_size(MAX_MESSAGE))
        .add_service(ModelServiceServer::new(models).max_decoding_message_size(MAX_MESSAGE))
        .add_service(health)
        .prepare()
        .into_axum_router()
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

/// An answer in words.
fn answer(combiner: &str, text: impl Into<String>) -> Response<proto::Response> {
    let sender =
        proto::Client { role: proto::Role::Combiner.into(), name: combiner.to_owned(), client_id: String::new() };
    Response::new(proto::Response { sender: Some(sender), response: text.into() })
}

/// When a message was sent, if it says so, and else now. What a client's clock says is shown, and decides nothing.
fn sent_at(told: Option<&ProtoTimestamp>, federation: &Federation) -> fedwit_domain::Timestamp {
    let told = told.and_then(|time| {
        let seconds = u64::try_from(time.seconds).ok()?;
        let milliseconds = u64::try_from(time.nanos).ok()? / 1_000_000;
        seconds.checked_mul(1000)?.checked_add(milliseconds)
    });
    told.map_or_else(|| federation.now(), fedwit_domain::Timestamp)
}

/// A text that is kept, cut to a length in bytes.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}
