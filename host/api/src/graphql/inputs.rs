//! What is sent with queries and mutations.

mod filters;
mod session;
mod start;

pub(super) use filters::{
    ClientFilter, MetricFilter, ModelFilter, PackageFilter, ParticipantFilter, PredictionFilter, RefusalFilter,
    RoundFilter, SessionFilter, ValidationFilter,
};
pub(super) use session::CreateSessionInput;
pub(super) use start::StartSessionInput;
