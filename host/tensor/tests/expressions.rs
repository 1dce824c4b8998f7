//! Expressions: computed late, in one pass, and no different for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fedwit_tensor::{Accumulator, DType, Device, Parameters, median, squared_norms};
use proptest::prelude::*;
use support::{floats, noise, of_dtype, values};

/// An operation on values that were computed before, by their positions.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Plus,
    Minus,
    Times,
    DividedBy,
    Maximum,
    Minimum,
    Scaled(f64),
    Shifted(f64),
    Power(f64),
    Clamped(f64),
    Filled(f64),
    Square,
    Root,
    Magnitude,
    Sign,
    Float32,
    Float16,
}

fn operations() -> impl Strategy<Value = Operation> {
    use Operation::{
        Clamped, DividedBy, Filled, Float16, Float32, Magnitude, Maximum, Minimum, Minus, Plus, Power, Root, Scaled,
        Shifted, Sign, Square, Times,
    };
    prop_oneof![
        Just(Plus),
        Just(Minus),
        Just(Times),
        Just(DividedBy),
        Just(Maximum),
        Just(Minimum),
        (-3.0..3.0).prop_map(Scaled),
        (-3.0..3.0).prop_map(Shifted),
        (0.0..3.0).prop_map(Power),
        (0.0..3.0).prop_map(Clamped),
        (-3.0..3.0).prop_map(Filled),
        Just(Square),
        Just(Root),
        Just(Magnitude),
        Just(Sign),
        Just(Float32),
        Just(Float16),
    ]
}

fn lazily(operation: Operation, left: &Parameters, right: &Parameters) -> Parameters {
    match operation {
        Operation::Plus => left.plus(right),
        Operation::Minus => left.minus(right),
        Operation::Times => left.times(right),
        Operation::DividedBy => left.divided_by(right),
        Operation::Maximum => left.maximum(right),
        Operation::Minimum => left.minimum(right),
        Operation::Scaled(factor) => left.scaled(factor),
        Operation::Shifted(offset) => left.shifted(offset),
        Operation::Power(exponent) => left.power(exponent),
        Operation::Clamped(bound) => left.clamped(-bound, bound),
        Operation::Filled(value) => left.filled(value),
        Operation::Square => left.square(),
        Operation::Root => left.root(),
        Operation::Magnitude => left.magnitude(),
        Operation::Sign => left.sign(),
        Operation::Float32 => left.cast(DType::F32).and_then(|rounded| rounded.cast(DType::F64)),
        Operation::Float16 => left.cast(DType::F16).and_then(|rounded| rounded.cast(DType::F64)),
    }
    .unwrap()
}

fn plainly(operation: Operation, left: f64, right: f64) -> f64 {
    match operation {
        Operation::Plus => left + right,
        Operation::Minus => left - right,
        Operation::Times => left * right,
        Operation::DividedBy => left / right,
        Operation::Maximum | Operation::Minimum if left.is_nan() || right.is_nan() => f64::NAN,
        Operation::Maximum => left.max(right),
        Operation::Minimum => left.min(right),
        Operation::Scaled(factor) => left * factor,
        Operation::Shifted(offset) => left + offset,
        Operation::Power(exponent) => left.powf(exponent),
        Operation::Clamped(bound) => left.clamp(-bound, bound),
        Operation::Filled(value) => value,
        Operation::Square => left * left,
        Operation::Root => left.sqrt(),
        Operation::Magnitude => left.abs(),
        Operation::Sign if left == 0.0 => 0.0,
        Operation::Sign => left.signum(),
        Operation::Float32 => f64::from(left as f32),
        Operation::Float16 => half::f16::from_f64(left).to_f64(),
    }
}

