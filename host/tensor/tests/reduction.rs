//! Numbers made of whole models, and of many models' coordinates.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use fedwit_tensor::{
    DType, Parameters, TensorError, mean_around_median, median, squared_distances, squared_norms, trimmed_mean,
};
use support::{floats, model, noise, of_dtype, values};

const MANY: usize = 70_001;

fn random(seed: u64) -> Vec<f64> {
    let mut next = noise(seed);
    (0..MANY).map(|_| f64::from(next() as f32)).collect()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

#[test]
fn sums_are_those_of_a_plain_loop() {
    let (a, b) = (random(1), random(2));
    let (left, right) = (floats(&[("a", &a), ("b", &b)]), floats(&[("b", &a), ("a", &b)]));
    assert_near(left.sum(), a.iter().chain(&b).sum());
    assert_near(left.squared_norm(), a.iter().chain(&b).map(|value| value * value).sum());
    assert_eq!(squared_norms(&[&left, &right]), [left.squared_norm(), right.squared_norm()]);
    assert_near(left.dot(&right).unwrap(), 2.0 * a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>());
    assert_eq!(left.dot(&floats(&[("a", &a)])).unwrap_err(), TensorError::Missing { name: "b".into() });
}

#[test]
fn sums_are_the_same_on_any_number_of_threads() {
    let model = floats(&[("w", &random(3))]);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (model.sum().to_bits(), model.squared_norm().to_bits()))
    };
    assert_eq!(on(1), on(7));
}

#[test]
fn sums_of_integers_and_of_large_values_do_not_overflow() {
    assert_eq!(of_dtype(DType::U8, &[255.0; 300]).sum(), 76_500.0);
    assert_near(of_dtype(DType::F16, &[60_000.0; 1000]).squared_norm(), 3.6e12);
}

#[test]
fn extremes_are_found_and_not_a_number_is_not_passed_over() {
    let found = floats(&[("a", &[1.0, -3.0]), ("b", &[2.0])]);
    assert_eq!((found.largest(), found.smallest()), (2.0, -3.0));
    let empty = model(&[("w", DType::F32, vec![0], &[])]);
    assert_eq!((empty.largest(), empty.smallest(), empty.sum()), (f64::NEG_INFINITY, f64::INFINITY, 0.0));
    for at in [0, 1, 2] {
        let mut poisoned = [1.0, 2.0, 3.0];
        poisoned[at] = f64::NAN;
        let poisoned = floats(&[("w", &poisoned)]);
        assert!(poisoned.largest().is_nan() && poisoned.smallest().is_nan(), "at {at}");
    }
}

#[test]
fn what_is_not_finite_is_found_wherever_it_is() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for at in [0, 1, 2047, 2048, 65_535, 65_536, MANY - 1] {
            let mut numbers = random(4);
            numbers[at] = bad;
            let found = floats(&[("good", &[1.0]), ("bad", &numbers)]).check_finite();
            assert_eq!(found, Err(TensorError::NotFinite { name: "bad".into() }), "{bad} at {at}");
        }
    }
    assert_eq!(floats(&[("w", &random(4))]).check_finite(), Ok(()));
}

fn models(count: u64) -> (Vec<Vec<f64>>, Vec<Parameters>) {
    let columns: Vec<_> = (0..count).map(|seed| random(seed + 10)).collect();
    let models = columns.iter().map(|values| floats(&[("w", values)])).collect();
    (columns, models)
}

fn sorted(columns: &[Vec<f64>], coordinate: usize) -> Vec<f64> {
    let mut column: Vec<_> = columns.iter().map(|values| values[coordinate]).collect();
    column.sort_by(f64::total_cmp);
    column
}

#[test]
fn a_median_is_that_of_each_coordinate() {
    for count in [1, 2, 5, 6] {
        let (columns, models) = models(count);
        let found = values(&median(&models.iter().collect::<Vec<_>>()).unwrap(), "w");
        for coordinate in (0..MANY).step_by(997) {
            let column = sorted(&columns, coordinate);
            let middle = (column[(column.len() - 1) / 2] + column[column.len() / 2]) / 2.0;
            assert_eq!(found[coordinate], f64::from(middle as f32), "{count} models, coordinate {coordinate}");
        }
    }
}

