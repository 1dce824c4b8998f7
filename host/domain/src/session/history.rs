//! What clients have done in a session, for a client selector to choose by.
//!
//! It follows from attempts that are over, each taken in as a whole when it ends: what became of an update is certain
//! only then. It grows with the clients and not with the rounds.

use serde::{Deserialize, Serialize};

use crate::{Answer, Attempt, Metrics, Phase, RoundNumber, Session, Timestamp};

/// What a client has done in a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Participation {
    /// How many times it was asked.
    pub asked: u32,
    /// How many of its updates counted.
    pub accepted: u32,
    /// How many of its updates did not.
    pub refused: u32,
    /// How many times it was gone, or too late.
    pub given_up: u32,
    /// The round that it was last asked in.
    pub last_asked_round: Option<RoundNumber>,
    /// The round of its last update that counted.
    pub last_accepted_round: Option<RoundNumber>,
    /// From being asked to its update, all of those that counted together.
    pub total_duration_ms: u64,
    /// The same for the last that counted.
    pub last_duration_ms: Option<u64>,
    /// How many examples that one rested on.
    pub num_examples: Option<u64>,
    /// What it measured with that one.
    pub metrics: Metrics,
}

impl Participation {
    /// From being asked to its update, the mean over those that counted.
    #[must_use]
    pub fn mean_duration_ms(&self) -> Option<f64> {
        (self.accepted > 0).then(|| self.total_duration_ms as f64 / f64::from(self.accepted))
    }

    /// Takes in what became of asking it. Who is still waited for when the wait is over is too late.
    fn add(&mut self, attempt: &Attempt, answer: &Answer, wait_is_over: bool) {
        self.asked = self.asked.saturating_add(1);
        self.last_asked_round = Some(attempt.round);
        match answer {
            Answer::Accepted(accepted) => {
                let duration = accepted.at.since(attempt.opened_at).as_millis();
                let duration = u64::try_from(duration).unwrap_or(u64::MAX);
                self.accepted = self.accepted.saturating_add(1);
                self.total_duration_ms = self.total_duration_ms.saturating_add(duration);
                self.last_duration_ms = Some(duration);
                self.last_accepted_round = Some(attempt.round);
                self.num_examples = Some(accepted.examples);
                self.metrics.clone_from(&accepted.metrics);
            }
            Answer::Refused { times, .. } => self.refused = self.refused.saturating_add(*times),
            Answer::Excluded { .. } => self.refused = self.refused.saturating_add(1),
            Answer::GivenUp => self.given_up = self.given_up.saturating_add(1),
            Answer::Pending => self.given_up = self.given_up.saturating_add(u32::from(wait_is_over)),
        }
    }
}

impl Session {
    /// The attempt that is under way ends here.
    pub(super) fn leave_attempt(&mut self, at: Timestamp) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        let closed = matches!(phase, Phase::Aggregating(_));
        let (Phase::Collecting(mut attempt) | Phase::Aggregating(mut attempt)) = phase else { return };
        if self.config.client_selector.is_some() {
            let wait_is_over = closed || at >= attempt.deadline;
            for (client, answer) in &attempt.asked {
                self.history.entry(client.clone()).or_default().add(&attempt, answer, wait_is_over);
            }
        }
        attempt.settings.clear();
        self.previous = Some(attempt);
    }
}
