//! `fedn.ModelService`: files of models, in pieces.

use std::pin::Pin;

use bytes::Bytes;
use fedwit_federation::{ErrorKind, Federation, ModelFile};
use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::download::Downloads;
use super::proto::model_service_server::ModelService;
use super::sender::caller;
use super::upload::{self, Fault};
use super::{proto, unavailable};

pub(super) struct ModelsService {
    federation: Federation,
    downloads: Downloads,
}

impl ModelsService {
    pub(super) fn new(federation: Federation) -> Self {
        Self { federation, downloads: Downloads::default() }
    }

    /// The file of a model, if there is such a model and it can be sent.
    async fn file(&self, id: &str) -> Result<Option<ModelFile>, Status> {
        let Ok(model) = id.parse() else { return Ok(None) };
        match self.federation.model_file(model, None).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Internal) => {
                Err(unavailable(&error))
            }
            Err(error) => {
                tracing::info!(model.id = %model, "a download is refused: {error}");
                Ok(None)
            }
        }
    }
}

#[tonic::async_trait]
impl ModelService for ModelsService {
    type DownloadStream = Pin<Box<dyn Stream<Item = Result<proto::ModelResponse, Status>> + Send>>;

    async fn upload(
        &self,
        request: Request<Streaming<proto::ModelRequest>>,
    ) -> Result<Response<proto::ModelResponse>, Status> {
        let client = caller(request.metadata());
        let (id, status, message) = match upload::receive(&self.federation, client, request.into_inner()).await {
            Ok(id) => (id.to_string(), proto::ModelStatus::Ok, "Got model successfully.".to_owned()),
            Err(Fault::Refused { id, problem }) => {
                tracing::info!("an upload is refused: {problem}");
                (id, proto::ModelStatus::Failed, format!("refused: {problem}"))
            }
            Err(Fault::Call(status)) => return Err(status),
        };
        Ok(Response::new(proto::ModelResponse { data: Bytes::new(), id, status: status.into(), message }))
    }

    async fn download(&self, request: Request<proto::ModelRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let id = request.into_inner().id;
        match self.file(&id).await? {
            Some(file) => Ok(Response::new(Box::pin(self.downloads.stream(file, id).await?))),
            None => Ok(Response::new(Box::pin(futures_util::stream::iter(no_model(&id))))),
        }
    }
}

/// What clients understand: the first says that there is none, and the second that there is nothing to wait for.
fn no_model(id: &str) -> [Result<proto::ModelResponse, Status>; 2] {
    [proto::ModelStatus::Unknown, proto::ModelStatus::Failed].map(|status| {
        // It is echoed, and may be of any length.
        let id = super::cut(id, 256);
        Ok(proto::ModelResponse { data: Bytes::new(), id, status: status.into(), message: String::new() })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_model_that_is_unknown_is_not_waited_for() {
        let [first, second] = no_model("x").map(|answer| answer.unwrap().status());
        assert_eq!((first, second), (proto::ModelStatus::Unknown, proto::ModelStatus::Failed));
    }
}
