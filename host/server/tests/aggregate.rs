//! `fedwit aggregate` as its users meet it: what it writes, what it refuses, and how it exits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use fedwit_tensor::DType;
use support::{Bench, Tensors, scalar};

/// `aggregate` with these and the usual arguments.
fn aggregate<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    ["aggregate", "--global", "x.npz", "--out", "out.npz"].iter().chain(arguments).copied().collect()
}

/// A global model of 0 and the updates 1 and 3.
fn one_and_three(dtype: DType) -> Bench {
    let bench = Bench::new();
    bench.write("x.npz", dtype, &scalar(0.0));
    bench.write("one.npz", dtype, &scalar(1.0));
    bench.write("three.npz", dtype, &scalar(3.0));
    bench
}

fn value(bench: &Bench, name: &str) -> f64 {
    bench.read(name).1[0].2[0]
}

#[test]
fn updates_weigh_by_their_examples() {
    let bench = one_and_three(DType::F32);
    let shown = bench
        .fedwit(aggregate(&["--plugin", "fedavg", "--update", "one.npz=30", "--update", "three.npz=10"]))
        .succeeds();
    assert_eq!(value(&bench, "out.npz"), 1.5);
    assert!(shown.starts_with("out.npz: round 1 of 2 updates on 40 examples, by fedavg "), "{shown}");
}

#[test]
fn updates_can_be_told_to_weigh_the_same() {
    let bench = one_and_three(DType::F32);
    let config = r#"{"weighted": false}"#;
    let arguments = ["--plugin", "fedavg", "--config", config, "--update", "one.npz=30", "--update", "three.npz=10"];
    bench.fedwit(aggregate(&arguments)).succeeds();
    assert_eq!(value(&bench, "out.npz"), 2.0);
}

#[test]
fn integers_stay_integers() {
    for dtype in [DType::I64, DType::U32, DType::U8, DType::F16] {
        let bench = one_and_three(dtype);
        bench.write("eight.npz", dtype, &scalar(8.0));
        bench.fedwit(aggregate(&["--plugin", "fedavg", "--update", "one.npz=1", "--update", "eight.npz=1"])).succeeds();
        assert_eq!(bench.read("out.npz").0, [dtype]);
        assert_eq!(value(&bench, "out.npz"), if dtype == DType::F16 { 4.5 } else { 4.0 });
    }
}

