//! An aggregator of files that each hold one number in decimal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Fold, FoldError, FoldOutcome, FoldStart, FoldedUpdate, Folding, FoldingError, UncheckedUpdate};
use crate::ports::{Blobs, NoPlugin};
use crate::{ClientId, CombinerName, Digest, Metrics, PluginVersion, UpdateId, UpdateRefusal};

/// Takes the mean of numbers weighted with examples, under the name `mean`. It can be told to break on an update, or to
/// reject it.
pub struct FakeFolding<B: ?Sized> {
    blobs: Arc<B>,
    faults: Arc<Mutex<BTreeMap<ClientId, Fault>>>,
    broken_finishes: Arc<Mutex<u32>>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Breaks,
    Rejects,
}

impl<B: Blobs + ?Sized> FakeFolding<B> {
    /// Reads and writes these blobs.
    pub fn over(blobs: Arc<B>) -> Self {
        Self { blobs, faults: Arc::default(), broken_finishes: Arc::default() }
    }

    /// Every fold breaks on the updates of this client.
    pub fn break_on(&self, client: ClientId) {
        locked(&self.faults).insert(client, Fault::Breaks);
    }

    /// Every fold rejects the updates of this client.
    pub fn reject(&self, client: ClientId) {
        locked(&self.faults).insert(client, Fault::Rejects);
    }

    /// The next folds break in `finish`, as many as this.
    pub fn break_finishes(&self, times: u32) {
        *locked(&self.broken_finishes) = times;
    }
}

async fn number<B: Blobs + ?Sized>(blobs: &B, digest: Digest) -> Result<f64, String> {
    let file = blobs.open(&digest).await.map_err(|error| error.to_string())?;
    let text = std::fs::read_to_string(&file.path).map_err(|error| error.to_string())?;
    text.trim().parse().map_err(|_| format!("{text:.40?} is no number"))
}

#[async_trait]
impl<B: Blobs + ?Sized + 'static> Folding for FakeFolding<B> {
    fn plugin(&self, name: &str) -> Result<PluginVersion, FoldingError> {
        if name == "mean" {
            let digest = Digest::from_bytes([7; 32]);
            Ok(PluginVersion { name: name.to_owned(), version: "1".to_owned(), digest })
        } else {
            let (name, installed) = (name.to_owned(), "mean".to_owned());
            Err(NoPlugin::Unknown { what: "aggregator", name, installed }.into())
        }
    }

    async fn try_begin(&self, aggregator: &str, config: &Map<String, Value>, _: Digest) -> Result<(), FoldingError> {
        self.plugin(aggregator)?;
        match config.keys().next() {
            None => Ok(()),
            Some(key) => {
                let problem = format!("unknown key `{key}`");
                Err(FoldingError::Config { plugin: aggregator.to_owned(), problem })
            }
        }
    }

    async fn check(&self, update: UncheckedUpdate) -> Result<Result<Option<f64>, UpdateRefusal>, FoldingError> {
        let base = number(&*self.blobs, update.base).await.map_err(FoldingError::Host)?;
        Ok(match number(&*self.blobs, update.blob).await {
            Ok(value) if value.is_finite() => Ok(update.norm.then(|| (value - base).abs())),
            Ok(value) => Err(UpdateRefusal::Tensors { problem: format!("{value} is not finite") }),
            Err(problem) => Err(UpdateRefusal::Tensors { problem }),
        })
    }

    async fn begin(&self, start: FoldStart) -> Result<Box<dyn Fold>, FoldingError> {
        let global = number(&*self.blobs, start.base).await.map_err(FoldingError::Host)?;
        let (blobs, faults) = (Arc::clone(&self.blobs), Arc::clone(&self.faults));
        let broken_finishes = Arc::clone(&self.broken_finishes);
        let (seen, shares) = (BTreeSet::new(), BTreeMap::new());
        Ok(Box::new(Mean { blobs, faults, broken_finishes, global, seen, shares, over: false }))
    }
}

struct Mean<B: ?Sized> {
    blobs: Arc<B>,
    faults: Arc<Mutex<BTreeMap<ClientId, Fault>>>,
    broken_finishes: Arc<Mutex<u32>>,
    global: f64,
    seen: BTreeSet<UpdateId>,
    shares: BTreeMap<CombinerName, Share>,
    over: bool,
}

/// What a combiner has.
#[derive(Default)]
struct Share {
    mean: f64,
    weight: f64,
}

impl Share {
    fn add(&mut self, value: f64, weight: f64) {
        self.weight += weight;
        self.mean += (value - self.mean) * (weight / self.weight);
    }
}

impl<B: Blobs + ?Sized> Mean<B> {
    async fn add(&mut self, update: FoldedUpdate) -> Result<(), FoldError> {
        if self.over {
            return Err(FoldError::Ended);
        }
        let fault = locked(&self.faults).get(&update.client).copied();
        match fault {
            Some(Fault::Breaks) => {
                self.over = true;
                return Err(FoldError::Broken(format!("trap on {}", update.update)));
            }
            Some(Fault::Rejects) => return Err(FoldError::Rejected(format!("I do not like {}", update.update))),
            None => {}
        }
        assert!(self.seen.insert(update.update.clone()), "the update {} was folded twice", update.update);
        let mut value = number(&*self.blobs, update.blob).await.map_err(FoldError::Failed)?;
        if update.staleness > 0 {
            // What the client has learned, on top of what the others have learned since it began.
            value += self.global - number(&*self.blobs, update.base).await.map_err(FoldError::Failed)?;
        }
        self.shares.entry(update.combiner).or_default().add(value, update.examples as f64);
        Ok(())
    }
}

#[async_trait]
impl<B: Blobs + ?Sized + 'static> Fold for Mean<B> {
    async fn add_all(&mut self, updates: Vec<FoldedUpdate>) -> Vec<Result<(), FoldError>> {
        let mut results = Vec::with_capacity(updates.len());
        for update in updates {
            results.push(self.add(update).await);
        }
        results
    }

    async fn finish(self: Box<Self>) -> Result<FoldOutcome, FoldError> {
        {
            let mut left = locked(&self.broken_finishes);
            if *left > 0 {
                *left -= 1;
                return Err(FoldError::Failed("trap in finish".to_owned()));
            }
        }
        let mut whole = Share::default();
        self.shares.values().for_each(|share| whole.add(share.mean, share.weight));
        let mean = whole.mean;
        let host = |error: crate::ports::BlobError| FoldError::Failed(error.to_string());
        let mut writer = self.blobs.begin().await.map_err(host)?;
        writer.write(Bytes::from(mean.to_string())).await.map_err(host)?;
        let model = writer.finish().await.map_err(host)?;
        Ok(FoldOutcome { model, state: None, metrics: Metrics::from([("mean".to_owned(), mean)]) })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
