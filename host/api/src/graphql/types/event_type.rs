//! The kinds of events.

use async_graphql::Enum;
use fedwit_domain::Event;

/// What kind of thing happened in a session.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    /// The session exists.
    SessionCreated,
    /// Rounds were asked for.
    RunStarted,
    /// Too few clients are there to open an attempt.
    ClientsAwaited,
    /// Clients are asked to train.
    AttemptOpened,
    /// Clients of a buffered session are asked to train.
    ClientsAsked,
    /// An update counts, and is kept.
    UpdateAccepted,
    /// An update does not count.
    UpdateRefused,
    /// An update that counted does not count any more.
    UpdateExcluded,
    /// A client is not waited for any more.
    ClientGivenUp,
    /// An attempt takes no more updates.
    AttemptClosed,
    /// An attempt gave no model.
    AttemptFailed,
    /// A round ended with a new global model.
    RoundCommitted,
    /// Clients are asked to measure a round's model.
    ValidationOpened,
    /// A client has measured a round's model.
    ValidationReported,
    /// A client is not going to measure a round's model.
    ValidationGivenUp,
    /// Nobody is waited for any more to measure a round's model.
    ValidationClosed,
    /// Asked to pause. An open round goes on to its end.
    PauseRequested,
    /// Nothing is under way, until resumed.
    Paused,
    /// Goes on.
    Resumed,
    /// The server was away, and is back.
    Recovered,
    /// Ended by a user.
    Stopped,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
}

impl From<&Event> for EventType {
    fn from(event: &Event) -> Self {
        match event {
            Event::SessionCreated { .. } => Self::SessionCreated,
            Event::RunStarted { .. } => Self::RunStarted,
            Event::ClientsAwaited { .. } => Self::ClientsAwaited,
            Event::AttemptOpened { .. } => Self::AttemptOpened,
            Event::ClientsAsked { .. } => Self::ClientsAsked,
            Event::UpdateAccepted { .. } => Self::UpdateAccepted,
            Event::UpdateRefused { .. } => Self::UpdateRefused,
            Event::UpdateExcluded { .. } => Self::UpdateExcluded,
            Event::ClientGivenUp { .. } => Self::ClientGivenUp,
            Event::AttemptClosed { .. } => Self::AttemptClosed,
            Event::AttemptFailed { .. } => Self::AttemptFailed,
            Event::RoundCommitted { .. } => Self::RoundCommitted,
            Event::ValidationOpened { .. } => Self::ValidationOpened,
            Event::ValidationReported { .. } => Self::ValidationReported,
            Event::ValidationGivenUp { .. } => Self::ValidationGivenUp,
            Event::ValidationClosed { .. } => Self::ValidationClosed,
            Event::PauseRequested => Self::PauseRequested,
            Event::Paused => Self::Paused,
            Event::Resumed => Self::Resumed,
            Event::Recovered => Self::Recovered,
            Event::Stopped { .. } => Self::Stopped,
            Event::Finished { .. } => Self::Finished,
            Event::Failed { .. } => Self::Failed,
        }
    }
}
