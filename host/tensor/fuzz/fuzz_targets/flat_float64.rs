//! Flat float64. An odd first byte says that the file has the length of the expected model, whatever the input has.
#![no_main]

use fedwit_tensor::formats::Format;
use fedwit_tensor_fuzz::{exercise, expected_elements};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [kind, file @ ..] = input else { return };
    let mut file = file.to_vec();
    if kind % 2 == 1 {
        file.resize(expected_elements() * size_of::<f64>(), 0);
    }
    exercise(&file, Some(Format::FlatFloat64));
});
