//! The life of an aggregator in an instance: calls out of order are errors, never panics.

use std::cell::RefCell;

use crate::{Aggregator, Context, Error, Outcome, PartialAggregate, Update, config};

/// Holds the aggregator of one round from its `begin` to its end.
#[derive(Debug)]
pub struct Instance<A> {
    aggregator: RefCell<Option<A>>,
}

impl<A> Default for Instance<A> {
    fn default() -> Self {
        Self { aggregator: RefCell::new(None) }
    }
}

impl<A: Aggregator> Instance<A> {
    /// Begins a round with the session's configuration.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], [`Error::Failed`] if a round has begun already, or the aggregator's own.
    pub fn begin(&self, config: &str, context: Context) -> Result<(), Error> {
        if self.aggregator.borrow().is_some() {
            return Err(Error::Failed("`begin` was called twice".to_owned()));
        }
        let aggregator = A::begin(config::parse(config)?, context)?;
        self.aggregator.replace(Some(aggregator));
        Ok(())
    }

    /// Adds an update.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round has begun, or the aggregator's own.
    pub fn add(&self, update: Update) -> Result<(), Error> {
        self.aggregator.borrow_mut().as_mut().ok_or_else(not_begun)?.add(update)
    }

    /// Merges a share.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round has begun, or the aggregator's own.
    pub fn merge(&self, part: PartialAggregate) -> Result<(), Error> {
        self.aggregator.borrow_mut().as_mut().ok_or_else(not_begun)?.merge(part)
    }

    /// Hands up the share, and ends.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round has begun, or the aggregator's own.
    pub fn partial(&self) -> Result<PartialAggregate, Error> {
        self.aggregator.take().ok_or_else(not_begun)?.partial()
    }

    /// Makes the model, and ends.
    ///
    /// # Errors
    /// [`Error::Failed`] if no round has begun, or the aggregator's own.
    pub fn finish(&self) -> Result<Outcome, Error> {
        self.aggregator.take().ok_or_else(not_begun)?.finish()
    }
}

fn not_begun() -> Error {
    Error::Failed("no round has begun, or it has ended".to_owned())
}
