//! Rounds to try aggregators on: a global model, and what honest and byzantine clients send.

use fedwit_runtime::{Plugin, Round, Update, UpdateInfo};
use fedwit_tensor::{DType, Parameters};
use fedwit_tests::{model_of, round, values};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// What models are made of: one tensor, several, scalars, and one without elements.
pub(crate) const SHAPES: [&[&[usize]]; 4] = [&[&[7]], &[&[3, 4], &[4], &[]], &[&[]], &[&[2, 3, 2], &[0], &[1]]];

/// What byzantine clients do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    /// Each sends something far away.
    Outliers,
    /// All are honest but for one coordinate, where they agree on something far away.
    OneCoordinate,
    /// All send what the first honest client sends, so that scores tie.
    Copies,
}

/// One round.
pub(crate) struct Scene {
    pub(crate) dtype: DType,
    pub(crate) byzantine: usize,
    pub(crate) updates: Vec<Update>,
    pub(crate) random: ChaCha8Rng,
    shapes: &'static [&'static [usize]],
    global: Parameters,
    /// In the order of the clients' ids, of each update the model that it started from and the one that was sent.
    sent: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Scene {
    /// Honest clients around one point, and byzantine ones, with ids in no order. `tied` values are multiples of a
    /// quarter, few of them, so that many distances are the same to the last bit.
    pub(crate) fn random(
        seed: u64,
        dtype: DType,
        shapes: &'static [&'static [usize]],
        clients: usize,
        byzantine: usize,
        attack: Attack,
        tied: bool,
    ) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let elements: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        let mut value = |width: f64| {
            let value = random.random_range(-width..width);
            if tied { (value * 4.0).round() / 4.0 } else { value }
        };
        let global: Vec<f64> = (0..elements).map(|_| value(2.0)).collect();
        let mut sent: Vec<Vec<f64>> =
            (0..clients).map(|_| global.iter().map(|weight| weight + value(0.5)).collect()).collect();
        let honest = sent[byzantine].clone();
        for (number, model) in sent[..byzantine].iter_mut().enumerate() {
            match attack {
                Attack::Outliers => model.iter_mut().for_each(|weight| *weight += value(64.0) * 1024.0),
                Attack::OneCoordinate => model[seed as usize % elements] = 64.0,
                Attack::Copies => model.clone_from(&honest),
            }
            // Two outliers are not to be each other's neighbours.
            if matches!(attack, Attack::Outliers) {
                model[0] += 1e6 * (1 + number) as f64;
            }
        }
        sent.shuffle(&mut random);
        Self::new(dtype, byzantine, random, shapes, &global, &sent)
    }

    /// Ten clients that have gone by a small step from weights of about one, in float32.
    pub(crate) fn small_steps(seed: u64, step: f64) -> Self {
        const SHAPES: &[&[usize]] = &[&[50, 20]];
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = |around: &[f64], width: f64| -> Vec<f64> {
            around.iter().map(|value| value + random.random_range(-width..width)).collect()
        };
        let global = weights(&[0.0; 1000], 1.0);
        let sent: Vec<_> = (0..10).map(|_| weights(&global, step)).collect();
        Self::new(DType::F32, 2, random, SHAPES, &global, &sent)
    }

    fn new(
        dtype: DType,
        byzantine: usize,
        random: ChaCha8Rng,
        shapes: &'static [&'static [usize]],
        global: &[f64],
        sent: &[Vec<f64>],
    ) -> Self {
        let global = model_of(dtype, shapes, global);
        let mut scene = Self { dtype, byzantine, updates: Vec::new(), random, shapes, global, sent: Vec::new() };
        for (number, sent) in sent.iter().enumerate() {
            // Not padded: the order of ids is that of texts, in which 10 comes before 9.
            let (base, info) = (scene.global.clone(), info(format!("client-{number}")));
            scene.add(info, &base, sent);
        }
        scene.settle();
        scene
    }

    /// Lets the clients start from models of their own, older than the global model by up to twenty.
    pub(crate) fn grow_stale(&mut self) {
        let old = std::mem::take(&mut self.updates);
        let sent: Vec<_> = self.models();
        self.sent.clear();
        for (update, sent) in old.iter().zip(&sent) {
            let staleness = self.random.random_range(0..=20);
            let aged: Vec<f64> =
                self.global_values().iter().map(|value| value + f64::from(staleness) * 0.125).collect();
            let base = model_of(self.dtype, self.shapes, &aged);
            let drifted: Vec<f64> = sent.iter().map(|value| value + f64::from(staleness) * 0.125).collect();
            let info = UpdateInfo { staleness, round: 100 - u64::from(staleness), ..update.info().clone() };
            self.add(info, &base, &drifted);
        }
    }

    /// Tells other things of the updates.
    pub(crate) fn rename(&mut self, rename: impl Fn(usize, UpdateInfo) -> UpdateInfo) {
        let shapes = self.shapes;
        for (number, (update, (base, sent))) in self.updates.iter_mut().zip(&self.sent).enumerate() {
            let (base, sent) = (model_of(self.dtype, shapes, base), model_of(self.dtype, shapes, sent));
            *update = Update::checked(rename(number, update.info().clone()), &sent, &base).unwrap();
        }
    }

    fn add(&mut self, info: UpdateInfo, base: &Parameters, sent: &[f64]) {
        let sent = model_of(self.dtype, self.shapes, sent);
        self.sent.push((values(base), values(&sent)));
        self.updates.push(Update::checked(info, &sent, base).unwrap());
    }

    /// Brings everything into the order of the clients' ids.
    fn settle(&mut self) {
        let mut order: Vec<usize> = (0..self.updates.len()).collect();
        order.sort_by(|a, b| self.updates[*a].info().client.cmp(&self.updates[*b].info().client));
        self.updates = order.iter().map(|number| self.updates[*number].clone()).collect();
        self.sent = order.iter().map(|number| self.sent[*number].clone()).collect();
    }

    pub(crate) fn global_values(&self) -> Vec<f64> {
        values(&self.global)
    }

    /// What was sent, in the order of the clients' ids.
    pub(crate) fn models(&self) -> Vec<Vec<f64>> {
        self.sent.iter().map(|(_, sent)| sent.clone()).collect()
    }

    /// How far the clients went, in the order of their ids.
    pub(crate) fn deltas(&self) -> Vec<Vec<f64>> {
        self.sent.iter().map(|(base, sent)| sent.iter().zip(base).map(|(sent, base)| sent - base).collect()).collect()
    }

    /// What an aggregator makes of it. The updates come in an order that is not that of their ids.
    pub(crate) fn round(&self, plugin: &Plugin, config: &Value) -> fedwit_runtime::Outcome {
        let mut aggregation = plugin.begin(self.beginning(config)).unwrap();
        for update in self.arrivals() {
            aggregation.add(update).unwrap();
        }
        aggregation.finish().unwrap()
    }

    /// What it makes of shares that are merged.
    pub(crate) fn shared_out(&self, plugin: &Plugin, config: &Value, shares: usize) -> fedwit_runtime::Outcome {
        let mut controller = plugin.begin(self.beginning(config)).unwrap();
        for share in 0..shares {
            let mut combiner = plugin.begin(self.beginning(config)).unwrap();
            for update in self.arrivals().into_iter().skip(share).step_by(shares) {
                combiner.add(update).unwrap();
            }
            controller.merge(combiner.partial().unwrap()).unwrap();
        }
        controller.finish().unwrap()
    }

    fn arrivals(&self) -> Vec<Update> {
        let mut updates = self.updates.clone();
        updates.shuffle(&mut self.random.clone());
        updates
    }

    fn beginning(&self, config: &Value) -> Round {
        Round { number: 100, ..round(&self.global, &config.to_string()) }
    }
}

fn info(client: String) -> UpdateInfo {
    UpdateInfo { update: client.clone(), client, round: 100, staleness: 0, num_examples: 1, metrics: Vec::new() }
}
