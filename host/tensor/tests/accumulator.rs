//! The running weighted mean.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use fedwit_tensor::{Accumulator, DType, Parameters, TensorError};
use proptest::prelude::*;
use support::{floats, model, noise, of_dtype, values};

fn folded(updates: &[(Parameters, f64)]) -> Accumulator {
    let mut accumulator = Accumulator::new(updates[0].0.layout()).unwrap();
    for (value, weight) in updates {
        accumulator.add(value, *weight).unwrap();
    }
    accumulator
}

#[test]
fn ten_thousand_updates_stay_within_a_millionth_of_the_exact_mean() {
    const ELEMENTS: usize = 500;
    let mut next = noise(7);
    let mut sums = vec![Exact::default(); ELEMENTS];
    let mut total = Exact::default();
    let layout = floats(&[("w", &[0.0; ELEMENTS])]).layout().clone();
    let mut accumulator = Accumulator::new(&layout).unwrap();
    for update in 0..10_000_u32 {
        // Weights over six magnitudes: a float32 sum of products would lose the small ones.
        let weight = f64::from(1 + update % 1_000_003).powi(2) % 1e6 + 1.0;
        let numbers: Vec<f64> = (0..ELEMENTS).map(|_| f64::from((1.0 + next()) as f32)).collect();
        accumulator.add(&floats(&[("w", &numbers)]), weight).unwrap();
        total.add(weight);
        for (sum, value) in sums.iter_mut().zip(&numbers) {
            sum.add(weight * value);
        }
    }
    let mean = accumulator.mean().unwrap().outcome(&layout).unwrap();
    let exact: Vec<f64> = sums.iter().map(|sum| sum.value() / total.value()).collect();
    let largest = exact.iter().copied().fold(0.0, f64::max);
    for (found, exact) in values(&mean, "w").iter().zip(&exact) {
        assert!((found - exact).abs() <= 1e-6 * largest, "{found} is not {exact}");
    }
}

/// A sum that carries what float64 rounds off (Neumaier).
#[derive(Clone, Default)]
struct Exact {
    sum: f64,
    lost: f64,
}

impl Exact {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        self.lost += if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

#[test]
fn a_weight_that_a_mean_cannot_divide_by_is_refused_and_changes_nothing() {
    let value = floats(&[("w", &[1.0])]);
    let mut accumulator = folded(&[(value.clone(), 2.0)]);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(accumulator.add(&value, weight), Err(TensorError::Weight { .. })), "{weight}");
    }
    accumulator.add(&value, f64::MAX).unwrap();
    assert_eq!(accumulator.add(&value, f64::MAX), Err(TensorError::TotalWeight));
    assert_eq!(accumulator.total_weight(), 2.0 + f64::MAX);
    assert_eq!(values(&accumulator.mean().unwrap(), "w"), [1.0]);
}

#[test]
fn a_refused_value_leaves_neither_its_weight_nor_its_tensors() {
    let mut accumulator = folded(&[(floats(&[("a", &[1.0]), ("b", &[3.0])]), 1.0)]);
    for misfit in [
        floats(&[("a", &[9.0])]),
        floats(&[("a", &[9.0]), ("b", &[9.0, 9.0])]),
        floats(&[("a", &[9.0]), ("c", &[9.0])]),
    ] {
        accumulator.add(&misfit, 100.0).unwrap_err();
    }
    assert_eq!(accumulator.total_weight(), 1.0);
    let mean = accumulator.mean().unwrap();
    assert_eq!((values(&mean, "a"), values(&mean, "b")), (vec![1.0], vec![3.0]));
}

