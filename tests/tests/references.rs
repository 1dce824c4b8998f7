//! Aggregators against their papers: the same rounds through the components and through a few plain lines in float64,
//! which share nothing with them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "references/byzantine.rs"]
mod byzantine;
#[path = "references/fedbuff.rs"]
mod fedbuff;
#[path = "references/scene.rs"]
mod scene;

use fedwit_runtime::{Limits, Outcome, Plugin, UpdateInfo};
use fedwit_tensor::DType;
use fedwit_tests::{plugin, runtime, values};
use rand::Rng;
use scene::{Attack, SHAPES, Scene};
use serde_json::json;

fn load(name: &str) -> Plugin {
    plugin(&runtime(Limits::default()), name)
}

#[track_caller]
fn assert_near(outcome: &Outcome, expected: &[f64], dtype: DType, what: &str) {
    let found = values(&outcome.model);
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let bound = scale * if dtype == DType::F32 { 1e-6 } else { 1e-12 };
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= bound, "{what}: value {index} is {found}, not {expected}");
    }
}

/// Every attack on every shape, with values that tie and with values that do not.
fn scenes(fewest: impl Fn(usize) -> usize) -> impl Iterator<Item = (Scene, String)> {
    let mut scenes = Vec::new();
    for (number, dtype) in [DType::F32, DType::F64].into_iter().cycle().take(48).enumerate() {
        let attack = [Attack::Outliers, Attack::OneCoordinate, Attack::Copies][number % 3];
        let (shapes, byzantine, tied) = (SHAPES[number % SHAPES.len()], number % 4, number % 5 < 2);
        let clients = fewest(byzantine) + number % 6;
        let what =
            format!("scene {number}: {clients} clients, {byzantine} byzantine, {attack:?}, {dtype}, tied: {tied}");
        scenes.push((Scene::random(number as u64, dtype, shapes, clients, byzantine, attack, tied), what));
    }
    scenes.into_iter()
}

#[test]
fn krum_and_multi_krum_choose_as_their_paper_says() {
    let (krum, multi_krum) = (load("krum"), load("multi-krum"));
    for (scene, what) in scenes(|byzantine| 2 * byzantine + 3) {
        let (models, f) = (scene.models(), scene.byzantine);
        let outcome = scene.round(&krum, &json!({ "byzantine": f }));
        let ranked = byzantine::ranked(&scene.deltas(), f);
        assert_eq!(values(&outcome.model), models[ranked[0]], "{what}");
        let kept = models.len() - f;
        for keep in [1, kept.div_ceil(2), kept] {
            let outcome = scene.round(&multi_krum, &json!({ "byzantine": f, "keep": keep }));
            let chosen: Vec<_> = ranked[..keep].iter().map(|client| models[*client].clone()).collect();
            assert_near(&outcome, &byzantine::mean(&chosen), scene.dtype, &format!("{what}, {keep} kept"));
        }
    }
}

#[test]
fn bulyan_gives_what_its_paper_says() {
    let bulyan = load("bulyan");
    for (scene, what) in scenes(|byzantine| 4 * byzantine + 3) {
        let outcome = scene.round(&bulyan, &json!({ "byzantine": scene.byzantine }));
        let expected = byzantine::bulyan(&scene.models(), &scene.deltas(), scene.byzantine);
        assert_near(&outcome, &expected, scene.dtype, &what);
    }
}

/// Distances as `|a|^2 + |b|^2 - 2ab` of whole weights in float32 have no digits left here.
#[test]
fn krum_tells_small_updates_of_large_weights_apart() {
    let krum = load("krum");
    for step in [1e-3, 1e-5] {
        for trial in 0..20 {
            let scene = Scene::small_steps(trial, step);
            let outcome = scene.round(&krum, &json!({ "byzantine": scene.byzantine }));
            let closest = byzantine::ranked(&scene.deltas(), scene.byzantine)[0];
            assert_eq!(values(&outcome.model), scene.models()[closest], "trial {trial} of steps of {step}");
        }
    }
}

#[test]
fn fedbuff_gives_what_its_paper_says_over_any_number_of_shares() {
    let fedbuff = load("fedbuff");
    for number in 0..48 {
        let dtype = if number % 2 == 0 { DType::F32 } else { DType::F64 };
        let mut scene = Scene::random(
            number,
            dtype,
            SHAPES[number as usize % SHAPES.len()],
            10,
            0,
            Attack::Outliers,
            number % 5 < 2,
        );
        let learning_rate = if number % 3 == 0 { 1.0 } else { scene.random.random_range(0.1..2.0) };
        scene.grow_stale();
        let staleness: Vec<u32> = scene.updates.iter().map(|update| update.info().staleness).collect();
        let expected = fedbuff::model(&scene.global_values(), &scene.deltas(), &staleness, learning_rate);
        let config = json!({ "learning_rate": learning_rate });
        assert_near(&scene.round(&fedbuff, &config), &expected, dtype, &format!("scene {number}"));
        for shares in [2, 3, 11] {
            let outcome = scene.shared_out(&fedbuff, &config, shares);
            assert_near(&outcome, &expected, dtype, &format!("scene {number} over {shares} shares"));
        }
    }
}

/// A buffer may hold several updates of one client.
#[test]
fn a_clients_second_update_counts_as_much_as_its_first() {
    let fedbuff = load("fedbuff");
    let mut scene = Scene::random(7, DType::F64, SHAPES[0], 10, 0, Attack::Outliers, false);
    scene.grow_stale();
    let before = values(&scene.round(&fedbuff, &json!({})).model);
    scene.rename(|number, info| UpdateInfo { client: format!("client-{}", number % 3), ..info });
    assert_eq!(values(&scene.round(&fedbuff, &json!({})).model), before);
}
