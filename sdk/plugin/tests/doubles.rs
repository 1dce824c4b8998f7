//! The doubles keep the rules of `wit/tensors.wit`: what a plugin's native tests say holds in the host too.

use fedwit_plugin::testing::{parameters, update, update_with_info, with_types};
use fedwit_plugin::{
    Accumulator, Builder, DType, Error, Metric, Parameters, TensorType, UpdateInfo, mean_around_median, median,
    squared_distances, squared_norms, trimmed_mean,
};

const ALL: [DType; 7] =
    [DType::Float64, DType::Float32, DType::Float16, DType::Bfloat16, DType::Int64, DType::Uint32, DType::Uint8];

fn doubles(values: &[f64]) -> Parameters {
    parameters(DType::Float64, &[("w", values)])
}

fn w(of: &Parameters) -> &[f64] {
    of.values("w").expect("a tensor `w`")
}

#[track_caller]
fn failed<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Failed(why)) => why,
        other => panic!("{other:?} is no failure"),
    }
}

#[test]
fn arithmetic_is_element_by_element_and_changes_no_operand() {
    let (left, right) = (doubles(&[6.0, -2.0]), doubles(&[2.0, 4.0]));
    assert_eq!(w(&left.plus(&right).unwrap()), [8.0, 2.0]);
    assert_eq!(w(&left.minus(&right).unwrap()), [4.0, -6.0]);
    assert_eq!(w(&left.times(&right).unwrap()), [12.0, -8.0]);
    assert_eq!(w(&left.divided_by(&right).unwrap()), [3.0, -0.5]);
    assert_eq!(w(&left.maximum(&right).unwrap()), [6.0, 4.0]);
    assert_eq!(w(&left.minimum(&right).unwrap()), [2.0, -2.0]);
    assert_eq!(w(&left.scaled(0.5).unwrap()), [3.0, -1.0]);
    assert_eq!(w(&left.shifted(1.0).unwrap()), [7.0, -1.0]);
    assert_eq!(w(&left.power(2.0).unwrap()), [36.0, 4.0]);
    assert_eq!(w(&left.clamped(-1.0, 5.0).unwrap()), [5.0, -1.0]);
    assert_eq!(w(&left.filled(9.0).unwrap()), [9.0, 9.0]);
    assert_eq!(w(&left.square().unwrap()), [36.0, 4.0]);
    assert_eq!(w(&right.root().unwrap()), [2.0_f64.sqrt(), 2.0]);
    assert_eq!(w(&left.magnitude().unwrap()), [6.0, 2.0]);
    assert_eq!((w(&left), w(&right)), (&[6.0, -2.0][..], &[2.0, 4.0][..]));
}

#[test]
fn zero_has_no_sign() {
    assert_eq!(w(&doubles(&[-0.0, 0.0, -3.0, 3.0]).sign().unwrap()), [0.0, 0.0, -1.0, 1.0]);
}

#[test]
fn not_a_number_is_passed_on() {
    let (left, right) = (doubles(&[f64::NAN, 1.0]), doubles(&[1.0, f64::NAN]));
    for result in [left.maximum(&right), left.minimum(&right), left.plus(&right)] {
        assert!(w(&result.unwrap()).iter().all(|value| value.is_nan()));
    }
    assert!(left.largest().unwrap().is_nan() && right.smallest().unwrap().is_nan());
    assert!(!left.all_finite().unwrap() && !doubles(&[f64::INFINITY]).all_finite().unwrap());
    assert!(w(&doubles(&[0.0]).divided_by(&doubles(&[0.0])).unwrap())[0].is_nan());
}

#[test]
fn clamping_wants_an_interval() {
    for (low, high) in [(1.0, 0.0), (f64::NAN, 0.0), (0.0, f64::NAN)] {
        failed(doubles(&[1.0]).clamped(low, high));
    }
}