/// FEDn's own optimisers are this family with other defaults: these are the numbers that its server gave for float32
/// models, and what the equations give in float64.
#[test]
fn fedns_defaults_give_fedns_numbers() {
    let (rate, beta1, beta2, tau) = (1e-3, 0.9, 0.99, 1e-4_f64);
    let config = format!(r#"{{"learning_rate": {rate}, "beta1": {beta1}, "tau": {tau}}}"#);
    let delta = 2.0_f64;
    let step = |second_moment: f64| rate * (1.0 - beta1) * delta / (second_moment.sqrt() + tau);
    let v = tau * tau;
    for (plugin, fedns, exact) in [
        ("fedadam", 0.000_999_500_152_307_155, step(beta2 * v + (1.0 - beta2) * delta * delta)),
        ("fedyogi", 0.000_999_500_139_893_704_2, step(v + (1.0 - beta2) * delta * delta)),
        ("fedadagrad", 9.999_500_161_504_162e-5, step(v + delta * delta)),
    ] {
        for (dtype, expected, tolerance) in [(DType::F32, fedns, 1e-6), (DType::F64, exact, 1e-12)] {
            let bench = one_and_three(dtype);
            let arguments =
                ["--plugin", plugin, "--config", &config, "--update", "one.npz=5", "--update", "three.npz=5"];
            bench.fedwit(aggregate(&arguments)).succeeds();
            let found = value(&bench, "out.npz");
            assert!((found - expected).abs() <= tolerance * expected, "{plugin}, {dtype}: {found} is not {expected}");
        }
    }
}

#[test]
fn the_state_is_kept_in_its_file_and_lost_without_it() {
    let bench = one_and_three(DType::F64);
    let with_state = |out: &str| {
        let arguments = ["aggregate", "--plugin", "fedadam", "--global", "x.npz", "--update", "one.npz=1"];
        bench.fedwit(arguments.iter().copied().chain(["--state", "s.safetensors", "--out", out])).succeeds()
    };
    with_state("first.npz");
    let shown = with_state("second.npz");
    assert!(shown.contains("round 2"), "{shown}");
    let (first, second) = (value(&bench, "first.npz"), value(&bench, "second.npz"));
    assert!((first - 0.099_005_05).abs() < 1e-8, "{first}");
    assert!(second > first * 1.2, "a second round without memory is {first}, this one {second}");
    std::fs::remove_file(bench.path("s.safetensors")).unwrap();
    with_state("forgotten.npz");
    assert_eq!(value(&bench, "forgotten.npz"), first);
}

#[test]
fn a_state_of_another_plugin_or_of_no_plugin_is_refused() {
    let bench = one_and_three(DType::F32);
    let run = |plugin: &str, state: &str| {
        bench.fedwit(aggregate(&["--plugin", plugin, "--update", "one.npz=1", "--state", state]))
    };
    run("fedadam", "s.safetensors").succeeds();
    let before = std::fs::read(bench.path("s.safetensors")).unwrap();
    run("fedyogi", "s.safetensors").fails_with(1, &["s.safetensors", "state of `fedadam`, not of `fedyogi`"]);
    assert_eq!(std::fs::read(bench.path("s.safetensors")).unwrap(), before);
    bench.write("model.safetensors", DType::F32, &scalar(1.0));
    run("fedadam", "model.safetensors").fails_with(1, &["model.safetensors", "not an aggregator's state"]);
}

#[test]
fn a_state_of_another_model_is_refused() {
    let bench = one_and_three(DType::F32);
    let arguments = ["--plugin", "fedadam", "--update", "one.npz=1", "--state", "s.safetensors"];
    bench.fedwit(aggregate(&arguments)).succeeds();
    let wide: Tensors = vec![("0".to_owned(), vec![2], vec![0.0, 0.0])];
    bench.write("x.npz", DType::F32, &wide);
    bench.write("one.npz", DType::F32, &wide);
    bench.fedwit(aggregate(&arguments)).fails_with(1, &["fedadam", "begin", "`0`", "shape"]);
}

#[test]
fn an_update_that_does_not_fit_is_refused_by_name_and_nothing_is_written() {
    let two = |names: [&str; 2], length: usize| -> Tensors {
        names.iter().map(|name| ((*name).to_owned(), vec![length], vec![1.0; length])).collect()
    };
    let bench = Bench::new();
    bench.write("x.npz", DType::F32, &two(["a", "b"], 3));
    bench.write("good.npz", DType::F32, &two(["a", "b"], 3));
    bench.write("fewer.npz", DType::F32, &two(["a", "b"], 3)[..1].to_vec());
    bench.write("narrow.npz", DType::F32, &two(["a", "b"], 1));
    bench.write("other.npz", DType::F32, &two(["a", "c"], 3));
    bench.write("wide.npz", DType::F64, &two(["a", "b"], 3));
    bench.write(
        "nan.npz",
        DType::F32,
        &two(["a", "b"], 3).into_iter().map(|(n, s, _)| (n, s, vec![f64::NAN; 3])).collect(),
    );
    for (update, said) in [
        ("fewer.npz", "`b` is missing"),
        ("narrow.npz", "`a`"),
        ("other.npz", "`c`"),
        ("wide.npz", "float64"),
        ("nan.npz", "not a number"),
    ] {
        let argument = format!("{update}=10");
        let run = bench.fedwit(aggregate(&[
            "--plugin",
            "fedavg",
            "--update",
            "good.npz=1",
            "--update",
            &argument,
            "--state",
            "s.safetensors",
        ]));
        run.fails_with(1, &[update, said]);
        assert!(!bench.path("out.npz").exists() && !bench.path("s.safetensors").exists(), "{update}");
    }
}

#[test]
fn one_file_counts_once_however_it_is_spelled() {
    let bench = one_and_three(DType::F32);
    bench
        .fedwit(aggregate(&["--plugin", "fedavg", "--update", "one.npz=1", "--update", "./one.npz=1"]))
        .fails_with(1, &["one.npz", "is in this aggregation already"]);
}

#[test]
fn a_number_of_examples_must_be_positive_and_whole() {
    let bench = one_and_three(DType::F32);
    for examples in ["0", "-5", "1.5", "many", "", "1e3", "99999999999999999999"] {
        let update = format!("one.npz={examples}");
        bench.fedwit(aggregate(&["--plugin", "fedavg", "--update", &update])).fails_with(2, &[&update, "whole number"]);
    }
    bench.fedwit(aggregate(&["--plugin", "fedavg", "--update", "one.npz"])).fails_with(2, &["FILE=EXAMPLES"]);
}

#[test]
fn what_is_missing_or_misspelled_is_a_usage_error() {
    let bench = one_and_three(DType::F32);
    bench.fedwit(["aggregate", "--plugin", "fedavg"]).fails_with(2, &["--global", "--update", "--out"]);
    bench
        .fedwit(aggregate(&["--plugin", "fedavg", "--update", "one.npz=1", "--nonsense"]))
        .fails_with(2, &["--nonsense"]);
    let config = |json: &'static str| {
        bench.fedwit(aggregate(&["--plugin", "fedavg", "--update", "one.npz=1", "--config", json]))
    };
    config("{").fails_with(2, &["--config", "no JSON"]);
    config("[1]").fails_with(2, &["--config", "no object"]);
    bench
        .fedwit(["aggregate", "--plugin", "fedavg", "--global", "x.npz", "--update", "one.npz=1", "--out", "out.xyz"])
        .fails_with(2, &["out.xyz", "names no format"]);
}

