//! `fedwit model`: what a file holds, and the same in another format; NumPy is the peer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use fedwit_tensor::DType;
use support::{Bench, Tensors};

fn two_layers() -> Tensors {
    vec![
        ("dense.weight".to_owned(), vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        ("scale".to_owned(), vec![], vec![0.5]),
    ]
}

/// What NumPy prints of a program that has `np`.
#[track_caller]
fn numpy(bench: &Bench, program: &str) -> String {
    let python = std::env::var_os("FEDWIT_TEST_PYTHON")
        .expect("FEDWIT_TEST_PYTHON names a Python with NumPy: run the tests with `cargo xtask test`");
    let program = format!("import numpy as np\n{program}");
    let output = Command::new(python).args(["-c", &program]).current_dir(bench.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn info_shows_what_a_file_holds() {
    let bench = Bench::new();
    bench.write("m.npz", DType::F32, &two_layers());
    let shown = bench.fedwit(["model", "info", "m.npz"]).succeeds();
    for text in
        ["npz", "2 tensors, 7 parameters, 28 bytes", "dense.weight  float32   [2, 3]", "scale         float32   []"]
    {
        assert!(shown.contains(text), "no `{text}` in: {shown}");
    }
    let json = bench.fedwit(["model", "info", "--json", "m.npz"]).succeeds();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["tensors"][0]["shape"], serde_json::json!([2, 3]));
    assert_eq!((json["parameters"].as_u64(), json["finite"].as_bool()), (Some(7), Some(true)));
}

#[test]
fn a_model_survives_every_format_and_numpy_opens_it() {
    let bench = Bench::new();
    bench.write("m.safetensors", DType::F32, &two_layers());
    bench.fedwit(["model", "convert", "m.safetensors", "m.npz"]).succeeds();
    let shown = numpy(&bench, "a = np.load('m.npz')\nprint(a.files, a['dense.weight'].tolist(), a['scale'].dtype)");
    assert_eq!(shown.trim(), "['dense.weight', 'scale'] [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] float32");
    bench.fedwit(["model", "convert", "m.npz", "m.bin"]).succeeds();
    bench.fedwit(["model", "convert", "m.bin", "back.safetensors", "--like", "m.npz"]).succeeds();
    assert_eq!(bench.read("back.safetensors"), bench.read("m.safetensors"));
}

#[test]
fn tensors_are_numbered_for_clients_that_count_them() {
    let bench = Bench::new();
    bench.write("m.safetensors", DType::F32, &two_layers());
    bench.fedwit(["model", "convert", "--number-tensors", "m.safetensors", "m.npz"]).succeeds();
    let shown = numpy(&bench, "a = np.load('m.npz')\nprint([a[str(i)].shape for i in range(len(a.files))])");
    assert_eq!(shown.trim(), "[(2, 3), ()]");
}

#[test]
fn what_numpy_saves_is_aggregated() {
    let bench = Bench::new();
    numpy(
        &bench,
        "w = np.arange(6, dtype=np.float32).reshape(2, 3)\n\
         np.savez_compressed('x.npz', **{'0': w * 0, '1': np.int64(0)})\n\
         np.savez('one.npz', **{'0': np.asfortranarray(w), '1': np.int64(4)})\n\
         np.savez_compressed('two.npz', **{'0': w + 4, '1': np.int64(8)})",
    );
    bench
        .fedwit(
            "aggregate --plugin fedavg --global x.npz --update one.npz=3 --update two.npz=1 --out out.npz".split(' '),
        )
        .succeeds();
    let shown = numpy(&bench, "a = np.load('out.npz')\nprint(a['0'].tolist(), a['0'].dtype, a['1'], a['1'].dtype)");
    assert_eq!(shown.trim(), "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] float32 5 int64");
}

#[test]
fn a_file_without_a_header_must_be_told() {
    let bench = Bench::new();
    std::fs::write(bench.path("m.f32"), [1.0_f32, 2.0].map(f32::to_le_bytes).concat()).unwrap();
    bench.fedwit(["model", "info", "m.f32"]).fails_with(1, &["m.f32"]);
    let shown = bench.fedwit(["model", "info", "--flat", "float32", "m.f32"]).succeeds();
    assert!(shown.contains("float32   [2]"), "{shown}");
}

#[test]
fn a_model_beyond_the_limit_is_refused() {
    let bench = Bench::new();
    bench.write("m.npz", DType::F64, &two_layers());
    bench
        .fedwit(["model", "info", "--max-model-size", "55", "m.npz"])
        .fails_with(1, &["m.npz", "`scale.npy`", "8 bytes", "more than the 7"]);
    bench.fedwit(["model", "info", "--max-model-size", "56", "m.npz"]).succeeds();
}

#[test]
fn names_that_a_terminal_would_obey_are_escaped() {
    let bench = Bench::new();
    let header = "{\"a\\u001b[31mb\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1]}}";
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[7]].concat();
    std::fs::write(bench.path("m.safetensors"), file).unwrap();
    let run = bench.fedwit(["model", "info", "m.safetensors"]);
    run.fails_with(1, &["m.safetensors", "31mb"]);
    assert!(!run.stderr().contains('\u{1b}'), "{}", run.stderr());
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.write("m.safetensors", DType::BF16, &two_layers());
    bench.fedwit(["model", "convert", "m.safetensors", "m.npz"]).fails_with(1, &["m.npz", "dense.weight"]);
    bench.fedwit(["model", "convert", "m.safetensors", "m.xyz"]).fails_with(2, &["m.xyz"]);
    assert_eq!(std::fs::read_dir(bench.path("")).unwrap().count(), 1);
}
