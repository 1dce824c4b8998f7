//! How much memory a fold takes, counted by the allocator while it runs.

use fedwit_tensor::{Accumulator, DType, Layout, Parameters, TensorType};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The only test of this binary: another one's memory would be counted too.
#[test]
fn a_fold_takes_its_accumulator_and_nothing_the_size_of_a_model() {
    const ELEMENTS: usize = 1_000_000;
    const MODEL_BYTES: usize = ELEMENTS * size_of::<f32>();
    let layout = Layout::new(vec![TensorType { name: "w".into(), dtype: DType::F32, shape: vec![ELEMENTS] }]).unwrap();
    let zeros = fedwit_tensor::Builder::zeros(&layout).build();
    let updates: Vec<Parameters> = (0..10).map(|value| zeros.shifted(f64::from(value)).unwrap()).collect();
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