#[test]
fn what_waits_counts_and_a_refusal_among_it_changes_nothing() {
    let mut accumulator = Accumulator::new(floats(&[("w", &[0.0])]).layout()).unwrap();
    for round in 0..40_u32 {
        accumulator.add(&floats(&[("w", &[f64::from(round)])]), 2.0).unwrap();
        assert_eq!(accumulator.total_weight(), f64::from(round + 1) * 2.0);
        accumulator.add(&floats(&[("w", &[1e9, 1e9])]), 2.0).unwrap_err();
        accumulator.add(&floats(&[("w", &[1e9])]), -1.0).unwrap_err();
        if round == 20 {
            accumulator.flush();
            accumulator.flush();
        }
    }
    let mean = values(&accumulator.mean().unwrap(), "w")[0];
    assert!((mean - 19.5).abs() < 1e-12, "{mean}");
}

#[test]
fn a_mean_of_nothing_is_refused() {
    let accumulator = Accumulator::new(floats(&[("w", &[1.0])]).layout()).unwrap();
    assert_eq!(accumulator.mean().unwrap_err(), TensorError::NoValues);
}

#[test]
fn a_mean_has_the_dtypes_of_its_values_and_is_not_yet_rounded() {
    for dtype in DType::ALL {
        let mean = folded(&[(of_dtype(dtype, &[1.0]), 1.0), (of_dtype(dtype, &[2.0]), 1.0)]).mean().unwrap();
        assert_eq!(mean.layout().tensors()[0].dtype, dtype);
        assert_eq!(values(&mean.scaled(2.0).unwrap(), "w"), [3.0], "{dtype}");
    }
}

#[test]
fn a_small_difference_to_a_mean_keeps_its_digits() {
    // One float32 step of 1000 is 6e-5: rounded to float32, this mean would be 1000.
    let base = floats(&[("w", &[1000.0])]);
    let next = floats(&[("w", &[1000.0 + 2.0_f64.powi(-14)])]);
    let updates: Vec<_> = [(base.clone(), 1023.0), (next, 1.0)].into();
    let delta = folded(&updates).mean().unwrap().minus(&base).unwrap();
    assert!((values(&delta, "w")[0] / 2.0_f64.powi(-24) - 1.0).abs() < 1e-6);
}

#[test]
fn scalars_and_empty_tensors_are_folded() {
    let odd = |value: f64| model(&[("scalar", DType::F32, vec![], &[value]), ("empty", DType::F64, vec![0, 2], &[])]);
    let mean = folded(&[(odd(1.0), 1.0), (odd(4.0), 2.0)]).mean().unwrap();
    assert_eq!((values(&mean, "scalar"), values(&mean, "empty")), (vec![3.0], vec![]));
}

proptest! {
    /// Whatever the order and whatever the split into shares that are merged by their weights.
    #[test]
    fn any_order_and_any_split_give_the_same_mean(
        seed in any::<u64>(),
        weights in prop::collection::vec(1_u32..1_000_000, 1..40),
        rotation in any::<prop::sample::Index>(),
        shares in 1_usize..6,
    ) {
        let mut next = noise(seed);
        let mut updates: Vec<_> = weights
            .iter()
            .map(|weight| (floats(&[("w", &[next() * 1e3, next(), next() * 1e-3])]), f64::from(*weight)))
            .collect();
        let layout = updates[0].0.layout().clone();
        let in_order = values(&folded(&updates).mean().unwrap().outcome(&layout).unwrap(), "w");

        let rotation = rotation.index(updates.len());
        updates.rotate_left(rotation);
        updates.reverse();
        let mut merged = Accumulator::new(&layout).unwrap();
        for share in 0..shares {
            let share: Vec<_> = updates.iter().skip(share).step_by(shares).cloned().collect();
            if !share.is_empty() {
                let part = folded(&share);
                let weight = part.total_weight();
                merged.add(&part.mean().unwrap(), weight).unwrap();
            }
        }
        let split = values(&merged.mean().unwrap().outcome(&layout).unwrap(), "w");
        let largest = in_order.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        for (one, other) in in_order.iter().zip(&split) {
            prop_assert!((one - other).abs() <= 1e-6 * largest, "{one} is not {other}");
        }
    }
}