#[test]
fn models_that_do_not_fit_are_refused_by_the_name_of_the_tensor() {
    let model = parameters(DType::Float64, &[("w", &[1.0, 2.0, 3.0]), ("b", &[0.0])]);
    // One element would be broadcast over three elsewhere.
    let narrow = parameters(DType::Float64, &[("w", &[1.0]), ("b", &[0.0])]);
    let lacking = parameters(DType::Float64, &[("w", &[1.0, 2.0, 3.0])]);
    let more = parameters(DType::Float64, &[("w", &[1.0, 2.0, 3.0]), ("b", &[0.0]), ("c", &[0.0])]);
    for (other, tensor) in [(&narrow, "`w`"), (&lacking, "`b`"), (&more, "`c`")] {
        for why in [
            failed(model.plus(other)),
            failed(model.dot(other)),
            failed(Accumulator::new(&model).add(other, 1.0)),
            failed(median(&[&model, other])),
            failed(trimmed_mean(&[&model, other], 0.0)),
            failed(squared_distances(&[&model, other])),
            failed(update("a", 1, other, &model).delta()),
        ] {
            assert!(why.contains(tensor), "{why}");
        }
    }
}

#[test]
fn a_result_has_the_layout_of_the_handle_it_was_called_on() {
    let left = with_types([tensor("w", DType::Float16, &[1], &[1.0]), tensor("b", DType::Int64, &[1], &[2.0])]);
    let right = with_types([tensor("b", DType::Float64, &[1], &[0.5]), tensor("w", DType::Float64, &[1], &[0.25])]);
    let sum = left.plus(&right).unwrap();
    let layout: Vec<_> = sum.layout().into_iter().map(|tensor| (tensor.name, tensor.dtype)).collect();
    assert_eq!(layout, [("w".to_owned(), DType::Float16), ("b".to_owned(), DType::Int64)]);
    assert_eq!((w(&sum), sum.values("b").unwrap()), (&[1.25][..], &[2.5][..]));
}

#[test]
fn results_are_kept_in_float32_or_float64_and_in_nothing_narrower() {
    let third = 1.0 / 3.0;
    for dtype in ALL {
        let kept = w(&parameters(dtype, &[("w", &[1.0])]).scaled(third).unwrap())[0];
        let expected = match dtype {
            DType::Float32 | DType::Float16 | DType::Bfloat16 => f64::from(third as f32),
            DType::Float64 | DType::Int64 | DType::Uint32 | DType::Uint8 => third,
        };
        assert_eq!(kept, expected, "{dtype:?}");
    }
}

#[test]
fn casting_rounds_and_refuses_what_an_integer_cannot_hold() {
    let halves = doubles(&[0.5, 1.5, 2.5]);
    assert_eq!(w(&halves.cast(DType::Uint8).unwrap()), [0.0, 2.0, 2.0], "ties to even");
    assert_eq!(w(&doubles(&[-2.6]).cast(DType::Int64).unwrap()), [-3.0]);
    assert_eq!(w(&doubles(&[0.1]).cast(DType::Float32).unwrap()), [f64::from(0.1_f32)]);
    assert_eq!(w(&doubles(&[1.0 / 3.0]).cast(DType::Float16).unwrap()), [0.333_251_953_125]);
    assert_eq!(w(&doubles(&[1.0 / 3.0]).cast(DType::Bfloat16).unwrap()), [0.333_984_375]);
    for (value, dtype) in [
        (256.0, DType::Uint8),
        (-1.0, DType::Uint32),
        (2.0_f64.powi(32), DType::Uint32),
        (2.0_f64.powi(63), DType::Int64),
        (f64::NAN, DType::Int64),
    ] {
        assert!(failed(doubles(&[value]).cast(dtype)).contains("`w`"));
    }
}

#[test]
fn widening_keeps_fractions() {
    for (dtype, wide) in
        [(DType::Float16, DType::Float32), (DType::Float64, DType::Float64), (DType::Int64, DType::Float64)]
    {
        let widened = parameters(dtype, &[("w", &[3.0])]).scaled(0.5).unwrap().widened().unwrap();
        assert_eq!((widened.layout()[0].dtype, w(&widened)), (wide, &[1.5][..]));
    }
}

