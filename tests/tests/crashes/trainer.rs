//! Clients whose updates are all different, and that stop where they are told to.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use fedwit_tests::load::{Answer, Behaviour, Task};
use fedwit_tests::npz::{self, Entry};
use tokio::sync::{Notify, watch};

use super::kill::{Kill, Moment};

/// Where clients are told what to wait for.
pub(crate) struct Stage {
    /// Rounds up to this one may be trained.
    open: watch::Sender<u64>,
    /// Clients that stop, each in a round.
    pauses: HashMap<(u64, usize), (Moment, Arc<Pause>)>,
}

/// A client that stops until it is told to go on.
#[derive(Default)]
pub(crate) struct Pause {
    pub(crate) reached: Notify,
    pub(crate) over: Notify,
}

/// A client that moves the model in its own way.
pub(crate) struct Trainer {
    index: usize,
    stage: Arc<Stage>,
}

impl Stage {
    pub(crate) fn new(plan: &[Kill]) -> Self {
        let stops = plan.iter().filter(|kill| matches!(kill.moment, Moment::InUpload | Moment::AfterUpload));
        let pauses = stops.map(|kill| ((kill.round, kill.client), (kill.moment, Arc::default()))).collect();
        Self { open: watch::Sender::new(0), pauses }
    }

    /// Lets rounds be trained, up to this one.
    pub(crate) fn open(&self, round: u64) {
        self.open.send_replace(round);
    }

    /// The pause of a client in a round.
    pub(crate) fn pause(&self, round: u64, client: usize) -> Option<&Arc<Pause>> {
        self.pauses.get(&(round, client)).map(|(_, pause)| pause)
    }

    async fn stop(&self, round: u64, client: usize, moment: Moment) {
        if let Some((at, pause)) = self.pauses.get(&(round, client))
            && *at == moment
        {
            pause.reached.notify_one();
            pause.over.notified().await;
            // Whoever comes by again goes on.
            pause.over.notify_one();
        }
    }
}

/// The model that the clients begin with.
pub(crate) fn seed_model() -> Result<Bytes> {
    let values = |count: u16| (0..count).map(|index| f32::from(index % 17) / 8.0 - 1.0).collect::<Vec<f32>>();
    npz::archive(&[Entry::float32("0", &[40, 50], &values(2000)), Entry::float32("1", &[50], &values(50))])
}

/// The number of a task's round.
pub(crate) fn round(task: &Task) -> u64 {
    task.round().rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

impl Trainer {
    /// An upload is of a few pieces, so that there is a middle to stop in.
    pub(crate) const PIECE: usize = 2048;

    pub(crate) fn new(index: usize, stage: Arc<Stage>) -> Self {
        Self { index, stage }
    }

    pub(crate) fn id(index: usize) -> String {
        format!("trainer-{index}")
    }

    /// Each client rests on another number of examples.
    pub(crate) fn examples(index: usize) -> u64 {
        10 * index as u64 + 7
    }

    /// The model that it makes of a model: other in each round, by each client, for each value.
    fn trained(&self, model: &Bytes, round: u64) -> Result<Bytes> {
        let trained = npz::read(model)?.into_iter().map(|array| {
            let values = array.values.iter().enumerate().map(|(index, value)| {
                let phase = index as f32 * 0.37 + round as f32 * 1.3 + self.index as f32;
                value + (0.05 + self.index as f32 * 0.01) * phase.sin()
            });
            Entry::float32(&array.name, &array.shape, &values.collect::<Vec<_>>())
        });
        npz::archive(&trained.collect::<Vec<_>>())
    }
}

#[async_trait]
impl Behaviour for Trainer {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let round = round(task);
        self.stage.open.subscribe().wait_for(|open| round <= *open).await?;
        Ok(vec![Answer::honest(task, self.trained(model, round)?, Self::examples(self.index))])
    }

    async fn before_piece(&self, task: &Task, sent: usize, _attempt: u32) {
        if sent > 0 {
            self.stage.stop(round(task), self.index, Moment::InUpload).await;
        }
    }

    async fn uploaded(&self, task: &Task) {
        self.stage.stop(round(task), self.index, Moment::AfterUpload).await;
    }
}
