//! npz. An odd first byte says that what follows are arrays, each after its length, around which a valid archive is
//! put: chance does not get past a checksum.
#![no_main]

use std::io::{Cursor, Write};

use fedwit_tensor_fuzz::exercise;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fuzz_target!(|input: &[u8]| {
    match input {
        [kind, arrays @ ..] if kind % 2 == 1 => exercise(&archive(arrays, kind / 2 % 2 == 1), None),
        [_, file @ ..] => exercise(file, None),
        [] => {}
    }
});

fn archive(mut arrays: &[u8], deflated: bool) -> Vec<u8> {
    let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0.. {
        let [length, rest @ ..] = arrays else { break };
        let (array, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        archive.start_file(format!("{index}.npy"), options).expect("another name each");
        archive.write_all(array).expect("written to memory");
        arrays = rest;
    }
    archive.finish().expect("written to memory").into_inner()
}