#[test]
fn a_configuration_that_the_plugin_refuses_names_the_key() {
    let bench = one_and_three(DType::F32);
    for (plugin, config, said) in [
        ("fedadam", r#"{"learning_rat": 1}"#, "learning_rat"),
        ("fedadam", r#"{"learning_rate": -1}"#, "learning_rate"),
        ("fedadam", r#"{"learning_rate": "fast"}"#, "learning_rate"),
        ("fedadam", r#"{"beta1": 1}"#, "beta1"),
        ("fedyogi", r#"{"beta2": -0.5}"#, "beta2"),
        ("fedadagrad", r#"{"tau": 0}"#, "tau"),
        ("fedavg", r#"{"weighted": 1}"#, "weighted"),
        ("fedavg", r#"{"learning_rate": 1}"#, "learning_rate"),
        ("fedavgm", r#"{"momentum": 1}"#, "momentum"),
        ("median", r#"{"trim": 0}"#, "trim"),
        ("trimmed-mean", r#"{"trim": 0.5}"#, "trim"),
        ("krum", r#"{"byzantine": -1}"#, "byzantine"),
        ("multi-krum", r#"{"keep": 0}"#, "keep"),
        ("bulyan", r#"{"byzantine": 0.5}"#, "byzantine"),
        ("fedbuff", r#"{"buffer": 0}"#, "buffer"),
    ] {
        let run = bench.fedwit(aggregate(&["--plugin", plugin, "--config", config, "--update", "one.npz=1"]));
        run.fails_with(1, &[plugin, "begin", "invalid configuration", said]);
    }
    for (plugin, whole_numbers) in [
        ("fedadam", r#"{"learning_rate": 1, "beta1": 0, "beta2": 0, "tau": 1}"#),
        ("fedavgm", r#"{"learning_rate": 1, "momentum": 0}"#),
        ("fedbuff", r#"{"learning_rate": 1, "buffer": 1}"#),
        ("trimmed-mean", r#"{"trim": 0}"#),
    ] {
        bench.fedwit(aggregate(&["--plugin", plugin, "--config", whole_numbers, "--update", "one.npz=1"])).succeeds();
    }
}

#[test]
fn updates_can_be_shared_out_over_combiners() {
    let bench = one_and_three(DType::F32);
    let updates = ["--plugin", "fedavg", "--update", "one.npz=30", "--update", "three.npz=10"];
    for combiners in ["1", "2", "3"] {
        bench.fedwit(aggregate(&[&updates[..], &["--combiners", combiners]].concat())).succeeds();
        assert_eq!(value(&bench, "out.npz"), 1.5, "over {combiners}");
    }
    let twice = ["--plugin", "fedavg", "--update", "one.npz=1", "--update", "./one.npz=1", "--combiners", "2"];
    bench.fedwit(aggregate(&twice)).fails_with(1, &["one.npz", "in this aggregation already"]);
    for combiners in ["0", "1.5", "1001", "many"] {
        let arguments = [&updates[..], &["--combiners", combiners]].concat();
        bench.fedwit(aggregate(&arguments)).fails_with(2, &["--combiners"]);
    }
}

#[test]
fn a_plugin_that_merges_no_shares_is_not_shared_out() {
    let bench = one_and_three(DType::F32);
    for plugin in ["median", "trimmed-mean", "krum", "multi-krum", "bulyan"] {
        let arguments = ["--plugin", plugin, "--update", "one.npz=1", "--combiners", "2"];
        bench.fedwit(aggregate(&arguments)).fails_with(1, &["--combiners", plugin]);
        assert!(!bench.path("out.npz").exists(), "{plugin}");
    }
}

#[test]
fn too_few_updates_for_so_many_byzantine_clients_are_told() {
    let bench = one_and_three(DType::F32);
    for (plugin, needed) in [("krum", "5 are needed"), ("multi-krum", "5 are needed"), ("bulyan", "7 are needed")] {
        let config = r#"{"byzantine": 1}"#;
        let arguments = ["--plugin", plugin, "--config", config, "--update", "one.npz=1", "--update", "three.npz=1"];
        bench.fedwit(aggregate(&arguments)).fails_with(1, &[plugin, "finish", "there are 2 updates", needed]);
    }
}

#[test]
fn a_plugin_that_is_none_is_refused_by_name() {
    let bench = one_and_three(DType::F32);
    let run = |plugin: &str| bench.fedwit(aggregate(&["--plugin", plugin, "--update", "one.npz=1"]));
    run("fedsomething").fails_with(1, &["no plugin `fedsomething`", "fedadam, fedavg"]);
    run("./gone.wasm").fails_with(1, &["./gone.wasm"]);
    std::fs::write(bench.path("text.wasm"), "not WebAssembly").unwrap();
    run("text.wasm").fails_with(1, &["text.wasm", "not a WebAssembly component"]);
    std::fs::write(bench.path("module.wasm"), b"\0asm\x01\0\0\0").unwrap();
    run("module.wasm").fails_with(1, &["module.wasm", "not a WebAssembly component"]);
}

#[test]
fn missing_and_broken_files_are_named() {
    let bench = one_and_three(DType::F32);
    std::fs::write(bench.path("broken.npz"), b"PK\x03\x04 and then nothing").unwrap();
    bench.fedwit(aggregate(&["--plugin", "fedavg", "--update", "gone.npz=1"])).fails_with(1, &["gone.npz"]);
    bench.fedwit(aggregate(&["--plugin", "fedavg", "--update", "broken.npz=1"])).fails_with(1, &["broken.npz"]);
    bench
        .fedwit([
            "aggregate",
            "--plugin",
            "fedavg",
            "--global",
            "gone.npz",
            "--update",
            "one.npz=1",
            "--out",
            "out.npz",
        ])
        .fails_with(1, &["gone.npz"]);
    bench
        .fedwit([
            "aggregate",
            "--plugin",
            "fedavg",
            "--global",
            "x.npz",
            "--update",
            "one.npz=1",
            "--out",
            "no/such/out.npz",
        ])
        .fails_with(1, &["no/such/out.npz"]);
}

#[test]
fn formats_are_told_by_content_on_the_way_in_and_by_ending_on_the_way_out() {
    let bench = one_and_three(DType::F32);
    bench.write("three.safetensors", DType::F32, &scalar(3.0));
    std::fs::write(bench.path("five.bin"), 5.0_f64.to_le_bytes()).unwrap();
    std::fs::write(bench.path("seven"), 7.0_f32.to_le_bytes()).unwrap();
    // A safetensors file by another name.
    std::fs::rename(bench.path("three.safetensors"), bench.path("three.npz")).unwrap();
    for out in ["out.npz", "out.safetensors", "out.bin", "out.f32"] {
        let updates =
            ["--update", "one.npz=1", "--update", "three.npz=1", "--update", "five.bin=1", "--update", "seven=1"];
        let arguments = ["aggregate", "--plugin", "fedavg", "--global", "x.npz", "--out", out];
        bench.fedwit(arguments.iter().chain(&updates)).succeeds();
    }
    assert_eq!((value(&bench, "out.npz"), value(&bench, "out.safetensors")), (4.0, 4.0));
    assert_eq!(std::fs::read(bench.path("out.bin")).unwrap(), 4.0_f64.to_le_bytes());
    assert_eq!(std::fs::read(bench.path("out.f32")).unwrap(), 4.0_f32.to_le_bytes());
}

#[test]
fn the_model_can_take_the_place_of_the_one_it_improves() {
    let bench = Bench::new();
    bench.write("x.safetensors", DType::F32, &scalar(0.0));
    bench.write("one.safetensors", DType::F32, &scalar(1.0));
    let arguments = ["aggregate", "--plugin", "fedavg", "--global", "x.safetensors", "--out", "x.safetensors"];
    bench.fedwit(arguments.iter().chain(&["--update", "one.safetensors=1"])).succeeds();
    assert_eq!(value(&bench, "x.safetensors"), 1.0);
    let left: Vec<_> = std::fs::read_dir(bench.path("")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