#[test]
fn a_trimmed_mean_drops_as_many_from_each_end() {
    let (columns, models) = models(7);
    let all: Vec<_> = models.iter().collect();
    for (trim, dropped) in [(0.0, 0), (0.2, 1), (0.3, 2), (0.49, 3)] {
        let found = values(&trimmed_mean(&all, trim).unwrap(), "w");
        for coordinate in (0..MANY).step_by(997) {
            let column = sorted(&columns, coordinate);
            let kept = &column[dropped..7 - dropped];
            let mean = kept.iter().sum::<f64>() / kept.len() as f64;
            assert_eq!(found[coordinate], f64::from(mean as f32), "trim {trim}, coordinate {coordinate}");
        }
    }
    for trim in [-0.1, 0.5, f64::NAN] {
        assert!(matches!(trimmed_mean(&all, trim), Err(TensorError::Trim { .. })), "{trim}");
    }
}

#[test]
fn a_mean_around_the_median_is_of_the_nearest() {
    let (columns, models) = models(7);
    let all: Vec<_> = models.iter().collect();
    for keep in [1, 2, 3, 6, 7] {
        let found = values(&mean_around_median(&all, keep).unwrap(), "w");
        for coordinate in (0..MANY).step_by(997) {
            let column = sorted(&columns, coordinate);
            let mut nearest = column.clone();
            nearest.sort_by(|a, b| (a - column[3]).abs().total_cmp(&(b - column[3]).abs()));
            assert_near(found[coordinate], f64::from((nearest[..keep].iter().sum::<f64>() / keep as f64) as f32));
        }
    }
    for keep in [0, 8] {
        assert_eq!(mean_around_median(&all, keep).unwrap_err(), TensorError::Keep { keep, models: 7 });
    }
    assert_eq!(mean_around_median(&[], 0).unwrap_err(), TensorError::NoModels);
}

#[test]
fn of_two_values_as_near_to_the_median_the_smaller_is_kept() {
    let of = |numbers: [f64; 2]| floats(&[("w", &numbers)]);
    let all = [of([1.0, 4.0]), of([2.0, 1.0]), of([3.0, 3.0]), of([4.0, 2.0])];
    let found = mean_around_median(&all.iter().collect::<Vec<_>>(), 1).unwrap();
    assert_eq!(values(&found, "w"), [2.0, 2.0]);
}

#[test]
fn order_statistics_of_nothing_or_of_misfits_are_refused() {
    assert_eq!(median(&[]).unwrap_err(), TensorError::NoModels);
    let (three, one) = (floats(&[("w", &[1.0, 2.0, 3.0])]), floats(&[("w", &[1.0])]));
    assert!(median(&[&three, &one]).is_err());
    assert!(squared_distances(&[&three, &one]).is_err());
    assert!(squared_distances(&[]).unwrap().is_empty());
}

#[test]
fn a_coordinate_with_a_not_a_number_has_no_median() {
    let (a, b) = (floats(&[("w", &[f64::NAN, 1.0])]), floats(&[("w", &[1.0, 3.0])]));
    let found = values(&median(&[&a, &b, &b]).unwrap(), "w");
    assert!(found[0].is_nan());
    assert_eq!(found[1], 3.0);
}

#[test]
fn distances_of_nearby_models_keep_their_digits() {
    // In float32 the squares of these weights are 1e6 each and the distances some 1e-5: nothing would be left.
    let base: Vec<f64> = vec![1000.0; 3000];
    let near = |step: f64| base.iter().map(|value| value + step).collect::<Vec<_>>();
    let models = [
        floats(&[("w", &base)]),
        floats(&[("w", &near(2.0_f64.powi(-13)))]),
        floats(&[("w", &near(-2.0_f64.powi(-12)))]),
    ];
    let found = squared_distances(&models.iter().collect::<Vec<_>>()).unwrap();
    let distance = |step: f64| 3000.0 * step * step;
    let (a, b, c) = (distance(2.0_f64.powi(-13)), distance(2.0_f64.powi(-12)), distance(3.0 * 2.0_f64.powi(-13)));
    assert_eq!(found, [0.0, a, b, a, 0.0, c, b, c, 0.0]);
}
