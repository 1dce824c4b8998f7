//! Which rows of a list are wanted. Conditions all hold; one that is not given holds always.

use async_graphql::{ID, InputObject};
use fedwit_domain::{AttemptNumber, IdError, RoundId, RoundNumber};
use fedwit_store as store;
use fedwit_store::ParticipationFilter;

use crate::graphql::Failure;
use crate::graphql::types::{ParticipantStatus, RoundStatus, SessionStatus};

/// Which clients.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct ClientFilter {
    /// Of this name.
    name: Option<String>,
}

/// Which sessions.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct SessionFilter {
    /// Of this name.
    name: Option<String>,
    /// Of this status.
    status: Option<SessionStatus>,
    /// Started from this model.
    seed_model_id: Option<ID>,
}

/// Which rounds.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct RoundFilter {
    /// Of this session.
    session_id: Option<ID>,
    /// Of this status.
    status: Option<RoundStatus>,
}

/// Which models.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct ModelFilter {
    /// Of this name.
    name: Option<String>,
    /// Made by this session.
    session_id: Option<ID>,
    /// Improving upon this model.
    parent_id: Option<ID>,
    /// Only seeds, or none of them.
    seed: Option<bool>,
    /// Only models that none improves upon, or only those that one does.
    leaf: Option<bool>,
}

/// Which of those who were asked in a round.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct ParticipantFilter {
    /// In this attempt, counted from 1, and not in the last one.
    attempt: Option<u32>,
    /// Of this status.
    status: Option<ParticipantStatus>,
    /// This client.
    client_id: Option<ID>,
}

/// Which packages.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct PackageFilter {
    /// Of this name.
    name: Option<String>,
    /// Only the one that clients are given, or the others.
    active: Option<bool>,
}

/// Which predictions.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct PredictionFilter {
    /// Answering this request.
    request_id: Option<ID>,
    /// With this model.
    model_id: Option<ID>,
    /// By this client.
    client_id: Option<ID>,
}

/// Which validations.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct ValidationFilter {
    /// In this session.
    session_id: Option<ID>,
    /// Of the model of a round of this number.
    round: Option<u32>,
    /// Of this model.
    model_id: Option<ID>,
    /// By this client.
    client_id: Option<ID>,
}

/// Which refusals.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct RefusalFilter {
    /// In this session.
    session_id: Option<ID>,
    /// In a round of this number.
    round: Option<u32>,
    /// Of this client.
    client_id: Option<ID>,
    /// For this reason, by its code.
    code: Option<String>,
}

/// Which of the values that clients logged.
#[derive(InputObject, Default)]
pub(in crate::graphql) struct MetricFilter {
    /// Of this name.
    name: Option<String>,
    /// In this session.
    session_id: Option<ID>,
    /// In this round.
    round_id: Option<ID>,
    /// Of this model.
    model_id: Option<ID>,
    /// By this client.
    client_id: Option<ID>,
}

impl From<ClientFilter> for store::ClientFilter {
    fn from(ClientFilter { name }: ClientFilter) -> Self {
        Self { name, ..Self::default() }
    }
}

impl TryFrom<SessionFilter> for store::SessionFilter {
    type Error = Failure;

    fn try_from(SessionFilter { name, status, seed_model_id }: SessionFilter) -> Result<Self, Failure> {
        let status = status.map(|status| status.name().to_owned());
        Ok(Self { name, status, seed_model: parsed(seed_model_id)?, ..Self::default() })
    }
}

impl TryFrom<RoundFilter> for store::RoundFilter {
    type Error = Failure;

    fn try_from(RoundFilter { session_id, status }: RoundFilter) -> Result<Self, Failure> {
        let status = status.map(|status| status.name().to_owned());
        Ok(Self { session: parsed(session_id)?, status, ..Self::default() })
    }
}

impl TryFrom<ModelFilter> for store::ModelFilter {
    type Error = Failure;

    fn try_from(filter: ModelFilter) -> Result<Self, Failure> {
        let ModelFilter { name, session_id, parent_id, seed, leaf } = filter;
        let (session, parent) = (parsed(session_id)?, parsed(parent_id)?);
        Ok(Self { name, session, parent, seed, leaf, ..Self::default() })
    }
}

impl ParticipantFilter {
    /// Of a round, of which this is the last attempt.
    pub(in crate::graphql) fn of(self, id: RoundId, last: AttemptNumber) -> Result<ParticipationFilter, Failure> {
        let Self { attempt, status, client_id } = self;
        Ok(ParticipationFilter {
            session: Some(id.session),
            round: Some(id.round),
            attempt: Some(attempt.map_or(last, AttemptNumber)),
            client: parsed(client_id)?,
            status: status.map(|status| status.name().to_owned()),
            ..ParticipationFilter::default()
        })
    }
}

impl From<PackageFilter> for store::PackageFilter {
    fn from(PackageFilter { name, active }: PackageFilter) -> Self {
        Self { name, active, ..Self::default() }
    }
}

impl TryFrom<PredictionFilter> for store::PredictionFilter {
    type Error = Failure;

    fn try_from(filter: PredictionFilter) -> Result<Self, Failure> {
        let PredictionFilter { request_id, model_id, client_id } = filter;
        let (prediction, model, client) = (parsed(request_id)?, parsed(model_id)?, parsed(client_id)?);
        Ok(Self { prediction, model, client, ..Self::default() })
    }
}

impl TryFrom<ValidationFilter> for store::ValidationFilter {
    type Error = Failure;

    fn try_from(filter: ValidationFilter) -> Result<Self, Failure> {
        let ValidationFilter { session_id, round, model_id, client_id } = filter;
        let (session, model, client) = (parsed(session_id)?, parsed(model_id)?, parsed(client_id)?);
        Ok(Self { session, round: round.map(RoundNumber), model, client, ..Self::default() })
    }
}

impl TryFrom<RefusalFilter> for store::RefusalFilter {
    type Error = Failure;

    fn try_from(filter: RefusalFilter) -> Result<Self, Failure> {
        let RefusalFilter { session_id, round, client_id, code } = filter;
        let (session, client) = (parsed(session_id)?, parsed(client_id)?);
        Ok(Self { session, round: round.map(RoundNumber), client, code, ..Self::default() })
    }
}

impl TryFrom<MetricFilter> for store::TelemetryFilter {
    type Error = Failure;

    fn try_from(filter: MetricFilter) -> Result<Self, Failure> {
        let MetricFilter { name, session_id, round_id, model_id, client_id } = filter;
        let (session, model, client) = (parsed(session_id)?, parsed(model_id)?, parsed(client_id)?);
        let round = round_id.map(|id| id.parse()).transpose()?;
        Ok(Self { key: name, session, round, model, client, ..Self::default() })
    }
}

fn parsed<T: std::str::FromStr<Err = IdError>>(id: Option<ID>) -> Result<Option<T>, Failure> {
    Ok(id.map(|id| id.parse()).transpose()?)
}
