//! What sessions, rounds and participants are doing.

use std::str::FromStr;

use async_graphql::Enum;

use crate::graphql::Failure;

/// What a session is doing.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum SessionStatus {
    /// Not started yet.
    Created,
    /// Running rounds.
    Running,
    /// Running the open round to its end, and none after it.
    Pausing,
    /// Waiting to be resumed.
    Paused,
    /// Ended well: all rounds are done, or the target is reached.
    Finished,
    /// Ended by a user.
    Stopped,
    /// Ended badly; `reason` and `code` say why.
    Failed,
}

/// What a round is doing.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum RoundStatus {
    /// Too few clients are there.
    Waiting,
    /// Clients train, and updates come in.
    Collecting,
    /// Updates are made a model of.
    Aggregating,
    /// Ended with a model.
    Finished,
    /// Its last attempt gave no model, and there is no other.
    Failed,
    /// Ended with its session, by a user.
    Stopped,
}

/// What became of a client's part in a round.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum ParticipantStatus {
    /// Asked to train; nothing has come back yet.
    Asked,
    /// Its update counts.
    Accepted,
    /// Its update does not count.
    Refused,
    /// Its update does not count any more: the aggregator rejected it, or broke on it.
    Excluded,
    /// It was gone for too long.
    GivenUp,
    /// The buffered session ended before it answered, or before a model was made of its update.
    Dropped,
}

macro_rules! recorded {
    ($status:ident, $what:literal, $($variant:ident = $name:literal),+) => {
        impl $status {
            /// As it is recorded.
            pub(in crate::graphql) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl FromStr for $status {
            type Err = Failure;

            fn from_str(name: &str) -> Result<Self, Failure> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(Failure::damaged(format!("{name:?} is no status of a {}", $what))),
                }
            }
        }
    };
}

recorded!(
    SessionStatus,
    "session",
    Created = "created",
    Running = "running",
    Pausing = "pausing",
    Paused = "paused",
    Finished = "finished",
    Stopped = "stopped",
    Failed = "failed"
);
recorded!(
    RoundStatus,
    "round",
    Waiting = "waiting",
    Collecting = "collecting",
    Aggregating = "aggregating",
    Finished = "finished",
    Failed = "failed",
    Stopped = "stopped"
);
recorded!(
    ParticipantStatus,
    "participant",
    Asked = "asked",
    Accepted = "accepted",
    Refused = "refused",
    Excluded = "excluded",
    GivenUp = "given_up",
    Dropped = "dropped"
);