#[test]
fn reductions_take_all_tensors() {
    let model = parameters(DType::Float64, &[("w", &[1.0, -2.0]), ("b", &[3.0])]);
    assert_eq!((model.sum().unwrap(), model.squared_norm().unwrap()), (2.0, 14.0));
    assert_eq!((model.largest().unwrap(), model.smallest().unwrap()), (3.0, -2.0));
    assert_eq!((model.dot(&model.scaled(2.0).unwrap()).unwrap(), model.elements()), (28.0, 3));
    let none = model.only(&[]).unwrap();
    assert_eq!((none.sum().unwrap(), none.elements()), (0.0, 0));
    assert_eq!((none.largest().unwrap(), none.smallest().unwrap()), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(none.all_finite().unwrap());
}

#[test]
fn parts_are_taken_and_put_back_by_name() {
    let model = parameters(DType::Float32, &[("a", &[1.0]), ("b", &[2.0]), ("c", &[3.0])]);
    let part = model.only(&["c".to_owned(), "a".to_owned()]).unwrap();
    assert_eq!(part.layout().iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let replaced = model.replaced(&part.scaled(10.0).unwrap()).unwrap();
    assert_eq!((replaced.sum().unwrap(), replaced.values("b").unwrap()), (42.0, &[2.0][..]));
    assert!(failed(model.only(&["d".to_owned()])).contains("`d`"));
    assert!(failed(model.only(&["a".to_owned(), "a".to_owned()])).contains("`a`"));
    assert!(failed(model.replaced(&parameters(DType::Float32, &[("d", &[0.0])]))).contains("`d`"));
    assert!(failed(model.replaced(&parameters(DType::Float32, &[("a", &[0.0, 0.0])]))).contains("`a`"));
}

#[test]
fn what_is_written_is_read_again_in_every_dtype() {
    for dtype in ALL {
        let like = parameters(dtype, &[("w", &[5.0, 6.0, 7.0])]);
        let bytes = like.read("w", 1, 2).unwrap();
        let builder = Builder::new(&like);
        builder.write("w", 0, &bytes).unwrap();
        let built = Builder::build(builder).unwrap();
        assert_eq!((w(&built), built.layout()[0].dtype), (&[6.0, 7.0, 0.0][..], dtype));
    }
}

#[test]
fn bytes_out_of_place_are_refused_and_write_nothing() {
    let like = parameters(DType::Float32, &[("w", &[0.0, 0.0])]);
    let builder = Builder::new(&like);
    for (name, first, bytes) in [("v", 0, 4), ("w", 0, 3), ("w", 0, 12), ("w", 2, 4), ("w", u64::MAX, 4)] {
        assert!(failed(builder.write(name, first, &vec![0xff; bytes])).contains(&format!("`{name}`")));
    }
    assert_eq!(w(&Builder::build(builder).unwrap()), [0.0, 0.0]);
    for (name, first, count) in [("v", 0, 1), ("w", 0, 3), ("w", u64::MAX, 1), ("w", 1, u64::MAX)] {
        assert!(failed(like.read(name, first, count)).contains(&format!("`{name}`")));
    }
}

#[test]
fn a_mean_is_weighted_and_keeps_its_digits() {
    let like = parameters(DType::Float32, &[("w", &[0.0])]);
    let accumulator = Accumulator::new(&like);
    assert_eq!(accumulator.total_weight(), 0.0);
    accumulator.add(&doubles(&[1.0]), 1.0).unwrap();
    accumulator.add(&doubles(&[0.0]), 2.0).unwrap();
    assert_eq!(accumulator.total_weight(), 3.0);
    let mean = Accumulator::mean(accumulator).unwrap();
    assert!((w(&mean)[0] - 1.0 / 3.0).abs() < 1e-15, "float64 values, not float32's");
    assert_eq!(mean.layout()[0].dtype, DType::Float32);
    failed(Accumulator::mean(Accumulator::new(&like)));
}

#[test]
fn a_weight_that_is_none_changes_nothing() {
    let accumulator = Accumulator::new(&doubles(&[0.0]));
    accumulator.add(&doubles(&[4.0]), 1.0).unwrap();
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(failed(accumulator.add(&doubles(&[9.0]), weight)).contains("weight"));
    }
    failed(accumulator.add(&doubles(&[9.0, 9.0]), 1.0));
    assert_eq!(accumulator.total_weight(), 1.0);
    assert_eq!(w(&Accumulator::mean(accumulator).unwrap()), [4.0]);

    let heavy = Accumulator::new(&doubles(&[0.0]));
    heavy.add(&doubles(&[4.0]), f64::MAX).unwrap();
    assert!(failed(heavy.add(&doubles(&[9.0]), f64::MAX)).contains("weights"), "their sum is not finite");
    assert_eq!(w(&Accumulator::mean(heavy).unwrap()), [4.0]);
}

#[test]
fn order_statistics_go_coordinate_by_coordinate() {
    let models = [doubles(&[1.0, 30.0]), doubles(&[3.0, 10.0]), doubles(&[2.0, 20.0]), doubles(&[100.0, -5.0])];
    let all: Vec<_> = models.iter().collect();
    assert_eq!(w(&median(&all[..3]).unwrap()), [2.0, 20.0]);
    assert_eq!(w(&median(&all).unwrap()), [2.5, 15.0]);
    assert_eq!(w(&trimmed_mean(&all, 0.25).unwrap()), [2.5, 15.0]);
    assert_eq!(w(&trimmed_mean(&all, 0.24).unwrap()), [26.5, 13.75], "a quarter of four is one, and less is none");
    assert_eq!(w(&mean_around_median(&all, 3).unwrap()), [2.0, 20.0]);
    assert_eq!(w(&mean_around_median(&all[..3], 2).unwrap()), [1.5, 15.0], "of two as near, the smaller");
    for keep in [0, 5] {
        assert!(failed(mean_around_median(&all, keep)).contains("kept"));
    }
    assert_eq!(squared_norms(&all[..2]).unwrap(), [901.0, 109.0]);
    assert_eq!(squared_distances(&all[..2]).unwrap(), [0.0, 404.0, 404.0, 0.0]);
    for trim in [-0.1, 0.5, f64::NAN] {
        failed(trimmed_mean(&all, trim));
    }
    failed(median(&[]));
    failed(trimmed_mean(&[], 0.0));
}

#[test]
fn an_update_tells_what_the_client_sent() {
    let base = parameters(DType::Float32, &[("w", &[1.0])]);
    let sent = parameters(DType::Float32, &[("w", &[1.25])]);
    let metrics = vec![Metric { name: "loss".to_owned(), value: 0.5 }];
    let info = UpdateInfo { client: "a".to_owned(), num_examples: 7, staleness: 2, metrics };
    let update = update_with_info(info, &sent, &base);
    let info = update.info();
    assert_eq!((info.client.as_str(), info.num_examples, info.staleness), ("a", 7, 2));
    assert_eq!((info.metrics[0].name.as_str(), info.metrics[0].value), ("loss", 0.5));
    assert_eq!(w(&update.parameters().unwrap()), [1.25]);
    assert_eq!(w(&update.delta().unwrap()), [0.25]);
}

#[test]
#[should_panic(expected = "tensor `w` of shape [2, 2] has 4 elements, not 3")]
fn a_shape_must_hold_its_values() {
    let _ = with_types([tensor("w", DType::Float32, &[2, 2], &[1.0, 2.0, 3.0])]);
}

fn tensor(name: &str, dtype: DType, shape: &[u64], values: &[f64]) -> (TensorType, Vec<f64>) {
    (TensorType { name: name.to_owned(), dtype, shape: shape.to_vec() }, values.to_vec())
}
