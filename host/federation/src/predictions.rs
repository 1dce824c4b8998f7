//! Asking clients to predict with a model.
//!
//! A request lives in memory for as long as it is awaited; what is recorded is that it was made, and what came of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fedwit_domain::{ClientId, ModelId, PredictionId, Timestamp};
use serde_json::Value;

use crate::submission::lenient_json;
use crate::{Federation, FederationError, Task, TaskKind};

/// How long a prediction is awaited.
const AWAITED: Duration = Duration::from_secs(600);
/// Requests that are awaited at once.
const MAX_AWAITED: usize = 1024;

/// The requests that are awaited.
#[derive(Default)]
pub(crate) struct Predictions {
    awaited: Mutex<HashMap<PredictionId, Awaited>>,
}

struct Awaited {
    model: ModelId,
    clients: Vec<ClientId>,
    until: Timestamp,
}

impl Predictions {
    fn awaited(&self) -> MutexGuard<'_, HashMap<PredictionId, Awaited>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Federation {
    /// Asks clients that are there to predict with a model; all of them if none is named.
    ///
    /// # Errors
    /// [`FederationError::NotFound`] for the model; [`FederationError::TooFewClients`] if nobody is there.
    pub async fn start_predictions(
        &self,
        prediction: Option<PredictionId>,
        model: ModelId,
        clients: Vec<ClientId>,
    ) -> Result<PredictionId, FederationError> {
        if self.store().model(model).await?.is_none() {
            return Err(FederationError::NotFound { kind: "model", id: model.to_string() });
        }
        let mut asked = self.inner.presence.connected();
        asked.retain(|client| clients.is_empty() || clients.contains(client));
        if asked.is_empty() {
            return Err(FederationError::TooFewClients { online: 0, required: 1 });
        }
        let prediction = prediction.unwrap_or_else(PredictionId::random);
        let now = self.now();
        self.forget_predictions(now);
        {
            let mut awaited = self.inner.predictions.awaited();
            if awaited.len() >= MAX_AWAITED {
                let problem = format!("{MAX_AWAITED} predictions are awaited already");
                return Err(FederationError::Unavailable(problem));
            }
            if awaited.contains_key(&prediction) {
                let problem = format!("`{prediction}` is awaited already");
                return Err(FederationError::Invalid { what: "prediction", problem });
            }
            awaited.insert(prediction, Awaited { model, clients: asked.clone(), until: now.plus(AWAITED) });
        }
        self.store().add_prediction(prediction, model, now).await?;
        let task = Arc::new(Task { id: prediction.to_string(), kind: TaskKind::Predict { prediction, model } });
        for client in &asked {
            self.inner.outboxes.put(client, Arc::clone(&task));
        }
        Ok(prediction)
    }

    /// Takes what a client predicted. What is wrong with it is the inner answer.
    ///
    /// # Errors
    /// [`FederationError::Store`].
    pub async fn report_prediction(
        &self,
        client: ClientId,
        prediction: &str,
        data: &str,
    ) -> Result<Result<(), String>, FederationError> {
        let Ok(id) = prediction.parse::<PredictionId>() else {
            return Ok(Err(format!("{prediction:.80?} names no prediction")));
        };
        let model = {
            let awaited = self.inner.predictions.awaited();
            awaited.get(&id).filter(|awaited| awaited.clients.contains(&client)).map(|awaited| awaited.model)
        };
        let Some(model) = model else { return Ok(Err(format!("no prediction {id} is awaited from this client"))) };
        let data = match lenient_json(data) {
            Ok(data) => data,
            // What is no JSON is shown as it is.
            Err(_) => Value::String(data.to_owned()),
        };
        self.store().report_prediction(id, model, client.clone(), data, self.now()).await?;
        self.inner.outboxes.retract(&client, &id.to_string());
        let mut awaited = self.inner.predictions.awaited();
        if let Some(request) = awaited.get_mut(&id) {
            request.clients.retain(|awaited| *awaited != client);
            if request.clients.is_empty() {
                awaited.remove(&id);
            }
        }
        Ok(Ok(()))
    }

    /// Awaits no longer what has taken too long.
    pub(crate) fn forget_predictions(&self, now: Timestamp) {
        let mut over = Vec::new();
        self.inner.predictions.awaited().retain(|id, request| {
            let awaited = now < request.until;
            if !awaited {
                over.push((*id, std::mem::take(&mut request.clients)));
            }
            awaited
        });
        for (id, clients) in over {
            for client in clients {
                self.inner.outboxes.retract(&client, &id.to_string());
            }
        }
    }
}
