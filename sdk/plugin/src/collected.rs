//! Every update of a round, kept until its end: for rules that look at all of them at once.

use crate::{Error, Parameters, Update};

/// The updates of a round, in the order of their clients' ids (of one client's the newest first) and not in that of their
/// arrival: where a rule rounds, or breaks a tie, the result is the same whoever was first.
///
/// An aggregator that keeps its updates cannot hand up a share of them: it is not
/// [`MERGEABLE`](crate::Aggregator::MERGEABLE), and the host gives it every update of the round. What is kept is
/// handles: the values stay in the host's files, and are read where they are computed with.
#[derive(Debug)]
pub struct Collected {
    global_model: Parameters,
    updates: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    client: String,
    staleness: u32,
    update: Update,
}

impl Collected {
    /// No updates yet of this model.
    #[must_use]
    pub fn new(global_model: Parameters) -> Self {
        Self { global_model, updates: Vec::new() }
    }

    /// Keeps an update. That it is one of this model the host has seen to.
    pub fn add(&mut self, update: Update) {
        let info = update.info();
        let key = (&info.client, info.staleness);
        let place = self.updates.partition_point(|kept| (&kept.client, kept.staleness) <= key);
        self.updates.insert(place, Kept { client: info.client, staleness: info.staleness, update });
    }

    /// The model that the round improves upon.
    #[must_use]
    pub fn global_model(&self) -> &Parameters {
        &self.global_model
    }

    /// How far each client went from the model that it started from.
    ///
    /// # Errors
    /// [`Error::Failed`] if there is no update.
    pub fn deltas(&self) -> Result<Vec<Parameters>, Error> {
        self.each(|kept| kept.update.delta())
    }

    /// The model that each client sent; where it started from an older one than the global model, the global model
    /// gone as far as the client went.
    ///
    /// # Errors
    /// [`Error::Failed`] if there is no update.
    pub fn models(&self) -> Result<Vec<Parameters>, Error> {
        self.each(|kept| match kept.staleness {
            // What was sent, and not a sum that was rounded.
            0 => kept.update.parameters(),
            _ => self.global_model.plus(&kept.update.delta()?),
        })
    }

    fn each(&self, of: impl Fn(&Kept) -> Result<Parameters, Error>) -> Result<Vec<Parameters>, Error> {
        if self.updates.is_empty() {
            return Err(Error::Failed("no update was added".to_owned()));
        }
        self.updates.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{parameters, update, update_with_info};
    use crate::{DType, UpdateInfo};

    fn model(value: f64) -> Parameters {
        parameters(DType::Float32, &[("w", &[value])])
    }

    fn values(of: &[Parameters]) -> Vec<f64> {
        of.iter().map(|parameters| parameters.values("w").unwrap()[0]).collect()
    }

    #[test]
    fn updates_are_in_the_order_of_their_clients() {
        let mut collected = Collected::new(model(10.0));
        for (client, sent) in [("b", 12.0), ("c", 13.0), ("a", 11.0)] {
            collected.add(update(client, 1, &model(sent), &model(10.0)));
        }
        assert_eq!(values(&collected.models().unwrap()), [11.0, 12.0, 13.0]);
        assert_eq!(values(&collected.deltas().unwrap()), [1.0, 2.0, 3.0]);
        assert_eq!(values(&[collected.global_model().clone()]), [10.0]);
    }

    #[test]
    fn a_client_that_started_from_an_older_model_does_not_hold_the_others_back() {
        let mut collected = Collected::new(model(10.0));
        let info = UpdateInfo { client: "a".to_owned(), num_examples: 1, staleness: 2, metrics: Vec::new() };
        collected.add(update_with_info(info, &model(4.5), &model(4.0)));
        assert_eq!(values(&collected.models().unwrap()), [10.5]);
        assert_eq!(values(&collected.deltas().unwrap()), [0.5]);
    }

    #[test]
    fn several_updates_of_a_client_are_in_the_order_of_their_staleness() {
        let mut collected = Collected::new(model(0.0));
        for staleness in [3, 0, 7] {
            let info = UpdateInfo { client: "a".to_owned(), num_examples: 1, staleness, metrics: Vec::new() };
            collected.add(update_with_info(info, &model(staleness.into()), &model(0.0)));
        }
        assert_eq!(values(&collected.deltas().unwrap()), [0.0, 3.0, 7.0]);
    }

    /// One float32 away from 0.1, and not where a difference and a sum would end.
    #[test]
    fn a_model_is_what_was_sent_to_the_last_bit() {
        let sent = f64::from(0.1_f32.next_up());
        let mut collected = Collected::new(model(3e7));
        collected.add(update("a", 1, &model(sent), &model(3e7)));
        assert_eq!(values(&collected.models().unwrap()), [sent]);
    }

    #[test]
    fn a_round_without_updates_fails() {
        let nothing = Collected::new(model(0.0));
        for result in [nothing.models(), nothing.deltas()] {
            assert!(matches!(result, Err(Error::Failed(why)) if why == "no update was added"));
        }
    }
}
