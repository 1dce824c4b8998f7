//! What each kernel takes on a model of ten million float32 parameters, with a copy of as much memory beside it.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use fedwit_tensor::{Accumulator, Builder, DType, Layout, Parameters, TensorType, median, squared_distances};

const ELEMENTS: usize = 10_000_000;

fn main() {
    divan::main();
}

fn model(dtype: DType, seed: usize) -> Parameters {
    let layout =
        Layout::new(vec![TensorType { name: "0".to_owned(), dtype, shape: vec![ELEMENTS] }]).expect("a layout");
    let zeros = Builder::zeros(&layout).build();
    zeros.shifted(seed as f64 * 0.125 + 1.0).and_then(|model| model.settled()).expect("a model")
}

fn bytes(models: usize) -> BytesCount {
    BytesCount::new(models * ELEMENTS * size_of::<f32>())
}

#[divan::bench]
fn copy_of_the_bytes(bencher: Bencher<'_, '_>) {
    let source = vec![1.0_f32; ELEMENTS];
    bencher.counter(bytes(1)).bench(|| black_box(&source).clone());
}

#[divan::bench(args = [DType::F64, DType::F32, DType::F16, DType::BF16])]
fn accumulate(bencher: Bencher<'_, '_>, dtype: DType) {
    let model = model(dtype, 1);
    let mut accumulator = Accumulator::new(model.layout()).expect("memory");
    bencher.counter(BytesCount::new(ELEMENTS * dtype.size())).bench_local(|| {
        let added = accumulator.add(&model, 1.0);
        accumulator.flush();
        added
    });
}

#[divan::bench]
fn accumulate_delta(bencher: Bencher<'_, '_>) {
    let delta = model(DType::F32, 1).delta_from(&model(DType::F32, 2)).expect("a delta");
    let mut accumulator = Accumulator::new(delta.layout()).expect("memory");
    bencher.counter(bytes(2)).bench_local(|| {
        let added = accumulator.add(&delta, 1.0);
        accumulator.flush();
        added
    });
}

#[divan::bench]
fn plus(bencher: Bencher<'_, '_>) {
    let (left, right) = (model(DType::F32, 1), model(DType::F32, 2));
    bencher.counter(bytes(2)).bench(|| left.plus(&right).map(|sum| sum.evaluated()));
}

#[divan::bench]
fn root(bencher: Bencher<'_, '_>) {
    let model = model(DType::F32, 1);
    bencher.counter(bytes(1)).bench(|| model.root().map(|root| root.evaluated()));
}

#[divan::bench]
fn squared_norm(bencher: Bencher<'_, '_>) {
    let model = model(DType::F32, 1);
    bencher.counter(bytes(1)).bench(|| model.squared_norm());
}

#[divan::bench]
fn check_finite(bencher: Bencher<'_, '_>) {
    let model = model(DType::F32, 1);
    // Looked at as an expression: what is kept is looked at only once.
    let model = model.magnitude().expect("a model");
    bencher.counter(bytes(1)).bench(|| model.check_finite());
}

#[divan::bench(sample_count = 10)]
fn median_of_ten(bencher: Bencher<'_, '_>) {
    let models: Vec<_> = (0..10).map(|seed| model(DType::F32, seed)).collect();
    let models: Vec<_> = models.iter().collect();
    bencher.counter(bytes(10)).bench(|| median(&models));
}

#[divan::bench(sample_count = 10)]
fn squared_distances_of_ten(bencher: Bencher<'_, '_>) {
    let models: Vec<_> = (0..10).map(|seed| model(DType::F32, seed)).collect();
    let models: Vec<_> = models.iter().collect();
    bencher.counter(bytes(10)).bench(|| squared_distances(&models));
}
