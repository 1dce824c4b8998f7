//! A client, from its registration to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;
use tonic::Status;

use super::behaviour::sender;
use super::connection::Connection;
use super::{Answer, Behaviour, Event, Kind, Latencies, PIECE, Record, Sent, Task, heartbeat, upload};
use crate::api::Api;
use crate::wire::combiner_client::CombinerClient;
use crate::wire::connector_client::ConnectorClient;
use crate::wire::model_service_client::ModelServiceClient;
use crate::wire::{self, ClientAvailableMessage, LogLevel, ModelRequest, ModelStatus, ModelValidation, StatusType};

/// A client that runs. Dropped, it is gone without a word.
#[derive(Debug)]
pub struct Client {
    record: Arc<Record>,
    running: JoinHandle<()>,
}

/// How a client is.
#[derive(Clone)]
pub struct Options {
    /// What it sends, and when.
    pub behaviour: Arc<dyn Behaviour>,
    /// The combiner that it would like; empty for any.
    pub preferred_combiner: String,
    /// How often it says that it is there.
    pub heartbeat: Duration,
    /// How long those take; many clients may share this.
    pub latencies: Arc<Latencies>,
    /// How long it waits before it repeats a call: twice this, then twice as long each time. 5 s in FEDn.
    pub first_wait: Duration,
    /// Whether it downloads the models that it is asked to train.
    pub downloads: bool,
    /// Bytes of one piece of an upload.
    pub piece: usize,
}

impl Options {
    /// A client like FEDn's, but more eager to come back.
    #[must_use]
    pub fn new(behaviour: impl Behaviour + 'static) -> Self {
        Self {
            behaviour: Arc::new(behaviour),
            preferred_combiner: String::new(),
            heartbeat: Duration::from_secs(2),
            latencies: Arc::default(),
            first_wait: Duration::from_millis(50),
            downloads: true,
            piece: PIECE,
        }
    }
}

/// Starts many, a few dozen at a time.
///
/// # Errors
/// If one cannot register.
pub async fn start_all(address: SocketAddr, clients: Vec<(String, Options)>) -> Result<Vec<Client>> {
    let starts = clients.into_iter().map(|(id, options)| async move { Client::start(address, &id, options).await });
    stream::iter(starts).buffered(32).try_collect().await
}

impl Client {
    /// Registers, and begins to wait for tasks.
    ///
    /// # Errors
    /// If the server does not take it.
    pub async fn start(address: SocketAddr, id: &str, options: Options) -> Result<Self> {
        let told = Api::new(address).add_client(id, &options.preferred_combiner).await?;
        let (host, port) = (told["host"].as_str().context("no host")?, told["port"].as_u64().context("no port")?);
        let address = format!("{host}:{port}").parse().with_context(|| format!("the address in {told}"))?;
        let record = Arc::new(Record::new(id));
        let connection = Connection::new(address, id, options.first_wait, Arc::clone(&record))?;
        let running = Running { id: id.to_owned(), connection, record: Arc::clone(&record), options };
        let running = tokio::spawn(async move {
            let end = tokio::select! {
                end = running.listen() => end,
                end = running.beat() => end,
            };
            let why = end.err().map_or_else(|| "its tasks ended with OK".to_owned(), |error| format!("{error:#}"));
            running.record.add(Event::Died(why));
        });
        Ok(Self { record, running })
    }

    /// What it did, and what it was told.
    #[must_use]
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Ends it, and everything that it was doing, as if its machine had lost power.
    pub async fn cut(self) {
        self.running.abort();
        // Aborted, which is no news.
        let _ = (&mut { self }.running).await;
    }

