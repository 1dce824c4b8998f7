//! Arithmetic on whole models, with Candle's own operations as the peer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use candle_core::{Device, Tensor};
use fedwit_tensor::{DType, Parameters, TensorError};
use support::{floats, model, noise, of_dtype, values};

/// More than one piece of work, and no whole number of blocks.
const MANY: usize = 70_001;

fn random(seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..MANY).map(|_| f64::from(next() as f32)).collect()
}

fn on_candle(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

#[track_caller]
fn assert_is(ours: &Parameters, candles: &candle_core::Result<Tensor>) {
    let candles = candles.as_ref().unwrap().to_vec1::<f64>().unwrap();
    assert_eq!(values(ours, "w"), candles, "nothing is rounded in an expression");
    let rounded: Vec<f64> = candles.into_iter().map(|value| f64::from(value as f32)).collect();
    assert_eq!(values(&ours.evaluated(), "w"), rounded, "what is kept is");
}

#[test]
fn operations_on_two_models_are_candles() {
    let (a, b) = (random(1), random(2));
    let (left, right) = (floats(&[("w", &a)]), floats(&[("w", &b)]));
    let (a, b) = (on_candle(&a), on_candle(&b));
    assert_is(&left.plus(&right).unwrap(), &(&a + &b));
    assert_is(&left.minus(&right).unwrap(), &(&a - &b));
    assert_is(&left.times(&right).unwrap(), &(&a * &b));
    assert_is(&left.divided_by(&right).unwrap(), &(&a / &b));
    assert_is(&left.maximum(&right).unwrap(), &a.maximum(&b));
    assert_is(&left.minimum(&right).unwrap(), &a.minimum(&b));
}

#[test]
fn operations_on_one_model_are_candles() {
    let a: Vec<f64> = random(3).into_iter().map(f64::abs).collect();
    let ours = floats(&[("w", &a)]);
    let a = on_candle(&a);
    assert_is(&ours.scaled(-2.5).unwrap(), &a.affine(-2.5, 0.0));
    assert_is(&ours.shifted(0.1).unwrap(), &a.affine(1.0, 0.1));
    assert_is(&ours.power(1.5).unwrap(), &a.powf(1.5));
    assert_is(&ours.clamped(0.25, 0.5).unwrap(), &a.clamp(0.25, 0.5));
    assert_is(&ours.square().unwrap(), &a.sqr());
    assert_is(&ours.root().unwrap(), &a.sqrt());
    assert_is(&ours.scaled(-1.0).unwrap().magnitude().unwrap(), &Ok(a.clone()));
    assert_is(&ours.filled(0.75).unwrap(), &a.affine(0.0, 0.75));
}

#[test]
fn the_sign_of_zero_is_zero() {
    let signs = floats(&[("w", &[-2.0, -0.0, 0.0, 3.0])]).sign().unwrap();
    assert_eq!(values(&signs, "w"), [-1.0, 0.0, 0.0, 1.0]);
    assert!(values(&floats(&[("w", &[f64::NAN])]).sign().unwrap(), "w")[0].is_nan());
}

#[test]
fn not_a_number_wins_on_either_side() {
    let (a, b) = (floats(&[("w", &[f64::NAN, 1.0, 1.0])]), floats(&[("w", &[2.0, f64::NAN, 2.0])]));
    for result in [a.maximum(&b).unwrap(), a.minimum(&b).unwrap()] {
        let found = values(&result, "w");
        assert!(found[0].is_nan() && found[1].is_nan() && !found[2].is_nan(), "{found:?}");
    }
}

#[test]
fn nothing_is_broadcast() {
    let error = floats(&[("w", &[1.0, 2.0, 3.0])]).plus(&floats(&[("w", &[1.0])])).unwrap_err();
    assert_eq!(error, TensorError::Shape { name: "w".into(), expected: vec![3], found: vec![1] });
    let row = model(&[("w", DType::F32, vec![1, 3], &[1.0, 2.0, 3.0])]);
    assert!(row.plus(&floats(&[("w", &[1.0, 2.0, 3.0])])).is_err());
}

#[test]
fn a_missing_or_an_extra_tensor_is_refused_by_name() {
    let (one, two) = (floats(&[("a", &[1.0])]), floats(&[("a", &[1.0]), ("b", &[1.0])]));
    assert_eq!(two.plus(&one).unwrap_err(), TensorError::Missing { name: "b".into() });
    assert_eq!(one.plus(&two).unwrap_err(), TensorError::Unexpected { name: "b".into() });
}

#[test]
fn tensors_meet_by_name_whatever_their_order() {
    let left = floats(&[("a", &[1.0]), ("b", &[10.0, 20.0])]);
    let right = floats(&[("b", &[1.0, 2.0]), ("a", &[5.0])]);
    let sum = left.plus(&right).unwrap();
    assert_eq!((values(&sum, "a"), values(&sum, "b")), (vec![6.0], vec![11.0, 22.0]));
    assert_eq!(sum.layout(), left.layout());
}

#[test]
fn operands_stay_what_they_were() {
    let (left, right) = (floats(&[("w", &[1.0, 2.0])]), floats(&[("w", &[3.0, 4.0])]));
    let copy = left.clone();
    left.plus(&right).unwrap();
    left.filled(9.0).unwrap();
    assert_eq!(
        (values(&left, "w"), values(&copy, "w"), values(&right, "w")),
        (vec![1.0, 2.0], vec![1.0, 2.0], vec![3.0, 4.0])
    );
}

#[test]
fn half_precision_is_rounded_at_the_end_only() {
    for dtype in [DType::F16, DType::BF16] {
        let one = of_dtype(dtype, &[1.0]);
        let nearly = one.shifted(1.0 / 8192.0).unwrap();
        assert_eq!(nearly.layout(), one.layout(), "{dtype}");
        assert_eq!(values(&nearly.minus(&one).unwrap(), "w"), [1.0 / 8192.0], "{dtype}");
        assert_eq!(values(&nearly.outcome(one.layout()).unwrap(), "w"), [1.0], "{dtype}");
    }
}

#[test]
fn integers_keep_their_dtype_and_are_rounded_to_even_at_the_end_only() {
    for dtype in [DType::I64, DType::U32, DType::U8] {
        let counts = of_dtype(dtype, &[1.0, 5.0, 7.0]);
        let halves = counts.scaled(0.5).unwrap();
        assert_eq!(values(&halves.scaled(2.0).unwrap(), "w"), [1.0, 5.0, 7.0], "{dtype}");
        let outcome = halves.outcome(counts.layout()).unwrap();
        assert_eq!(outcome.layout(), counts.layout());
        assert_eq!(values(&outcome, "w"), [0.0, 2.0, 4.0], "{dtype}");
    }
}

#[test]
fn what_is_not_computed_with_stays_exact() {
    let big = i64::MAX - 1;
    let model = of_dtype(DType::I64, &[0.0]);
    let mut builder = fedwit_tensor::Builder::zeros(model.layout());
    builder.write("w", 0, &big.to_le_bytes()).unwrap();
    let outcome = builder.build().outcome(model.layout()).unwrap();
    assert_eq!(outcome.read("w", 0, 1).unwrap(), big.to_le_bytes());
}

#[test]
fn a_cast_that_cannot_hold_a_value_names_the_tensor() {
    let error = floats(&[("a", &[1.0]), ("b", &[256.0])]).cast(DType::U8).unwrap_err();
    assert_eq!(error, TensorError::Unrepresentable { name: "b".into(), value: 256.0, dtype: DType::U8 });
    for (value, dtype) in
        [(-1.0, DType::U32), (4_294_967_296.0, DType::U32), (f64::NAN, DType::I64), (9.3e18, DType::I64)]
    {
        assert!(of_dtype(DType::F64, &[value]).cast(dtype).is_err(), "{value} as {dtype}");
    }
    assert_eq!(values(&of_dtype(DType::F64, &[-0.4, 255.4]).cast(DType::U8).unwrap(), "w"), [0.0, 255.0]);
}

#[test]
fn an_outcome_that_overflows_its_dtype_is_refused() {
    let half = of_dtype(DType::F16, &[60_000.0]);
    let error = half.scaled(2.0).unwrap().outcome(half.layout()).unwrap_err();
    assert_eq!(error, TensorError::NotFinite { name: "w".into() });
}

#[test]
fn a_widened_model_keeps_fractions_of_every_dtype() {
    for dtype in DType::ALL {
        let widened = of_dtype(dtype, &[1.0]).widened().unwrap();
        assert_eq!(widened.layout().tensors()[0].dtype, dtype.widened());
        let half = widened.scaled(0.5).unwrap().settled().unwrap();
        assert_eq!(values(&half, "w"), [0.5], "{dtype}");
    }
}

#[test]
fn scalars_and_empty_tensors_are_computed_with() {
    for dtype in DType::ALL {
        let odd = model(&[("scalar", dtype, vec![], &[2.0]), ("empty", dtype, vec![3, 0, 2], &[])]);
        let sum = odd.plus(&odd).unwrap().outcome(odd.layout()).unwrap();
        assert_eq!((values(&sum, "scalar"), values(&sum, "empty")), (vec![4.0], vec![]), "{dtype}");
        assert_eq!(sum.sum(), 4.0);
    }
}

#[test]
fn an_interval_that_is_none_is_refused() {
    let model = floats(&[("w", &[1.0])]);
    for (low, high) in [(1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::NAN)] {
        assert!(model.clamped(low, high).is_err(), "{low} to {high}");
    }
}

#[test]
fn a_delta_takes_no_memory_and_is_exact() {
    let base = floats(&[("w", &random(4))]);
    let update = base.shifted(0.001).unwrap().settled().unwrap();
    let delta = update.delta_from(&base).unwrap();
    assert_eq!(delta.heap_bytes(), 0);
    let exact: Vec<f64> = values(&update, "w").iter().zip(values(&base, "w")).map(|(u, x)| u - x).collect();
    assert_eq!(values(&delta, "w"), exact);
}

#[test]
fn parts_are_taken_and_put_back_by_name() {
    let whole = floats(&[("a", &[1.0]), ("b", &[2.0]), ("c", &[3.0])]);
    let part = whole.only(&["c".into(), "a".into()]).unwrap();
    let names: Vec<_> = part.layout().tensors().iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["a", "c"]);
    let back = whole.replaced(&part.scaled(10.0).unwrap()).unwrap();
    assert_eq!([values(&back, "a"), values(&back, "b"), values(&back, "c")], [[10.0], [2.0], [30.0]]);
    assert_eq!(whole.only(&["x".into()]).unwrap_err(), TensorError::Missing { name: "x".into() });
    assert_eq!(whole.only(&["a".into(), "a".into()]).unwrap_err(), TensorError::Duplicate { name: "a".into() });
    assert!(whole.replaced(&floats(&[("a", &[1.0, 2.0])])).is_err());
    assert!(whole.replaced(&floats(&[("x", &[1.0])])).is_err());
}

