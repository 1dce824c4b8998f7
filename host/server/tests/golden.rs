//! The reference vectors, through the components and the binary: one process a round, the state in its file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use fedwit_tensor::DType;
use serde::Deserialize;
use serde_json::Value;
use support::{Bench, Tensors};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    layout: BTreeMap<String, Vec<usize>>,
    seed_model: BTreeMap<String, Value>,
    rounds: Vec<Round>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    /// To the model that the algorithm has at this round.
    deltas: Vec<BTreeMap<String, Value>>,
    num_examples: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    algorithm: String,
    parameters: Value,
    global_models: Vec<BTreeMap<String, Value>>,
}

impl Golden {
    fn load() -> Self {
        serde_json::from_str(include_str!("golden/aggregators.json")).unwrap()
    }

    fn tensors(&self, values: &BTreeMap<String, Value>) -> Tensors {
        fn flat(value: &Value, out: &mut Vec<f64>) {
            match value {
                Value::Array(values) => values.iter().for_each(|value| flat(value, out)),
                number => out.push(number.as_f64().unwrap()),
            }
        }
        let tensor = |(name, shape): (&String, &Vec<usize>)| {
            let mut numbers = Vec::new();
            flat(&values[name], &mut numbers);
            assert_eq!(numbers.len(), shape.iter().product::<usize>(), "{name}");
            (name.clone(), shape.clone(), numbers)
        };
        self.layout.iter().map(tensor).collect()
    }
}

#[test]
fn fedavg_gives_the_golden_models() {
    check("fedavg");
}

#[test]
fn fedadagrad_gives_the_golden_models() {
    check("fedadagrad");
}

#[test]
fn fedadam_gives_the_golden_models() {
    check("fedadam");
}

#[test]
fn fedyogi_gives_the_golden_models() {
    check("fedyogi");
}

#[test]
fn fedavgm_gives_the_golden_models() {
    check("fedavgm");
}

#[test]
fn median_gives_the_golden_models() {
    check("median");
}

#[test]
fn trimmed_mean_gives_the_golden_models() {
    check("trimmed-mean");
}

#[test]
fn krum_gives_the_golden_models() {
    check("krum");
}

#[test]
fn multi_krum_gives_the_golden_models() {
    check("multi-krum");
}

/// Mean, optimisers' memory and the division by all examples, over shares of three, of one and of none.
#[test]
fn shares_of_combiners_give_the_golden_models() {
    for algorithm in ["fedavg", "fedavgm", "fedadagrad", "fedadam", "fedyogi"] {
        for combiners in [2, 5, 7] {
            check_over(algorithm, combiners);
        }
    }
}

#[test]
fn every_golden_case_has_a_test() {
    let source = include_str!("golden.rs");
    for Case { algorithm, .. } in Golden::load().cases {
        assert!(source.contains(&format!("    check(\"{algorithm}\");")), "{algorithm}");
    }
}

fn check(algorithm: &str) {
    check_over(algorithm, 1);
}

fn check_over(algorithm: &str, combiners: usize) {
    let golden = Golden::load();
    let case = golden.cases.iter().find(|case| case.algorithm == algorithm).unwrap();
    assert_eq!(case.global_models.len(), golden.rounds.len());
    for (dtype, ending, tolerance) in [(DType::F32, "npz", 1e-6), (DType::F64, "safetensors", 1e-12)] {
        let bench = Bench::new();
        let global = |round: usize| format!("global-{round}.{ending}");
        let what = |round: usize| format!("{algorithm}, {dtype}, {combiners} combiners, round {round}");
        bench.write(&global(0), dtype, &golden.tensors(&golden.seed_model));
        for (number, round) in golden.rounds.iter().enumerate() {
            let (_, model) = bench.read(&global(number));
            let mut arguments = [
                "aggregate",
                "--plugin",
                algorithm,
                "--config",
                &case.parameters.to_string(),
                "--state",
                "state.safetensors",
                "--global",
                &global(number),
                "--out",
                &global(number + 1),
                "--combiners",
                &combiners.to_string(),
            ]
            .map(str::to_owned)
            .to_vec();
            for (client, (delta, examples)) in round.deltas.iter().zip(&round.num_examples).enumerate() {
                let file = format!("update-{number}-{client}.{ending}");
                bench.write(&file, dtype, &sum(&model, &golden.tensors(delta)));
                arguments.extend(["--update".to_owned(), format!("{file}={examples}")]);
            }
            bench.fedwit(&arguments).succeeds();
            let (dtypes, found) = bench.read(&global(number + 1));
            assert!(dtypes.iter().all(|found| *found == dtype), "{algorithm}: {dtypes:?} instead of {dtype}");
            let expected = golden.tensors(&case.global_models[number]);
            assert_near(&found, &expected, tolerance, &what(number + 1));
        }
    }
}

fn sum(model: &Tensors, delta: &Tensors) -> Tensors {
    let mut sum = model.clone();
    for ((name, _, values), (other, _, deltas)) in sum.iter_mut().zip(delta) {
        assert_eq!(name, other);
        values.iter_mut().zip(deltas).for_each(|(value, delta)| *value += delta);
    }
    sum
}

#[track_caller]
fn assert_near(found: &Tensors, expected: &Tensors, tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for ((name, shape, found), (other, expected_shape, expected)) in found.iter().zip(expected) {
        assert_eq!((name, shape), (other, expected_shape), "{what}");
        let bound = tolerance * expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= bound, "{what}, {name}: {found} is not {expected} within {bound}");
        }
    }
}