    /// Fails if FEDn's client would not be alive any more.
    ///
    /// # Errors
    /// Says why it ended.
    pub fn check_alive(&self) -> Result<()> {
        match self.record.death() {
            Some(why) => bail!("{} ended: {why}", self.record),
            None => Ok(()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.running.abort();
    }
}

struct Running {
    id: String,
    connection: Connection,
    record: Arc<Record>,
    options: Options,
}

impl Running {
    async fn beat(&self) -> Result<()> {
        let beats = heartbeat::send(&self.connection, &self.id, self.options.heartbeat, &self.options.latencies);
        beats.await.context("heartbeats")
    }

    /// Takes tasks for as long as FEDn's client does. Ends well where that would end well, and be gone.
    async fn listen(&self) -> Result<()> {
        let mut combiner = CombinerClient::new(self.connection.channel());
        loop {
            self.record.add(Event::Connected);
            let available =
                ClientAvailableMessage { sender: Some(sender(&self.id)), ..ClientAvailableMessage::default() };
            let opened = self.connection.call("TaskStream", |_| {
                let (mut combiner, request) = (combiner.clone(), self.connection.request(available.clone()));
                async move { combiner.task_stream(request).await }
            });
            let mut tasks = opened.await.map_err(ended("TaskStream"))?.into_inner();
            let broken = loop {
                match tasks.message().await {
                    Ok(Some(request)) => self.work(&mut combiner, Task::read(request)?).await?,
                    Ok(None) => return Ok(()),
                    Err(status) => break status,
                }
            };
            // As one call that is repeated: FEDn's client waits before it opens the next stream.
            let mut broken = Some(broken);
            let repeated = self.connection.call("TaskStream", |_| {
                let broken = broken.take();
                async move { broken.map_or(Ok(()), Err) }
            });
            repeated.await.map_err(ended("TaskStream"))?;
        }
    }

    async fn work(&self, combiner: &mut CombinerClient<tonic::transport::Channel>, task: Task) -> Result<()> {
        let task = Arc::new(task);
        self.record.add(Event::Asked(Arc::clone(&task)));
        match task.kind {
            Kind::Train => {
                self.say(&task, "Starting processing of training request").await;
                let model =
                    if self.options.downloads { self.download(task.model()).await? } else { Some(Bytes::new()) };
                let Some(model) = model else { return Ok(()) };
                for answer in self.options.behaviour.train(&task, &model).await? {
                    self.answer(combiner, &task, answer).await?;
                    self.say(&task, "Model update completed.").await;
                }
            }
            Kind::Validate => {
                let Some(model) = self.download(task.model()).await? else { return Ok(()) };
                let metrics = self.options.behaviour.validate(&task, &model).await?;
                let validation = ModelValidation {
                    sender: Some(sender(&self.id)),
                    receiver: task.request.sender.clone(),
                    model_id: task.model().to_owned(),
                    data: metrics.to_string(),
                    correlation_id: task.correlation().to_owned(),
                    session_id: task.session().to_owned(),
                    ..ModelValidation::default()
                };
                let sent = self.connection.call("SendModelValidation", |_| {
                    let (mut combiner, request) = (combiner.clone(), self.connection.request(validation.clone()));
                    async move { combiner.send_model_validation(request).await }
                });
                sent.await.map_err(ended("SendModelValidation"))?;
                self.record.add(Event::Validated(task));
            }
            Kind::Other => {}
        }
        Ok(())
    }

    /// A model; none if the server says that it has none.
    async fn download(&self, id: &str) -> Result<Option<Bytes>> {
        let models = ModelServiceClient::new(self.connection.channel());
        let request = ModelRequest { id: id.to_owned(), sender: Some(sender(&self.id)), ..ModelRequest::default() };
        let reads = self.options.behaviour.reads_models();
        let downloaded = self.connection.call("Download", |_| {
            let (mut models, request) = (models.clone(), self.connection.request(request.clone()));
            async move {
                let mut pieces = models.download(request).await?.into_inner();
                let mut model = BytesMut::new();
                while let Some(piece) = pieces.message().await? {
                    match piece.status() {
                        ModelStatus::Failed => return Ok(None),
                        ModelStatus::Ok => return Ok(Some(model.freeze())),
                        _ if reads => model.extend_from_slice(&piece.data),
                        _ => {}
                    }
                }
                Err(Status::data_loss("the download ended before it said so"))
            }
        });
        downloaded.await.map_err(ended("Download"))
    }

    async fn answer(
        &self,
        combiner: &mut CombinerClient<tonic::transport::Channel>,
        task: &Arc<Task>,
        answer: Answer,
    ) -> Result<()> {
        let Answer { file, mut update } = answer;
        update.sender.get_or_insert_with(|| sender(&self.id));
        if let Some((id, file)) = &file {
            self.upload(task, id, file).await?;
        }
        self.options.behaviour.uploaded(task).await;
        let mut again = None;
        loop {
            let sent = self.connection.call("SendModelUpdate", |_| {
                let (mut combiner, request) = (combiner.clone(), self.connection.request(update.clone()));
                async move { combiner.send_model_update(request).await }
            });
            let text = sent.await.map_err(ended("SendModelUpdate"))?.into_inner().response;
            self.record.add(Event::Sent(Sent {
                task: Arc::clone(task),
                update: update.model_update_id.clone(),
                meta: update.meta.clone(),
                file: file.as_ref().map(|(_, file)| file.clone()),
                text: text.clone(),
            }));
            let left = match again {
                None => self.options.behaviour.answered(task, &text).await,
                Some(left) => left,
            };
            if left == 0 {
                return Ok(());
            }
            again = Some(left - 1);
        }
    }

    async fn upload(&self, task: &Arc<Task>, id: &str, file: &Bytes) -> Result<()> {
        let models = ModelServiceClient::new(self.connection.channel());
        let uploaded = self.connection.call("Upload", |attempt| {
            let behaviour = Arc::clone(&self.options.behaviour);
            let file = upload::File { id: id.to_owned(), bytes: file.clone(), piece: self.options.piece };
            let messages = upload::messages(Arc::clone(task), behaviour, attempt, file);
            let (mut models, request) = (models.clone(), self.connection.request(messages));
            async move { models.upload(request).await }
        });
        let told = uploaded.await.map_err(ended("Upload"))?.into_inner();
        let taken = told.status() == ModelStatus::Ok;
        let task = Arc::clone(task);
        self.record.add(Event::Uploaded { task, update: id.to_owned(), taken, text: told.message });
        Ok(())
    }

    /// Says what it is at. FEDn's client gives that up after five tries, and goes on.
    async fn say(&self, task: &Task, text: &str) {
        let status = wire::Status {
            sender: Some(sender(&self.id)),
            status: text.to_owned(),
            log_level: LogLevel::Audit.into(),
            r#type: StatusType::ModelUpdate.into(),
            session_id: task.session().to_owned(),
            ..wire::Status::default()
        };
        let mut connector = ConnectorClient::new(self.connection.channel());
        // Nothing depends on it.
        let _ = connector.send_status(self.connection.request(status)).await;
    }
}

/// The error that ends a client.
fn ended(call: &'static str) -> impl Fn(Status) -> anyhow::Error {
    move |status| anyhow!("{call}: {:?}: {}", status.code(), status.message())
}

/// Fails if one of these clients ended.
///
/// # Errors
/// Says which, and why.
pub fn check_all_alive(clients: &[Client]) -> Result<()> {
    for client in clients {
        client.check_alive()?;
    }
    ensure!(!clients.is_empty(), "there are no clients");
    Ok(())
}
