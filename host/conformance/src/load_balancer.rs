//! The rules of load balancers. Where it places clients is a balancer's own affair: a client that gets another combiner than
//! it would like, or many that get the same, break no rule.

use fedwit_runtime::{ClientInfo, Combiner, Fault, Placement, PluginError};
use serde_json::{Map, Value};

use crate::Verdict;
use crate::rule::{Broken, Rule, Scene, broken, text};

/// What every load balancer has to do.
pub(crate) const RULES: &[Rule] = &[
    ("defaults-are-accepted", "the defaults that its schema names are those that it has", defaults),
    ("unknown-keys-are-refused", "a key that its schema does not name is refused by its name", unknown_keys),
    ("combiners-are-named", "it names one of the combiners that it is given", combiners_alone),
    ("repeatable", "the same question has the same answer", repeatable),
    ("one-combiner-is-enough", "where there is one combiner it answers", one_combiner),
    ("no-room-is-an-answer", "where all combiners are full it names one, or says that it failed", no_room),
    ("many-combiners-are-handled", "a hundred combiners are within its limits", many_combiners),
];

impl Scene {
    fn place(
        &self,
        config: &Map<String, Value>,
        client: ClientInfo,
        combiners: Vec<Combiner>,
    ) -> Result<String, PluginError> {
        self.plugin.place(Placement { config: text(config), client, combiners })
    }
}

/// Clients of several kinds: with wishes that can and cannot be granted, with attributes and without.
fn clients() -> Vec<ClientInfo> {
    let client = |id: &str, name: &str, region: Option<&str>, preferred: Option<&str>| ClientInfo {
        id: id.to_owned(),
        name: name.to_owned(),
        attributes: region.map(|region| ("region".to_owned(), region.to_owned())).into_iter().collect(),
        preferred: preferred.map(str::to_owned),
    };
    vec![
        client("1", "one", None, None),
        client("2", "two", Some("south"), Some("combiner-3")),
        client("3", "one", Some(""), Some("nowhere")),
        client("7d9f6f0c-5c9f-4b51-8d52-6f4a8b9d1c3e", "Grüße, 世界", Some("combiner-2"), Some("")),
    ]
}

/// Combiners with unequal loads, of which some have a capacity and one is full.
fn combiners(count: u32) -> Vec<Combiner> {
    let combiner = |index: u32| Combiner {
        name: format!("combiner-{}", index + 1),
        clients: index * 5 % 7,
        capacity: (index % 2 == 1).then_some(5 + index % 4),
    };
    (0..count).map(combiner).collect()
}

fn defaults(scene: &Scene) -> Result<Verdict, Broken> {
    let told = scene.with_defaults();
    scene.plugin.check(&text(&told))?;
    for client in clients() {
        if scene.place(&told, client.clone(), combiners(4))? != scene.place(&scene.config, client, combiners(4))? {
            return broken("with its schema's defaults it places clients elsewhere than without them");
        }
    }
    Ok(Verdict::Passed)
}

fn unknown_keys(scene: &Scene) -> Result<Verdict, Broken> {
    scene.refuses_unknown_keys(|config| scene.plugin.check(&text(config)))
}

/// The host refuses every other answer, and says why.
fn combiners_alone(scene: &Scene) -> Result<Verdict, Broken> {
    for client in clients() {
        for count in [2, 3, 5] {
            scene.place(&scene.config, client.clone(), combiners(count))?;
        }
    }
    Ok(Verdict::Passed)
}

fn repeatable(scene: &Scene) -> Result<Verdict, Broken> {
    for client in clients() {
        let once = scene.place(&scene.config, client.clone(), combiners(5))?;
        let again = scene.place(&scene.config, client.clone(), combiners(5))?;
        if once != again {
            return broken(format!("asked twice, it places client `{}` at `{once}` and at `{again}`", client.id));
        }
    }
    Ok(Verdict::Passed)
}

fn one_combiner(scene: &Scene) -> Result<Verdict, Broken> {
    for client in clients() {
        scene.place(&scene.config, client, combiners(1))?;
    }
    Ok(Verdict::Passed)
}

fn no_room(scene: &Scene) -> Result<Verdict, Broken> {
    let full = |combiner: Combiner| Combiner { clients: 5, capacity: Some(5), ..combiner };
    for client in clients() {
        match scene.place(&scene.config, client, combiners(3).into_iter().map(full).collect()) {
            Ok(_) => {}
            Err(error) if matches!(error.fault, Fault::Failed(_)) => {}
            Err(error) => return broken(format!("it does not say that it failed, but: {error}")),
        }
    }
    Ok(Verdict::Passed)
}

fn many_combiners(scene: &Scene) -> Result<Verdict, Broken> {
    for client in clients() {
        scene.place(&scene.config, client, combiners(100))?;
    }
    Ok(Verdict::Passed)
}
