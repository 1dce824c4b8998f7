//! `fedn.ModelService`: files of models, in pieces.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fedwit_domain::UpdateId;
use fedwit_federation::{ErrorKind, Federation, FederationError, ModelFile};
use futures_util::Stream;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tonic::{Request, Response, Status, Streaming};

use super::proto::model_service_server::ModelService;
use super::sender::caller;
use super::{proto, unavailable};

/// Bytes of a model in one message. Clients take 4 MiB at most, FEDn sends 1 MiB.
const PIECE: usize = 1 << 20;

/// How long the next piece of an upload may take. Clients that train on a phone are slow, but not that slow.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct ModelsService {
    federation: Federation,
}

impl ModelsService {
    pub(super) fn new(federation: Federation) -> Self {
        Self { federation }
    }

    /// Takes a file to its end. What is wrong with it is the inner answer, and what is wrong with the server the outer.
    async fn receive(
        &self,
        request: Request<Streaming<proto::ModelRequest>>,
    ) -> Result<Result<String, (String, String)>, Status> {
        let client = caller(request.metadata());
        let mut pieces = request.into_inner();
        let mut upload = self.federation.begin_upload(client).await.map_err(|error| unavailable(&error))?;
        let mut id: Option<String> = None;
        loop {
            let next = tokio::time::timeout(PATIENCE, pieces.message()).await;
            let next = next.map_err(|_| Status::unavailable("the next piece of the upload did not come in time"))?;
            // The stream broke: the client sends all of it again.
            let Some(piece) = next? else {
                return Ok(Err((id.unwrap_or_default(), "the upload has no end".to_owned())));
            };
            if id.as_ref().is_some_and(|known| *known != piece.id) {
                return Ok(Err((piece.id, "the pieces are of different ids".to_owned())));
            }
            let status = piece.status();
            id = Some(piece.id);
            match status {
                proto::ModelStatus::InProgress if !piece.data.is_empty() => {
                    if let Err(error) = upload.write(piece.data).await {
                        return refuse(id.unwrap_or_default(), &error);
                    }
                }
                proto::ModelStatus::InProgress => {}
                proto::ModelStatus::Ok => break,
                proto::ModelStatus::InProgressOk | proto::ModelStatus::Failed | proto::ModelStatus::Unknown => {
                    return Ok(Err((id.unwrap_or_default(), "the client gave up the upload".to_owned())));
                }
            }
        }
        let id = id.unwrap_or_default();
        if upload.written() == 0 {
            return Ok(Err((id, "the upload is empty".to_owned())));
        }
        let update: UpdateId = match id.parse() {
            Ok(update) => update,
            Err(error) => return Ok(Err((id, fedwit_domain::IdError::to_string(&error)))),
        };
        match upload.finish(update).await {
            Ok(_) => Ok(Ok(id)),
            Err(error) => refuse(id, &error),
        }
    }
}

fn refuse(id: String, error: &FederationError) -> Result<Result<String, (String, String)>, Status> {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound => Ok(Err((id, error.to_string()))),
        ErrorKind::Unavailable | ErrorKind::Internal => Err(unavailable(error)),
    }
}

#[tonic::async_trait]
impl ModelService for ModelsService {
    type DownloadStream = Pin<Box<dyn Stream<Item = Result<proto::ModelResponse, Status>> + Send>>;

    async fn upload(
        &self,
        request: Request<Streaming<proto::ModelRequest>>,
    ) -> Result<Response<proto::ModelResponse>, Status> {
        let (id, status, message) = match self.receive(request).await? {
            Ok(id) => (id, proto::ModelStatus::Ok, "Got model successfully.".to_owned()),
            Err((id, problem)) => {
                tracing::info!("an upload is refused: {problem}");
                (id, proto::ModelStatus::Failed, format!("refused: {problem}"))
            }
        };
        Ok(Response::new(proto::ModelResponse { data: Bytes::new(), id, status: status.into(), message }))
    }

    async fn download(&self, request: Request<proto::ModelRequest>) -> Result<Response<Self::DownloadStream>, Status> {
        let id = request.into_inner().id;
        let file = match id.parse() {
            Ok(model) => match self.federation.model_file(model, None).await {
                Ok(file) => Some(file),
                Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Internal) => {
                    return Err(unavailable(&error));
                }
                Err(error) => {
                    tracing::info!("a download is refused: {error}");
                    None
                }
            },
            Err(_) => None,
        };
        let Some(file) = file else {
            let message = |status: proto::ModelStatus| {
                Ok(proto::ModelResponse {
                    data: Bytes::new(),
                    id: id.clone(),
                    status: status.into(),
                    message: String::new(),
                })
            };
            let refusal = [message(proto::ModelStatus::Unknown), message(proto::ModelStatus::Failed)];
            return Ok(Response::new(Box::pin(futures_util::stream::iter(refusal))));
        };
        let open = File::open(&file.path).await;
        let open = open.map_err(|error| unavailable(&FederationError::Internal(error.to_string())))?;
        let download = Download { open, left: file.size_bytes, file, id };
        Ok(Response::new(Box::pin(futures_util::stream::unfold(Some(download), Download::next))))
    }
}

/// A model on its way out, a piece at a time.
struct Download {
    open: File,
    left: u64,
    /// Keeps the file where it is.
    file: ModelFile,
    id: String,
}

impl Download {
    async fn next(download: Option<Self>) -> Option<(Result<proto::ModelResponse, Status>, Option<Self>)> {
        let mut download = download?;
        let message = |id: &str, data, status: proto::ModelStatus| proto::ModelResponse {
            data,
            id: id.to_owned(),
            status: status.into(),
            message: String::new(),
        };
        if download.left == 0 {
            return Some((Ok(message(&download.id, Bytes::new(), proto::ModelStatus::Ok)), None));
        }
        match download.piece().await {
            Ok(piece) => Some((Ok(message(&download.id, piece, proto::ModelStatus::InProgress)), Some(download))),
            Err(error) => {
                tracing::error!(path = %download.file.path.display(), %error, "a model cannot be read");
                Some((Err(Status::unavailable("the server failed")), None))
            }
        }
    }

    async fn piece(&mut self) -> std::io::Result<Bytes> {
        let length = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        let mut piece = BytesMut::with_capacity(length);
        while piece.len() < length {
            let mut rest = (&mut self.open).take((length - piece.len()) as u64);
            if rest.read_buf(&mut piece).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.left -= length as u64;
        Ok(piece.freeze())
    }
}
