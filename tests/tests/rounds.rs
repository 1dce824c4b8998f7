//! Rounds through real components: what counts, what does not, and with which weight.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use fedwit_runtime::{AddError, Aggregation, Fault, Limits, Plugin, Refusal, Round, State, Update, UpdateInfo};
use fedwit_tensor::{DType, Parameters, TensorError};
use fedwit_tests::{AGGREGATORS, model, plugin, round, runtime, update, values};

fn load(name: &str) -> Plugin {
    plugin(&runtime(Limits::default()), name)
}

fn begin(plugin: &Plugin, global: &Parameters) -> Aggregation {
    plugin.begin(round(global, "{}")).unwrap()
}

/// Ten clients with unequal examples, and a model of three magnitudes.
fn clients() -> (Parameters, Vec<Update>) {
    let global = model(DType::F32, &[1000.0, 1.0, 0.001]);
    let updates = (0..10_u32).map(|client| {
        let step = f64::from(client * client % 7) - 2.5;
        let sent = model(DType::F32, &[1000.0 + step, 1.0 - step * 0.1, 0.001 + step * 1e-4]);
        update(&format!("client-{client}"), u64::from(1 + client * 37 % 11).pow(4), &sent, &global)
    });
    let updates = updates.collect();
    (global, updates)
}

