//! The aggregations of a fold: one for each combiner that has updates.
//!
//! They run side by side on the pool. At the end each hands up its share, and one more aggregation merges them, as the
//! shares of several machines would be; where one combiner has all updates it makes the model itself. A plugin that
//! cannot merge gets every update in one place, whichever combiner it comes from.
//!
//! Each takes an accumulator, so a fold's memory is bounded by the number of combiners, and one more while it is merged.

use std::collections::BTreeMap;

use fedwit_domain::CombinerName;
use fedwit_domain::ports::FoldError;
use fedwit_runtime::{AddError, Aggregation, Fault, LogLine, PartialAggregate, Plugin, PluginError, Round, Update};
use futures_util::future::join_all;

use super::fold::failed;
use crate::pool::Pool;

/// What a fold has so far.
pub(super) struct Shares {
    plugin: Plugin,
    round: Round,
    /// For the first combiner that has an update. It is begun before any is there, so that what cannot begin says so.
    first: Option<Aggregation>,
    by_combiner: BTreeMap<CombinerName, Aggregation>,
    log: Vec<LogLine>,
}

/// What became of updates, each by its place among those that were handed in.
pub(super) type Added = Vec<(usize, Result<(), FoldError>)>;

impl Shares {
    /// Begins. For the pool.
    pub(super) fn begin(plugin: Plugin, round: Round) -> Result<Self, PluginError> {
        let first = plugin.begin(round.clone())?;
        Ok(Self { plugin, round, first: Some(first), by_combiner: BTreeMap::new(), log: Vec::new() })
    }

    /// Adds updates where they belong: all combiners at the same time, and each its own updates in one go.
    pub(super) async fn add_all(&mut self, updates: Vec<(usize, CombinerName, Update)>, pool: &Pool) -> Added {
        let mut work: BTreeMap<CombinerName, Vec<(usize, Update)>> = BTreeMap::new();
        for (place, combiner, update) in updates {
            work.entry(self.place_of(combiner, work.keys().next())).or_default().push((place, update));
        }
        let work = work.into_iter().map(|(combiner, updates)| {
            let aggregation = self.by_combiner.remove(&combiner).or_else(|| self.first.take());
            let (plugin, round) = (self.plugin.clone(), self.round.clone());
            let places: Vec<usize> = updates.iter().map(|(place, _)| *place).collect();
            async move {
                let adding = pool.run(move || {
                    let mut aggregation = match aggregation {
                        Some(aggregation) => aggregation,
                        None => plugin.begin(round)?,
                    };
                    let added = add_all(&mut aggregation, updates);
                    Ok::<_, PluginError>((aggregation, added))
                });
                let problem = match adding.await {
                    Ok(Ok((aggregation, added))) => return (added, Some((combiner, aggregation))),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                let failed = |place| (place, Err(FoldError::Failed(problem.clone())));
                (places.into_iter().map(failed).collect(), None)
            }
        });
        let mut all = Vec::new();
        for (added, share) in join_all(work.collect::<Vec<_>>()).await {
            all.extend(added);
            self.by_combiner.extend(share);
        }
        all
    }

    /// The share that an update of a combiner belongs to. Where the plugin cannot merge that is the one that there is.
    fn place_of(&self, combiner: CombinerName, pending: Option<&CombinerName>) -> CombinerName {
        if self.plugin.mergeable() {
            return combiner;
        }
        self.by_combiner.keys().next().or(pending).cloned().unwrap_or(combiner)
    }

    /// Everything in one aggregation, which has yet to finish.
    pub(super) async fn merged(&mut self, pool: &Pool) -> Result<Aggregation, FoldError> {
        let first = self.first.take();
        let mut shares = std::mem::take(&mut self.by_combiner);
        if shares.len() <= 1 {
            let only = shares.pop_first().map(|(_, aggregation)| aggregation).or(first);
            return only.ok_or(FoldError::Ended);
        }
        let hand_up = |(_, mut aggregation): (CombinerName, Aggregation)| {
            pool.run(move || {
                let part = aggregation.partial();
                (part, aggregation.log())
            })
        };
        let mut parts = Vec::with_capacity(shares.len());
        for handed in join_all(shares.into_iter().map(hand_up)).await {
            let (part, log) = handed.map_err(failed)?;
            self.log.extend(log);
            parts.push(part.map_err(failed)?);
        }
        let (plugin, round) = (self.plugin.clone(), self.round.clone());
        let merging = pool.run(move || merge(&plugin, round, parts));
        merging.await.map_err(failed)?.map_err(FoldError::Failed)
    }

    /// What the plugin has said since this was last asked.
    pub(super) fn log(&mut self) -> Vec<LogLine> {
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.first.iter_mut().chain(self.by_combiner.values_mut()).flat_map(Aggregation::log));
        log
    }
}

/// All in one pass over the accumulator.
fn add_all(aggregation: &mut Aggregation, updates: Vec<(usize, Update)>) -> Added {
    let (places, updates): (Vec<usize>, Vec<Update>) = updates.into_iter().unzip();
    let added = aggregation.add_all(updates).into_iter().map(|added| added.map_err(fold_error));
    places.into_iter().zip(added).collect()
}

fn fold_error(error: AddError) -> FoldError {
    match error {
        AddError::Refused(refusal) => FoldError::Rejected(refusal.to_string()),
        AddError::Plugin(error) => match error.fault {
            Fault::Rejected(problem) => FoldError::Rejected(problem),
            Fault::Ended => FoldError::Ended,
            _ => FoldError::Broken(error.to_string()),
        },
    }
}

/// In the order of the combiners' names, so that doing it again gives the same. A share that is not merged is no update
/// that could be left out.
fn merge(plugin: &Plugin, round: Round, parts: Vec<PartialAggregate>) -> Result<Aggregation, String> {
    let mut whole = plugin.begin(round).map_err(|error| error.to_string())?;
    for part in parts {
        whole.merge(part).map_err(|error| error.to_string())?;
    }
    Ok(whole)
}
