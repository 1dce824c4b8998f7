//! What every target does with a file: read it as a seed and as an update, and where that succeeds, write it and read
//! that back.
//!
//! A target fails where reading panics or takes more memory than it may, which libFuzzer is told to watch
//! (`-malloc_limit_mb`), or where a model changes on its way through a file.

use std::collections::BTreeMap;
use std::io::Cursor;

use fedwit_tensor::formats::{self, Expected, Format, Limits, ReadModel};
use fedwit_tensor::{DType, Layout, Parameters, TensorType};

/// Small, so that a claim of much is one of too much.
const LIMITS: Limits = Limits { max_model_size: 1 << 20, max_tensors: 16 };

/// Every dtype that all formats have. The seeds have these tensors.
fn expected() -> Layout {
    let tensor =
        |name: &str, dtype, shape: &[usize]| TensorType { name: name.to_owned(), dtype, shape: shape.to_vec() };
    let tensors = vec![
        tensor("0", DType::F32, &[2, 3]),
        tensor("1", DType::I64, &[]),
        tensor("2", DType::F16, &[2]),
        tensor("3", DType::F64, &[1, 2]),
        tensor("4", DType::U8, &[2, 2]),
        tensor("5", DType::U32, &[2]),
        tensor("6", DType::U8, &[0]),
    ];
    Layout::new(tensors).expect("names once")
}

/// Values of the expected layout.
pub fn expected_elements() -> usize {
    expected().elements()
}

/// Reads a file in both ways, `flat` being what a flat seed is taken for.
pub fn exercise(file: &[u8], flat: Option<Format>) {
    let layout = expected();
    for (expected, flat) in [(Expected::Seed(LIMITS), flat), (Expected::Layout(&layout), None)] {
        match formats::read_bytes(file.to_vec(), &expected, flat) {
            Ok(model) => check(&model, &expected),
            Err(fault) => assert!(!fault.to_string().is_empty()),
        }
    }
}

fn check(model: &ReadModel, expected: &Expected<'_>) {
    let layout = model.parameters.layout();
    match expected {
        Expected::Layout(expected) => assert_eq!(layout, *expected),
        Expected::Seed(limits) => {
            assert!(layout.bytes() as u64 <= limits.max_model_size);
            assert!(layout.tensors().len() <= limits.max_tensors);
        }
    }
    // Touches every value.
    let _ = model.parameters.check_finite();
    let mut file = Cursor::new(Vec::new());
    formats::write_to(&mut file, &model.parameters, model.format, &model.metadata).expect("what was read is written");
    let again = formats::read_bytes(file.into_inner(), &Expected::Layout(layout), Some(model.format));
    let again = again.expect("what was written is read");
    assert_eq!((again.format, &again.metadata), (model.format, &model.metadata));
    assert_same(&again.parameters, &model.parameters);
    // The working format takes every model, and gives it back bit by bit.
    let mut file = Cursor::new(Vec::new());
    formats::write_to(&mut file, &model.parameters, Format::Safetensors, &BTreeMap::new()).expect("takes every model");
    let again = formats::read_bytes(file.into_inner(), &Expected::Seed(LIMITS), None).expect("gives it back");
    assert_same(&again.parameters, &model.parameters);
}

fn assert_same(left: &Parameters, right: &Parameters) {
    assert_eq!(left.layout(), right.layout());
    for tensor in left.layout().tensors() {
        let values = |of: &Parameters| of.read(&tensor.name, 0, tensor.elements() as u64).expect("in bounds");
        assert_eq!(values(left), values(right), "{}", tensor.name);
    }
}
