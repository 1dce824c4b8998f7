//! safetensors. An odd first byte says that what follows is a header without its length, and that the byte after it
//! is the length of data behind the header, so that most inputs get past the length.
#![no_main]

use fedwit_tensor_fuzz::exercise;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match input {
        [kind, data, header @ ..] if kind % 2 == 1 => {
            let mut file = (header.len() as u64).to_le_bytes().to_vec();
            file.extend(header);
            file.extend((0..*data).map(|byte| byte.wrapping_mul(37)));
            exercise(&file, None);
        }
        [_, file @ ..] => exercise(file, None),
        [] => {}
    }
});
