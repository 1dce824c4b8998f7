//! The aggregators in other languages than Rust, held to what the project's own are held to: the reference vectors, over
//! one instance and over several whose shares are merged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use fedwit_runtime::{AddError, Fault, Limits, Plugin, Round, State, Update, UpdateInfo};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};
use fedwit_tests::{plugin, runtime, target};
use serde_json::Value;

/// `host/server/tests/golden.rs` has more to say about them.
const VECTORS: &str = include_str!("../../host/server/tests/golden/aggregators.json");

// One test an example: an interpreter takes half a minute to compile, unless the cache has it.

#[test]
fn fedadam_in_python_gives_the_golden_models_and_refuses_what_it_cannot_work_with() {
    let plugin = load("fedadam-python");
    check(&plugin, "fedadam");
    refuses(&plugin, &[r#"{"learning_rate": 0}"#, r#"{"beta1": 1}"#, r#"{"beta2": true}"#, r#"{"tau": "small"}"#]);
    refuses(&plugin, &[r#"{"rate": 1}"#]);
}

#[test]
fn fedavg_in_javascript_gives_the_golden_models_and_refuses_what_it_cannot_work_with() {
    let plugin = load("fedavg-javascript");
    check(&plugin, "fedavg");
    refuses(&plugin, &[r#"{"weighted": 1}"#, r#"{"weighted": null}"#, r#"{"weight": true}"#]);
}

#[test]
fn fedavgm_in_c_gives_the_golden_models_and_refuses_what_it_cannot_work_with() {
    let plugin = load("fedavgm-c");
    check(&plugin, "fedavgm");
    refuses(&plugin, &[r#"{"momentum": 1}"#, r#"{"learning_rate": -1}"#, r#"{"momentum": "much"}"#, r#"{"tau": 1}"#]);
}

/// Authors' own tests, which need no WebAssembly.
#[test]
fn the_examples_pass_their_own_tests() {
    for (example, command) in
        [("fedadam-python", ["make", "test"]), ("fedavg-javascript", ["npm", "test"]), ("fedavgm-c", ["make", "test"])]
    {
        let folder = target::folder().join("examples/work").join(example);
        let mut tests = Command::new(command[0]);
        tests.arg(command[1]).current_dir(folder).env("PATH", target::path().unwrap());
        let output = tests.output().unwrap();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{example}: {printed}");
    }
}

fn load(example: &str) -> Plugin {
    let plugin = plugin(&runtime(Limits::default()), example);
    assert_eq!(plugin.name(), example);
    assert!(plugin.mergeable() && !plugin.summary().is_empty(), "{example}");
    let schema = plugin.config_schema();
    assert_eq!(schema["additionalProperties"], false, "{example}: {schema}");
    for (key, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string() && !property["default"].is_null(), "{example}, {key}: {property}");
    }
    plugin
}

fn refuses(plugin: &Plugin, configs: &[&str]) {
    let global = model(&serde_json::from_str(VECTORS).unwrap(), DType::F32, &Value::Null);
    for config in configs {
        let begun = plugin.begin(round(1, config, &global, None)).map(drop);
        let error = begun.unwrap_err();
        assert!(matches!(&error.fault, Fault::InvalidConfig(_)), "{config}: {error}");
    }
}

fn check(plugin: &Plugin, algorithm: &str) {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["algorithm"] == algorithm).unwrap();
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-12)] {
        for combiners in [1, 3] {
            let mut global = model(&vectors, dtype, &vectors["seed_model"]);
            let mut state = None;
            for (index, vector) in vectors["rounds"].as_array().unwrap().iter().enumerate() {
                let begun = round(index as u64 + 1, &case["parameters"].to_string(), &global, state);
                let updates = updates(&vectors, vector, dtype, &global, index as u64 + 1);
                let outcome = aggregated(plugin, &begun, updates, combiners);
                let expected = model(&vectors, DType::F64, &case["global_models"][index]);
                assert_near(
                    &outcome.0,
                    &expected,
                    tolerance,
                    &format!("{plugin:?}, {dtype}, {combiners}, round {index}"),
                );
                (global, state) = outcome;
            }
        }
    }
}

/// A round whose updates are dealt out to so many instances, all but one of which hand up their share.
fn aggregated(plugin: &Plugin, round: &Round, updates: Vec<Update>, combiners: usize) -> (Parameters, Option<State>) {
    let mut instances: Vec<_> = (0..combiners).map(|_| plugin.begin(round.clone()).unwrap()).collect();
    for (index, update) in updates.into_iter().enumerate() {
        instances[index % combiners].add(update).unwrap_or_else(|error: AddError| panic!("{error}"));
    }
    let mut whole = instances.pop().unwrap();
    for mut share in instances {
        whole.merge(share.partial().unwrap()).unwrap();
    }
    let outcome = whole.finish().unwrap();
    (outcome.model, outcome.state)
}

fn round(number: u64, config: &str, global_model: &Parameters, state: Option<State>) -> Round {
    Round { number, config: config.to_owned(), seed: 0, global_model: global_model.clone(), state }
}

fn updates(vectors: &Value, round: &Value, dtype: DType, global: &Parameters, number: u64) -> Vec<Update> {
    let deltas = round["deltas"].as_array().unwrap().iter();
    let examples = round["num_examples"].as_array().unwrap().iter();
    let update = |(index, (delta, examples)): (usize, (&Value, &Value))| {
        let wide = global.cast(DType::F64).unwrap().plus(&model(vectors, DType::F64, delta)).unwrap();
        let info = UpdateInfo {
            update: format!("update-{index}"),
            client: format!("client-{index}"),
            num_examples: examples.as_u64().unwrap(),
            round: number,
            staleness: 0,
            metrics: Vec::new(),
        };
        Update::checked(info, &wide.cast(dtype).unwrap(), global).unwrap()
    };
    deltas.zip(examples).enumerate().map(update).collect()
}

/// A model of the vectors' layout; zeros where nothing is given.
fn model(vectors: &Value, dtype: DType, values: &Value) -> Parameters {
    let shapes: BTreeMap<String, Vec<usize>> = serde_json::from_value(vectors["layout"].clone()).unwrap();
    let types = shapes.into_iter().map(|(name, shape)| TensorType { name, dtype: DType::F64, shape });
    let layout = Layout::new(types.collect()).unwrap();
    let mut builder = Builder::zeros(&layout);
    for (name, values) in values.as_object().into_iter().flatten() {
        let mut bytes = Vec::new();
        flat(values, &mut bytes);
        builder.write(name, 0, &bytes).unwrap();
    }
    builder.build().cast(dtype).unwrap()
}

fn flat(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flat(value, bytes)),
        number => bytes.extend(number.as_f64().unwrap().to_le_bytes()),
    }
}

/// Within a part of the largest value of each tensor.
#[track_caller]
fn assert_near(found: &Parameters, expected: &Parameters, tolerance: f64, what: &str) {
    let found = found.cast(DType::F64).unwrap();
    for tensor in expected.layout().tensors() {
        let values = |model: &Parameters| -> Vec<f64> {
            let bytes = model.read(&tensor.name, 0, tensor.elements() as u64).unwrap();
            bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
        };
        let (found, expected) = (values(&found), values(expected));
        let bound = tolerance * expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= bound, "{what}, {}: {found} is not {expected}", tensor.name);
        }
    }
}

/// What is laid over a scaffold names no file that the scaffold does not have, or it would be a leftover of a renaming.
#[test]
fn an_example_replaces_files_of_its_scaffold() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let fedwit = target::fedwit().unwrap();
    for (example, language) in [("fedadam-python", "python"), ("fedavg-javascript", "javascript"), ("fedavgm-c", "c")] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["plugin", "new", example, "--world", "aggregator", "--lang", language, "--path"];
        let made = Command::new(&fedwit).args(arguments).arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for file in files(&examples.join(example)) {
            let relative = file.strip_prefix(examples.join(example)).unwrap();
            assert!(folder.path().join(relative).is_file(), "{example}: {}", relative.display());
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