#[test]
fn reading_and_writing_beyond_a_tensor_is_refused() {
    let model = floats(&[("w", &[1.0, 2.0])]);
    assert_eq!(model.read("w", 1, 1).unwrap(), 2.0_f32.to_le_bytes());
    assert!(model.read("w", 2, 0).unwrap().is_empty());
    for (first, count) in [(0, 3), (2, 1), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        let error = model.read("w", first, count).unwrap_err();
        assert_eq!(error, TensorError::OutOfBounds { name: "w".into(), elements: 2, first, count });
    }
    let mut builder = fedwit_tensor::Builder::zeros(model.layout());
    assert!(matches!(builder.write("w", 0, &[0; 3]), Err(TensorError::PartialElement { bytes: 3, .. })));
    assert!(matches!(builder.write("w", 1, &[0; 8]), Err(TensorError::OutOfBounds { .. })));
    assert!(matches!(builder.write("x", 0, &[]), Err(TensorError::Missing { .. })));
}

#[test]
fn a_layout_that_cannot_be_counted_is_refused() {
    use fedwit_tensor::{Layout, TensorType};
    let of = |shape: Vec<usize>| Layout::new(vec![TensorType { name: "w".into(), dtype: DType::U8, shape }]);
    for shape in [vec![usize::MAX], vec![1 << 32, 1 << 32], vec![0, usize::MAX, 2], vec![1; 65]] {
        assert!(matches!(of(shape.clone()), Err(TensorError::TooLarge { .. })), "{shape:?}");
    }
    assert!(of(vec![0, 4]).is_ok());
}
