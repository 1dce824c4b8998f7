//! How much memory arithmetic takes, counted by the allocator while it runs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use fedwit_tensor::formats::{self, Expected, Format};
use fedwit_tensor::{Accumulator, DType, Layout, Parameters, TensorType, median, squared_distances, trimmed_mean};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The only test of this binary: another one's memory would be counted too.
#[test]
fn nothing_takes_more_than_its_result_and_some_blocks() {
    a_fold_takes_its_accumulator_and_nothing_the_size_of_a_model();
    a_chain_takes_one_result_however_many_operations_it_has();
    order_statistics_of_mapped_files_take_blocks();
}

const ELEMENTS: usize = 1_000_000;
const MODEL_BYTES: usize = ELEMENTS * size_of::<f32>();

/// What `work` had at most beyond what there was before it.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let done = work();
    (done, ALLOCATOR.peak_usage() - before)
}

fn zeros() -> Parameters {
    let layout = Layout::new(vec![TensorType { name: "w".into(), dtype: DType::F32, shape: vec![ELEMENTS] }]).unwrap();
    fedwit_tensor::Builder::zeros(&layout).build()
}

fn a_chain_takes_one_result_however_many_operations_it_has() {
    let model = zeros();
    let (result, peak) = peak_of(|| {
        let mut chain = model.clone();
        for operation in 0..10 {
            chain = chain.shifted(f64::from(operation)).unwrap().plus(&chain).unwrap();
        }
        chain.evaluated()
    });
    assert_eq!(result.heap_bytes(), MODEL_BYTES);
    assert!(peak < MODEL_BYTES + MODEL_BYTES / 4, "{peak} bytes for one model of {MODEL_BYTES}");
    let (norm, peak) = peak_of(|| model.shifted(1.0).and_then(|one| one.plus(&one)).unwrap().squared_norm());
    assert_eq!(norm, 4.0 * ELEMENTS as f64);
    assert!(peak < MODEL_BYTES / 4, "{peak} bytes for a number");
}

fn order_statistics_of_mapped_files_take_blocks() {
    const MODELS: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let models: Vec<Parameters> = (0..MODELS)
        .map(|model| {
            let path = folder.path().join(format!("{model}.safetensors"));
            let values = zeros().shifted(model as f64).unwrap();
            formats::write(&path, &values, Format::Safetensors, &std::collections::BTreeMap::new()).unwrap();
            formats::read(&path, &Expected::Layout(values.layout()), None).unwrap().parameters
        })
        .collect();
    let all: Vec<&Parameters> = models.iter().collect();
    // Two threads' blocks of all models, some of them read and some of them sorted.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for of in [median, |models: &[&Parameters]| trimmed_mean(models, 0.1)] {
        let (result, peak) = peak_of(|| pool.install(|| of(&all)).unwrap());
        assert_eq!(result.heap_bytes(), MODEL_BYTES);
        assert!(peak < 2 * MODEL_BYTES, "{peak} bytes for one model of {MODEL_BYTES}, and blocks of {MODELS}");
    }
    let (_, peak) = peak_of(|| pool.install(|| squared_distances(&all)).unwrap());
    assert!(peak < MODEL_BYTES, "{peak} bytes for the distances of {MODELS} models of {MODEL_BYTES}");
}

fn a_fold_takes_its_accumulator_and_nothing_the_size_of_a_model() {
    let layout = Layout::new(vec![TensorType { name: "w".into(), dtype: DType::F32, shape: vec![ELEMENTS] }]).unwrap();
    let zeros = fedwit_tensor::Builder::zeros(&layout).build();
    let updates: Vec<Parameters> = (0..10).map(|value| zeros.shifted(f64::from(value)).unwrap().evaluated()).collect();
    // The pool's threads are made once.
    assert_eq!(zeros.sum(), 0.0);

    let peak = |fold: &mut dyn FnMut() -> Parameters| {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let mean = fold();
        let peak = ALLOCATOR.peak_usage() - before;
        assert_eq!(mean.heap_bytes(), 2 * MODEL_BYTES, "a float64 mean");
        peak
    };
    let of_models = peak(&mut || {
        let mut accumulator = Accumulator::new(&layout).unwrap();
        for update in &updates {
            accumulator.add(update, 1.0).unwrap();
        }
        accumulator.mean().unwrap()
    });
    let of_deltas = peak(&mut || {
        let mut accumulator = Accumulator::new(&layout).unwrap();
        for update in &updates {
            accumulator.add(&update.delta_from(&zeros).unwrap(), 1.0).unwrap();
        }
        accumulator.mean().unwrap()
    });
    // The mean itself, asked for above, is not the allocator's.
    for found in [of_models, of_deltas] {
        assert!(found < MODEL_BYTES / 10, "{found} bytes for models of {MODEL_BYTES}");
    }
}
