//! The names of rounds and tasks, as they travel to clients and come back.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::{AttemptNumber, ModelId, RoundNumber, SessionId, TaskNumber};

/// A round among those of all sessions; written `SESSION.ROUND`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundId {
    /// Whose round it is.
    pub session: SessionId,
    /// Which of its rounds.
    pub round: RoundNumber,
}

/// What a client is asked to do for a session. Made from what it is for alone, so asking twice is asking once. A client that
/// is asked for several does them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskId {
    /// To measure the model that a round ended with; written `SESSION.ROUND.validation`.
    Validation {
        /// The session.
        session: SessionId,
        /// The round.
        round: RoundNumber,
    },
    /// To train; written `SESSION.ROUND.ATTEMPT`.
    Training {
        /// The session.
        session: SessionId,
        /// The round.
        round: RoundNumber,
        /// The attempt at it.
        attempt: AttemptNumber,
    },
    /// To train in a buffered session, which may ask a client more than once in a round; written
    /// `SESSION.ROUND.task-NUMBER`.
    Buffered {
        /// The session.
        session: SessionId,
        /// The round that was next when the client was asked: it starts from the model of the round before.
        round: RoundNumber,
        /// The task.
        number: TaskNumber,
    },
}

/// Why a text names no round or task.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:.120?} names no round or task of a session")]
pub struct TaskIdError(String);

/// What a client says that its update answers. Clients of different kinds echo different parts of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimedTask {
    /// The round.
    pub round: Option<RoundNumber>,
    /// The attempt at it.
    pub attempt: Option<AttemptNumber>,
    /// The task, in a buffered session.
    pub task: Option<TaskNumber>,
    /// The model that it started from.
    pub model: Option<ModelId>,
}

/// What the number of a task is written behind, so that it is no attempt's.
const NUMBERED: &str = "task-";

impl fmt::Display for RoundId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.session, self.round)
    }
}

impl FromStr for RoundId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        let parse = || {
            let (session, round) = text.split_once('.')?;
            Some(Self { session: session.parse().ok()?, round: RoundNumber(round.parse().ok()?) })
        };
        parse().ok_or_else(|| TaskIdError(text.to_owned()))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Training { session, round, attempt } => write!(formatter, "{session}.{round}.{attempt}"),
            Self::Buffered { session, round, number } => write!(formatter, "{session}.{round}.{NUMBERED}{number}"),
            Self::Validation { session, round } => write!(formatter, "{session}.{round}.validation"),
        }
    }
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        let parse = || {
            let (round, rest) = text.rsplit_once('.')?;
            let RoundId { session, round } = round.parse().ok()?;
            Some(match (rest, rest.strip_prefix(NUMBERED)) {
                ("validation", _) => Self::Validation { session, round },
                (_, Some(number)) => Self::Buffered { session, round, number: TaskNumber(number.parse().ok()?) },
                (attempt, None) => Self::Training { session, round, attempt: AttemptNumber(attempt.parse().ok()?) },
            })
        };
        parse().ok_or_else(|| TaskIdError(text.to_owned()))
    }
}

impl TaskId {
    /// The session that it is for.
    #[must_use]
    pub fn session(self) -> SessionId {
        match self {
            Self::Training { session, .. } | Self::Buffered { session, .. } | Self::Validation { session, .. } => {
                session
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let (session, round) = (SessionId::random(), RoundNumber(7));
        for task in [
            TaskId::Training { session, round, attempt: AttemptNumber(2) },
            TaskId::Buffered { session, round, number: TaskNumber(3) },
            TaskId::Validation { session, round },
        ] {
            assert_eq!(task.to_string().parse(), Ok(task));
        }
        assert_eq!(RoundId { session, round }.to_string().parse(), Ok(RoundId { session, round }));
        for bad in
            ["", ".", "1", "x.1.1", &format!("{session}.1.x"), &format!("{session}.-1.1"), &format!("{session}.1")]
        {
            assert!(bad.parse::<TaskId>().is_err(), "{bad}");
        }
    }
}
