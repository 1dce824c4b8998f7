//! Asking clients to measure models.

use serde_json::Value;

use crate::session::count;
use crate::{
    Answer, AskedToValidate, Attempt, ClientId, Event, Metrics, ModelId, Refusal, RoundNumber, Session, Timestamp,
    ValidatedBy, Validation, ValidationAnswer, weighted_means,
};

impl Session {
    /// Who was asked to train is asked to measure, but for those that are gone. In a buffered session those are asked
    /// that the model is made of, and only now and then.
    pub(super) fn open_validation(&self, open: &Attempt, model: ModelId, now: Timestamp) -> Option<Event> {
        let asked = match &self.config.buffered {
            Some(buffering) if self.is_measured(buffering, open.round) => self.contributors(open.round),
            Some(_) => Vec::new(),
            None => asked_to_train(open),
        };
        let until = now.plus(self.config.validation_timeout());
        let wanted = self.config.validate && !asked.is_empty();
        wanted.then_some(Event::ValidationOpened { round: open.round, model, asked, until })
    }

    pub(super) fn report_validation(
        &self,
        round: RoundNumber,
        client: ClientId,
        metrics: Metrics,
        examples: Option<f64>,
        data: Value,
    ) -> Result<Vec<Event>, Refusal> {
        let asked = self.validations.get(&round).and_then(|validation| validation.asked.get(&client));
        match asked {
            Some(ValidationAnswer::Pending { trained }) => {
                let weight = match (examples, trained) {
                    (Some(examples), _) => ValidatedBy::Validated(examples),
                    (None, Some(trained)) => ValidatedBy::Trained(*trained as f64),
                    (None, None) => ValidatedBy::Nobody,
                };
                Ok(vec![Event::ValidationReported { round, client, metrics, weight, data }])
            }
            // Who reports again has been heard.
            Some(ValidationAnswer::Reported { .. }) => Ok(Vec::new()),
            Some(ValidationAnswer::GivenUp) | None => Err(Refusal::NoValidation { round }),
        }
    }

    pub(super) fn awaited_validations(&self, client: &ClientId) -> impl Iterator<Item = Event> {
        let awaited =
            |validation: &Validation| matches!(validation.asked.get(client), Some(ValidationAnswer::Pending { .. }));
        let rounds = self.validations.iter().filter(move |(_, validation)| awaited(validation));
        rounds.map(|(round, _)| Event::ValidationGivenUp { round: *round, client: client.clone() })
    }

    pub(super) fn close_due_validation(&self, now: Timestamp) -> Option<Event> {
        let due = |validation: &Validation| validation.pending == 0 || now >= validation.until;
        let (round, validation) = self.validations.iter().find(|(_, validation)| due(validation))?;
        let reports = validation.asked.values().filter_map(|answer| match answer {
            ValidationAnswer::Reported { metrics, weight } => Some((metrics, *weight)),
            ValidationAnswer::Pending { .. } | ValidationAnswer::GivenUp => None,
        });
        let means = weighted_means(reports.clone());
        let best = self.is_best(&means);
        Some(Event::ValidationClosed { round: *round, means, reports: count(reports.count()), best })
    }

    fn is_best(&self, means: &Metrics) -> bool {
        let Some(by) = &self.config.best_model else { return false };
        let Some(value) = means.get(&by.metric) else { return false };
        self.best.is_none_or(|best| by.direction.prefers(*value, best.value))
    }
}

fn asked_to_train(open: &Attempt) -> Vec<AskedToValidate> {
    let asked = open.asked.iter().filter_map(|(client, answer)| {
        let trained = match answer {
            Answer::GivenUp => return None,
            Answer::Accepted(accepted) => Some(accepted.examples),
            Answer::Pending | Answer::Refused { .. } | Answer::Excluded { .. } => None,
        };
        Some(AskedToValidate { client: client.clone(), trained })
    });
    asked.collect()
}
