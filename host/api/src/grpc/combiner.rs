//! `fedn.Combiner`: tasks out, and what clients made of them in.

use std::collections::BTreeMap;
use std::pin::Pin;

use fedwit_domain::ClientId;
use fedwit_federation::{Federation, StreamEnd, Submission, ValidationReport, lenient_json};
use fedwit_store::{NewAttribute, NewMetric, NewTelemetry};
use futures_util::Stream;
use tonic::{Request, Response, Status};

use super::proto::combiner_server::Combiner;
use super::sender::{addressed, sender};
use super::{answer, cut, proto, sent_at, tasks, unavailable};

/// Values that are taken of one message, at most.
const MAX_VALUES: usize = 256;
/// The longest name of a value, in bytes.
const MAX_NAME: usize = 128;
/// The longest value of an attribute, in bytes.
const MAX_VALUE: usize = 1 << 10;

pub(super) struct CombinerService {
    federation: Federation,
}

impl CombinerService {
    pub(super) fn new(federation: Federation) -> Self {
        Self { federation }
    }

    fn answer(&self, client: &ClientId, outcome: Result<(), String>) -> Response<proto::Response> {
        answer(self.federation.responsible_combiner(client), outcome.err().unwrap_or_default())
    }
}

/// The sender, or an answer that says that it has none.
macro_rules! sender_or_answer {
    ($service:expr, $metadata:expr, $message:expr) => {
        match sender(&$metadata, $message.sender.as_ref()) {
            Ok(client) => client,
            Err(error) => return Ok(answer($service.federation.first_combiner(), format!("refused: {error}"))),
        }
    };
}

#[tonic::async_trait]
impl Combiner for CombinerService {
    type TaskStreamStream = Pin<Box<dyn Stream<Item = Result<proto::TaskRequest, Status>> + Send>>;

    async fn task_stream(
        &self,
        request: Request<proto::ClientAvailableMessage>,
    ) -> Result<Response<Self::TaskStreamStream>, Status> {
        let client = sender(request.metadata(), request.get_ref().sender.as_ref());
        let client = client.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let stream = self.federation.open_task_stream(client.clone(), addressed(request.metadata())).await;
        let federation = self.federation.clone();
        let requests = futures_util::stream::unfold(Some(stream), move |stream| {
            let (federation, client) = (federation.clone(), client.clone());
            async move {
                let mut stream = stream?;
                match stream.next().await {
                    Ok(task) => {
                        let combiner = federation.responsible_combiner(&client);
                        Some((Ok(tasks::request(&task, &client, combiner, federation.now())), Some(stream)))
                    }
                    // Never with OK: that would end the client.
                    Err(StreamEnd::Replaced) => {
                        Some((Err(Status::unavailable("the client has opened a newer stream")), None))
                    }
                    Err(StreamEnd::ShuttingDown) => Some((Err(Status::unavailable("the server is going down")), None)),
                }
            }
        });
        Ok(Response::new(Box::pin(requests)))
    }

    async fn send_model_update(
        &self,
        request: Request<proto::ModelUpdate>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        let (name, combiner) = (client.to_string(), self.federation.responsible_combiner(&client).clone());
        // The Python client sends the task's data back within the metadata, and others beside them.
        let config = if message.config.is_empty() { config_in(&message.meta) } else { message.config };
        let submission = Submission {
            client,
            update: message.model_update_id,
            correlation: message.correlation_id,
            model: message.model_id,
            config,
            meta: message.meta,
        };
        match self.federation.submit_update(submission).await {
            Ok(Ok(())) => Ok(answer(&combiner, format!("RECEIVED ModelUpdate from client {name}"))),
            Ok(Err(refusal)) => Ok(answer(&combiner, format!("refused: {}: {refusal}", refusal.code()))),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn send_model_validation(
        &self,
        request: Request<proto::ModelValidation>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        let report = ValidationReport {
            client: client.clone(),
            correlation: message.correlation_id,
            session: message.session_id,
            model: message.model_id,
            data: message.data,
        };
        match self.federation.report_validation(report).await {
            Ok(outcome) => Ok(self.answer(&client, outcome.map_err(|problem| format!("refused: {problem}")))),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn send_model_prediction(
        &self,
        request: Request<proto::ModelPrediction>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        match self.federation.report_prediction(client.clone(), &message.prediction_id, &message.data).await {
            Ok(outcome) => Ok(self.answer(&client, outcome.map_err(|problem| format!("refused: {problem}")))),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Split learning is not offered, so nothing awaits this; the client is told so, and lives.
    async fn send_backward_completion(
        &self,
        request: Request<proto::BackwardCompletion>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        Ok(self.answer(&client, Err("refused: no backward pass is awaited".to_owned())))
    }

    async fn send_model_metric(
        &self,
        request: Request<proto::ModelMetric>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        let at = sent_at(message.timestamp.as_ref(), self.federation.now());
        let finite = message.metrics.into_iter().filter(|metric| metric.value.is_finite()).take(MAX_VALUES);
        let metrics = finite.map(|metric| NewMetric {
            client: client.clone(),
            key: cut(&metric.key, MAX_NAME),
            value: metric.value.into(),
            step: message.step,
            model: message.model_id.parse().ok(),
            round: message.round_id.parse().ok(),
            session: message.session_id.parse().ok(),
            at,
        });
        self.federation.store().note_metrics(metrics.collect());
        Ok(self.answer(&client, Ok(())))
    }

    async fn send_attribute_message(
        &self,
        request: Request<proto::AttributeMessage>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        let at = sent_at(message.timestamp.as_ref(), self.federation.now());
        let attributes = message.attributes.into_iter().take(MAX_VALUES).map(|attribute| NewAttribute {
            client: client.clone(),
            key: cut(&attribute.key, MAX_NAME),
            value: cut(&attribute.value, MAX_VALUE),
            at,
        });
        self.federation.store().note_attributes(attributes.collect());
        Ok(self.answer(&client, Ok(())))
    }

    async fn send_telemetry_message(
        &self,
        request: Request<proto::TelemetryMessage>,
    ) -> Result<Response<proto::Response>, Status> {
        let (metadata, _, message) = request.into_parts();
        let client = sender_or_answer!(self, metadata, message);
        let at = sent_at(message.timestamp.as_ref(), self.federation.now());
        let finite = message.telemetries.into_iter().filter(|value| value.value.is_finite()).take(MAX_VALUES);
        let values: BTreeMap<String, f64> =
            finite.map(|value| (cut(&value.key, MAX_NAME), f64::from(value.value))).collect();
        self.federation.store().note_telemetry(NewTelemetry { client: client.clone(), values, at });
        Ok(self.answer(&client, Ok(())))
    }
}

/// The task's data, as the metadata of an update have it.
fn config_in(meta: &str) -> String {
    let meta = lenient_json(meta).ok();
    let config = meta.as_ref().and_then(|meta| meta.get("config")).and_then(serde_json::Value::as_str);
    config.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_found_in_metadata_that_python_wrote() {
        let meta = r#"{"training_metadata": {"num_examples": 1, "loss": NaN}, "config": "{\"round_id\": \"x.1\"}"}"#;
        assert_eq!(config_in(meta), r#"{"round_id": "x.1"}"#);
        for meta in ["", "{}", r#"{"config": {}}"#, "no json"] {
            assert_eq!(config_in(meta), "", "{meta}");
        }
    }
}
