//! `fedn.Connector`: presence, and what clients say of what they are doing.

use std::pin::Pin;

use fedwit_federation::Federation;
use fedwit_store::NewStatus;
use futures_util::Stream;
use tonic::{Request, Response, Status};

use super::proto::connector_server::Connector;
use super::{answer, cut, proto, sent_at};
use crate::grpc::sender::sender;

/// The longest text of a status that is kept, in bytes.
const MAX_TEXT: usize = 4 << 10;

pub(super) struct ConnectorService {
    federation: Federation,
}

impl ConnectorService {
    pub(super) fn new(federation: Federation) -> Self {
        Self { federation }
    }
}

#[tonic::async_trait]
impl Connector for ConnectorService {
    type AllianceStatusStreamStream = Pin<Box<dyn Stream<Item = Result<proto::Status, Status>> + Send>>;

    /// No client reads it.
    async fn alliance_status_stream(
        &self,
        _: Request<proto::ClientAvailableMessage>,
    ) -> Result<Response<Self::AllianceStatusStreamStream>, Status> {
        Err(Status::unimplemented("subscribe to a session's events in GraphQL"))
    }

    async fn send_status(&self, request: Request<proto::Status>) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = match sender(&metadata, message.sender.as_ref()) {
            Ok(client) => client,
            Err(error) => return Ok(answer(self.federation.first_combiner(), error.to_string())),
        };
        let combiner = self.federation.responsible_combiner(&client).clone();
        let (level, kind) = (message.log_level(), message.r#type());
        let name = message.sender.as_ref().map(|sender| cut(&sender.name, 256)).unwrap_or_default();
        self.federation.store().note_status(NewStatus {
            client,
            name,
            status: cut(&message.status, MAX_TEXT),
            level: level.as_str_name().to_owned(),
            kind: kind.as_str_name().to_owned(),
            data: cut(&message.data, MAX_TEXT),
            correlation: cut(&message.correlation_id, 256),
            session: message.session_id.parse().ok(),
            extra: cut(&message.extra, MAX_TEXT),
            at: sent_at(message.timestamp.as_ref(), self.federation.now()),
        });
        Ok(answer(&combiner, "Status received."))
    }

    async fn list_active_clients(
        &self,
        _: Request<proto::ListClientsRequest>,
    ) -> Result<Response<proto::ClientList>, Status> {
        let client = |id: fedwit_domain::ClientId| proto::Client {
            role: proto::Role::Client.into(),
            name: id.to_string(),
            client_id: id.to_string(),
        };
        Ok(Response::new(proto::ClientList { client: self.federation.online().into_iter().map(client).collect() }))
    }

    async fn accepting_clients(
        &self,
        _: Request<proto::ConnectionRequest>,
    ) -> Result<Response<proto::ConnectionResponse>, Status> {
        let status = match self.federation.ready() {
            Ok(()) => proto::ConnectionStatus::Accepting,
            Err(_) => proto::ConnectionStatus::TryAgainLater,
        };
        Ok(Response::new(proto::ConnectionResponse { status: status.into() }))
    }

    async fn send_heartbeat(&self, request: Request<proto::Heartbeat>) -> Result<Response<proto::Response>, Status> {
        match sender(request.metadata(), request.get_ref().sender.as_ref()) {
            Ok(client) => {
                self.federation.heartbeat(&client);
                Ok(answer(self.federation.responsible_combiner(&client), "Heartbeat received"))
            }
            Err(error) => Ok(answer(self.federation.first_combiner(), error.to_string())),
        }
    }

    async fn reassign_client(&self, _: Request<proto::ReassignRequest>) -> Result<Response<proto::Response>, Status> {
        Err(Status::unimplemented("clients are placed when they register"))
    }

    async fn reconnect_client(&self, _: Request<proto::ReconnectRequest>) -> Result<Response<proto::Response>, Status> {
        Err(Status::unimplemented("clients are placed when they register"))
    }
}