#[track_caller]
fn assert_near(found: &Parameters, expected: &Parameters, what: &str) {
    let (found, expected) = (values(found), values(expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{what}: {found} is not {expected}");
    }
}

#[test]
fn the_order_of_updates_does_not_matter() {
    let (global, updates) = clients();
    for plugin in AGGREGATORS.map(load) {
        let finish = |updates: &mut dyn Iterator<Item = &Update>| {
            let mut aggregation = begin(&plugin, &global);
            updates.for_each(|update| aggregation.add(update.clone()).unwrap());
            aggregation.finish().unwrap().model
        };
        let (forward, backward) = (finish(&mut updates.iter()), finish(&mut updates.iter().rev()));
        assert_near(&backward, &forward, plugin.name());
    }
}

/// Shares of one, of nine and of none: weighted by combiners instead of examples, or with an empty share that
/// counts, the model would be another.
#[test]
fn shares_that_are_merged_give_what_one_fold_gives() {
    let (global, updates) = clients();
    for plugin in AGGREGATORS.map(load).into_iter().filter(Plugin::mergeable) {
        let mut whole = begin(&plugin, &global);
        updates.iter().for_each(|update| whole.add(update.clone()).unwrap());
        let whole = whole.finish().unwrap();
        for split in [[0, 1], [1, 1], [3, 9], [0, 10], [10, 10]] {
            let shares = [&updates[..split[0]], &updates[split[0]..split[1]], &updates[split[1]..]];
            let mut merged = begin(&plugin, &global);
            for share in shares {
                let mut part = begin(&plugin, &global);
                share.iter().for_each(|update| part.add(update.clone()).unwrap());
                merged.merge(part.partial().unwrap()).unwrap();
            }
            let merged = merged.finish().unwrap();
            let what = format!("{} split at {split:?}", plugin.name());
            assert_near(&merged.model, &whole.model, &what);
            let (merged, whole) = (merged.state.unwrap_or_default(), whole.state.clone().unwrap_or_default());
            assert_eq!(merged.parameters.len(), whole.parameters.len(), "{what}");
            for ((name, merged), (_, whole)) in merged.parameters.iter().zip(&whole.parameters) {
                assert_near(merged, whole, &format!("{what}, {name}"));
            }
        }
    }
}

#[test]
fn a_share_can_be_merged_beside_updates_of_ones_own() {
    let (global, updates) = clients();
    let plugin = load("fedavg");
    let (mut whole, mut part, mut mixed) = (begin(&plugin, &global), begin(&plugin, &global), begin(&plugin, &global));
    updates.iter().for_each(|update| whole.add(update.clone()).unwrap());
    updates[..4].iter().for_each(|update| part.add(update.clone()).unwrap());
    updates[4..7].iter().for_each(|update| mixed.add(update.clone()).unwrap());
    mixed.merge(part.partial().unwrap()).unwrap();
    updates[7..].iter().for_each(|update| mixed.add(update.clone()).unwrap());
    assert_eq!(mixed.updates(), 10);
    assert_near(&mixed.finish().unwrap().model, &whole.finish().unwrap().model, "fedavg");
}

#[test]
fn a_round_without_updates_fails() {
    let (global, _) = clients();
    for plugin in AGGREGATORS.map(load) {
        let error = begin(&plugin, &global).finish().unwrap_err();
        assert!(matches!(error.fault, Fault::Failed(_)), "{error}");
        assert_eq!((error.plugin.as_str(), error.function), (plugin.name(), "finish"));
    }
}

#[test]
fn a_client_counts_once_in_a_round_also_across_shares() {
    let (global, updates) = clients();
    let plugin = load("fedavg");
    let mut aggregation = begin(&plugin, &global);
    aggregation.add(updates[0].clone()).unwrap();
    let repeated =
        |error: AddError| matches!(error, AddError::Refused(Refusal::Repeated { update }) if update == "client-0");
    assert!(repeated(aggregation.add(updates[0].clone()).unwrap_err()));
    let mut part = begin(&plugin, &global);
    part.add(updates[0].clone()).unwrap();
    assert!(repeated(aggregation.merge(part.partial().unwrap()).unwrap_err()));
    assert_near(&aggregation.finish().unwrap().model, &model(DType::F32, &values_of(&updates[0], &global)), "fedavg");
}

fn values_of(update: &Update, global: &Parameters) -> Vec<f64> {
    let mut alone = begin(&load("fedavg"), global);
    alone.add(update.clone()).unwrap();
    values(&alone.finish().unwrap().model)
}

#[test]
fn an_update_of_another_round_does_not_count() {
    let global = model(DType::F32, &[0.0]);
    let sent = model(DType::F32, &[1.0]);
    let mut aggregation = load("fedavg").begin(Round { number: 2, ..round(&global, "{}") }).unwrap();
    let error = aggregation.add(update("late", 1, &sent, &global)).unwrap_err();
    assert!(matches!(error, AddError::Refused(Refusal::OtherRound { expected: 2, found: 1 })), "{error}");
    assert_eq!(aggregation.updates(), 0);
}

#[test]
fn an_update_that_does_not_fit_never_reaches_a_plugin() {
    let global = model(DType::F32, &[0.0, 0.0, 0.0]);
    let check = |sent: &Parameters, num_examples| {
        let (update, client) = ("u".to_owned(), "c".to_owned());
        let info = UpdateInfo { update, client, round: 1, staleness: 0, num_examples, metrics: Vec::new() };
        Update::checked(info, sent, &global).unwrap_err()
    };
    let name = || "w".to_owned();
    assert_eq!(
        check(&model(DType::F32, &[1.0]), 1),
        Refusal::Tensors(TensorError::Shape { name: name(), expected: vec![3], found: vec![1] })
    );
    assert_eq!(
        check(&model(DType::F64, &[1.0; 3]), 1),
        Refusal::Tensors(TensorError::DType { name: name(), expected: DType::F32, found: DType::F64 })
    );
    assert_eq!(
        check(&model(DType::F32, &[1.0, f64::NAN, 1.0]), 1),
        Refusal::Tensors(TensorError::NotFinite { name: name() })
    );
    assert_eq!(check(&model(DType::F32, &[1.0; 3]), 0), Refusal::NoExamples);
}

#[test]
fn an_update_that_the_plugin_rejects_leaves_no_weight() {
    let global = model(DType::F32, &[0.0]);
    let plugin = load("misbehaving");
    // Rejects what comes from a client of that name, and is a plain mean of all others.
    let mut aggregation =
        plugin.begin(round(&global, r#"{"mischief": "reject", "in": "add", "client": "bad"}"#)).unwrap();
    aggregation.add(update("good", 10, &model(DType::F32, &[1.0]), &global)).unwrap();
    let error = aggregation.add(update("bad", 1_000_000, &model(DType::F32, &[9.0]), &global)).unwrap_err();
    let AddError::Plugin(error) = error else { panic!("{error}") };
    assert!(matches!(error.fault, Fault::Rejected(_)), "{error}");
    assert_eq!(aggregation.updates(), 1);
    assert_eq!(values(&aggregation.finish().unwrap().model), [1.0]);
}

#[test]
fn results_keep_the_models_dtypes() {
    for dtype in DType::ALL {
        let global = model(dtype, &[1.0, 2.0]);
        for plugin in AGGREGATORS.map(load) {
            let mut aggregation = begin(&plugin, &global);
            aggregation.add(update("a", 1, &model(dtype, &[2.0, 4.0]), &global)).unwrap();
            aggregation.add(update("b", 3, &model(dtype, &[2.0, 4.0]), &global)).unwrap();
            aggregation.add(update("c", 9, &model(dtype, &[2.0, 4.0]), &global)).unwrap();
            let outcome = aggregation.finish().unwrap();
            assert_eq!(outcome.model.layout(), global.layout(), "{}", plugin.name());
            // All have sent the same, so that is where all but the optimisers end.
            if !["fedadagrad", "fedadam", "fedyogi"].contains(&plugin.name()) {
                assert_eq!(values(&outcome.model), [2.0, 4.0], "{dtype}, {}", plugin.name());
            }
        }
    }
}

#[test]
fn a_plugin_goes_on_from_the_state_it_returned_and_from_no_other() {
    let global = model(DType::F32, &[0.0]);
    let step = |plugin: &Plugin, state: Option<State>| {
        let mut aggregation = plugin.begin(Round { state, ..round(&global, "{}") })?;
        aggregation.add(update("a", 1, &model(DType::F32, &[1.0]), &global)).unwrap();
        aggregation.finish()
    };
    for name in ["fedavgm", "fedadagrad", "fedadam", "fedyogi"] {
        let plugin = load(name);
        let first = step(&plugin, None).unwrap();
        let state = first.state.unwrap();
        let second = step(&plugin, Some(state.clone())).unwrap();
        assert_ne!(values(&first.model), values(&second.model), "{name}");

        let mut lacking = state.clone();
        lacking.parameters.pop();
        assert!(matches!(step(&plugin, Some(lacking)).unwrap_err().fault, Fault::Failed(_)), "{name}");
        let misfit: State = State {
            parameters: state
                .parameters
                .iter()
                .map(|(name, _)| (name.clone(), model(DType::F32, &[0.0, 0.0])))
                .collect(),
            ..state
        };
        assert!(matches!(step(&plugin, Some(misfit)).unwrap_err().fault, Fault::Failed(_)), "{name}");
    }
}

#[test]
fn a_share_of_another_plugin_is_not_merged() {
    let (global, updates) = clients();
    let mut part = begin(&load("fedavg"), &global);
    part.add(updates[0].clone()).unwrap();
    let mut other = begin(&load("fedadam"), &global);
    let AddError::Plugin(error) = other.merge(part.partial().unwrap()).unwrap_err() else { panic!("a plugin's error") };
    assert!(matches!(error.fault, Fault::ForeignShare(_)), "{error}");
    other.add(updates[0].clone()).unwrap();
}

#[test]
fn what_looks_at_all_updates_hands_up_no_share() {
    let (global, updates) = clients();
    for plugin in AGGREGATORS.map(load).into_iter().filter(|plugin| !plugin.mergeable()) {
        let mut part = begin(&plugin, &global);
        part.add(updates[0].clone()).unwrap();
        let error = part.partial().unwrap_err();
        assert!(matches!(&error.fault, Fault::Failed(why) if why.contains(plugin.name())), "{error}");
    }
}

#[test]
fn half_precision_models_are_optimised_in_single_precision() {
    // In float16 the second moment of a step of 1e-3 would be 1e-8 and vanish, and the model would not move.
    let global = model(DType::F16, &[0.5]);
    let sent = model(DType::F16, &[0.5 + 2.0_f64.powi(-10)]);
    for name in ["fedavgm", "fedadagrad", "fedadam", "fedyogi"] {
        let mut aggregation = begin(&load(name), &global);
        aggregation.add(update("a", 1, &sent, &global)).unwrap();
        let outcome = aggregation.finish().unwrap();
        for (set, parameters) in outcome.state.unwrap().parameters {
            assert_eq!(parameters.layout().tensors()[0].dtype, DType::F32, "{name}, {set}");
            assert!(values(&parameters)[0] > 0.0, "{name}, {set}");
        }
    }
}