fn same(left: &[f64], right: &[f64]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

/// A graph over three inputs: every result, lazily, and its values, computed one operation after the other.
fn graph(seed: u64, elements: usize, steps: &[(Operation, [prop::sample::Index; 2])]) -> Vec<(Parameters, Vec<f64>)> {
    let mut next = noise(seed);
    let mut all: Vec<(Parameters, Vec<f64>)> = (0..3)
        .map(|_| {
            let numbers: Vec<f64> = (0..elements).map(|_| next() * 2.0).collect();
            (of_dtype(DType::F64, &numbers), numbers)
        })
        .collect();
    for (operation, [left, right]) in steps {
        let ((left, lefts), (right, rights)) = (left.get(&all), right.get(&all));
        let plain = lefts.iter().zip(rights).map(|(left, right)| plainly(*operation, *left, *right)).collect();
        all.push((lazily(*operation, left, right), plain));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One at a time, all of them in one pass, in reductions, in a fold and in order statistics.
    #[test]
    fn any_graph_gives_what_its_operations_give_one_after_the_other(
        seed in any::<u64>(),
        elements in prop_oneof![1_usize..40, Just(1024), 1025_usize..3000],
        steps in prop::collection::vec((operations(), any::<[prop::sample::Index; 2]>()), 1..40),
    ) {
        let all = graph(seed, elements, &steps);
        let lazy: Vec<&Parameters> = all.iter().map(|(lazy, _)| lazy).collect();
        let kept = Parameters::evaluate_all(&lazy);
        let settled = Parameters::settle_all(&lazy);
        let norms = squared_norms(&lazy);
        let mut together = Accumulator::new(lazy[0].layout()).unwrap();
        let mut apart = Accumulator::new(lazy[0].layout()).unwrap();
        for (((lazy, plain), kept), (settled, norm)) in all.iter().zip(&kept).zip(settled.iter().zip(norms)) {
            prop_assert!(same(&values(lazy, "w"), plain), "read");
            prop_assert!(same(&values(kept, "w"), plain), "evaluated");
            prop_assert!(same(&values(settled.as_ref().unwrap(), "w"), plain), "settled");
            prop_assert_eq!(kept.nodes(), 0);
            prop_assert_eq!(norm.to_bits(), kept.squared_norm().to_bits());
            prop_assert_eq!(lazy.check_finite().is_ok(), plain.iter().all(|value| value.is_finite()));
            prop_assert_eq!(kept.check_finite().is_ok(), plain.iter().all(|value| value.is_finite()));
            together.add(lazy, 1.5).unwrap();
            apart.add(kept, 1.5).unwrap();
            apart.flush();
        }
        prop_assert!(same(&values(&together.mean().unwrap(), "w"), &values(&apart.mean().unwrap(), "w")));
        let on_candle = Parameters::evaluate_all_on(&lazy, &Device::candle_cpu()).unwrap();
        for ((_, plain), on_candle) in all.iter().zip(on_candle) {
            prop_assert!(same(&values(&on_candle, "w"), plain), "on Candle");
        }
        let kept: Vec<&Parameters> = kept.iter().collect();
        prop_assert!(same(&values(&median(&lazy).unwrap(), "w"), &values(&median(&kept).unwrap(), "w")));
    }
}

#[test]
fn a_chain_of_a_million_operations_is_computed_and_dropped() {
    let one = of_dtype(DType::F64, &[1.0]);
    let mut left_leaning = one.clone();
    let mut right_leaning = one.clone();
    for _ in 0..1_000_000 {
        left_leaning = left_leaning.plus(&one).unwrap();
        right_leaning = one.plus(&right_leaning).unwrap();
    }
    assert_eq!(left_leaning.nodes(), 1_000_000);
    assert_eq!(left_leaning.pinned_bytes(), 8, "one value, however often it is used");
    assert_eq!((left_leaning.sum(), right_leaning.sum()), (1_000_001.0, 1_000_001.0));
}

#[test]
fn what_is_shared_is_computed_once() {
    let mut doubled = floats(&[("w", &[1.0, -3.0])]);
    for _ in 0..64 {
        doubled = doubled.plus(&doubled).unwrap();
    }
    assert_eq!(doubled.nodes(), usize::MAX, "counted as often as it is used");
    let factor = 2.0_f64.powi(64);
    assert_eq!(values(&doubled, "w"), [factor, -3.0 * factor]);
    assert_eq!(values(&doubled.evaluated(), "w"), [factor, -3.0 * factor]);
}

#[test]
fn values_are_rounded_where_they_are_cast_or_kept_and_nowhere_else() {
    let third = floats(&[("w", &[1.0])]).divided_by(&floats(&[("w", &[3.0])])).unwrap();
    assert_eq!(values(&third, "w"), [1.0 / 3.0]);
    let single = f64::from((1.0 / 3.0) as f32);
    for rounded in
        [third.evaluated(), third.settled().unwrap(), third.cast(DType::F32).unwrap(), third.widened().unwrap()]
    {
        assert_eq!(values(&rounded, "w"), [single]);
        assert_eq!(values(&rounded.scaled(3.0).unwrap(), "w"), [single * 3.0], "in the middle of an expression too");
    }
    let half = third.cast(DType::F16).unwrap();
    assert_eq!(values(&half, "w"), [half::f16::from_f64(1.0 / 3.0).to_f64()]);
    assert_eq!(half.evaluated().heap_bytes(), 2, "a result that was rounded is kept as narrow");
}

#[test]
fn an_integer_that_cannot_hold_a_value_is_known_at_the_cast() {
    let lazy = floats(&[("w", &[100.0])]).scaled(3.0).unwrap();
    assert!(lazy.cast(DType::U8).is_err());
    let counts = of_dtype(DType::U8, &[100.0]).scaled(3.0).unwrap();
    let fine = of_dtype(DType::U8, &[100.0]).scaled(2.0).unwrap();
    let settled = Parameters::settle_all(&[&counts, &fine]);
    assert!(settled[0].is_err());
    assert_eq!(values(settled[1].as_ref().unwrap(), "w"), [200.0], "what is wrong with one is no other's fault");
}

#[test]
fn several_results_of_models_in_different_orders_are_made_in_one_pass() {
    let left = floats(&[("a", &[1.0]), ("b", &[10.0, 20.0])]);
    let right = floats(&[("b", &[1.0, 2.0]), ("c", &[7.0]), ("a", &[5.0])]);
    let part = right.only(&["a".into(), "b".into()]).unwrap();
    let (sum, squares) = (left.plus(&part).unwrap(), right.square().unwrap());
    let all = Parameters::evaluate_all(&[&sum, &squares, &left]);
    assert_eq!((values(&all[0], "a"), values(&all[0], "b")), (vec![6.0], vec![11.0, 22.0]));
    assert_eq!((values(&all[1], "b"), values(&all[1], "c")), (vec![1.0, 4.0], vec![49.0]));
    let twice = sum.scaled(2.0).unwrap();
    let sharing = Parameters::sharing(&[sum, left], [&twice, &squares].into_iter());
    assert!(sharing.len() == 1 && sharing[0].is(&twice), "the other shares values, but nothing that is computed");
}

#[test]
fn memory_is_guarded_as_long_as_an_expression_needs_it() {
    struct Claim(Arc<AtomicUsize>, usize);
    impl Drop for Claim {
        fn drop(&mut self) {
            self.0.fetch_sub(self.1, Ordering::Relaxed);
        }
    }
    let used = Arc::new(AtomicUsize::new(0));
    let kept = floats(&[("a", &[1.0, 2.0]), ("b", &[3.0])]).scaled(2.0).unwrap().evaluated();
    let kept = kept.guarded(|bytes| {
        used.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Claim(Arc::clone(&used), bytes))
    });
    assert_eq!(used.load(Ordering::Relaxed), 12);
    let expression = kept.only(&["a".into()]).unwrap().scaled(0.5).unwrap();
    drop(kept);
    assert_eq!(used.load(Ordering::Relaxed), 8, "the other tensor is gone");
    assert_eq!(expression.pinned_bytes(), 8);
    let result = expression.evaluated();
    drop(expression);
    assert_eq!(used.load(Ordering::Relaxed), 0);
    assert_eq!(values(&result, "a"), [1.0, 2.0]);
}

#[test]
fn candles_operations_give_what_the_kernel_gives_in_every_dtype() {
    for dtype in DType::ALL {
        let numbers: Vec<f64> = (0..100).map(f64::from).collect();
        let model = of_dtype(dtype, &numbers);
        let result = model.scaled(1.0 / 3.0).and_then(|third| third.plus(&model)).unwrap();
        let (kernel, candle) =
            (result.evaluated(), Parameters::evaluate_all_on(&[&result, &model], &Device::candle_cpu()).unwrap());
        assert_eq!(values(&kernel, "w"), values(&candle[0], "w"), "{dtype}");
        assert_eq!(kernel.heap_bytes(), candle[0].heap_bytes(), "{dtype}");
        assert!(candle[1].is(&model), "what is kept is shared");
    }
}
