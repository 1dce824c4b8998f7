//! Plugins and their settings, as FEDn names them.

use serde_json::{Map, Value, json};

use super::error::{RestError, RestResult};
use super::python::literal;

/// The longest text of settings, in bytes.
const LONGEST: usize = 64 << 10;

/// What FEDn's `fedopt` takes if nothing else is said.
const FEDOPT: [(&str, f64); 4] = [("learning_rate", 1e-3), ("beta1", 0.9), ("beta2", 0.99), ("tau", 1e-4)];

/// The aggregator and its configuration that FEDn's names mean.
///
/// `fedopt` is a family in FEDn; its `serveropt` tells which plugin is meant, and that one gets FEDn's defaults. Any other
/// name is a plugin's own.
pub(super) fn aggregator(name: &str, kwargs: &Value) -> RestResult<(String, Map<String, Value>)> {
    let given = read("aggregator_kwargs", kwargs)?;
    if name != "fedopt" {
        return Ok((name.to_owned(), given));
    }
    let optimiser = match given.get("serveropt") {
        None => "adam",
        Some(Value::String(optimiser)) => optimiser.as_str(),
        Some(other) => {
            return Err(RestError::bad_request(format!(
                "aggregator_kwargs: serveropt {:.80} is no text",
                other.to_string()
            )));
        }
    };
    let plugin = match optimiser {
        "adam" => "fedadam",
        "yogi" => "fedyogi",
        "adagrad" => "fedadagrad",
        other => {
            let message = format!("aggregator_kwargs: serveropt {other:.80?} is none of adam, yogi, adagrad");
            return Err(RestError::bad_request(message));
        }
    };
    let mut config = Map::new();
    for (key, value) in FEDOPT {
        // Adagrad has no second decay.
        if plugin != "fedadagrad" || key != "beta2" {
            config.insert(key.to_owned(), json!(value));
        }
    }
    for (key, value) in given {
        if key == "serveropt" || (plugin == "fedadagrad" && key == "beta2") {
            continue;
        }
        config.insert(key, value);
    }
    Ok((plugin.to_owned(), config))
}

/// Settings under a name: an object, JSON in a text, or a Python dictionary in one.
pub(super) fn read(name: &str, kwargs: &Value) -> RestResult<Map<String, Value>> {
    match kwargs {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object.clone()),
        Value::String(text) => text_of(name, text.trim()),
        other => Err(bad(name, &format!("{:.80} is no dictionary", other.to_string()))),
    }
}

fn text_of(name: &str, text: &str) -> RestResult<Map<String, Value>> {
    if text.is_empty() || text == "None" {
        return Ok(Map::new());
    }
    if text.len() > LONGEST {
        return Err(bad(name, &format!("it has more than {LONGEST} bytes")));
    }
    let json = serde_json::from_str(text).ok();
    let value = match json {
        Some(value) => value,
        None => {
            literal(text).map_err(|problem| bad(name, &format!("it is neither JSON nor a dictionary: {problem}")))?
        }
    };
    match value {
        Value::Object(object) => Ok(object),
        other => Err(bad(name, &format!("{:.80} is no dictionary", other.to_string()))),
    }
}

fn bad(name: &str, problem: &str) -> RestError {
    RestError::bad_request(format!("{name}: {problem}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn fedopt_is_the_plugin_that_its_optimiser_names_with_fedns_defaults() {
        let adam = json!({"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99, "tau": 1e-4});
        for kwargs in [Value::Null, json!("None"), json!({}), json!({"serveropt": "adam"})] {
            let (plugin, config) = aggregator("fedopt", &kwargs).unwrap();
            assert_eq!((plugin.as_str(), Value::Object(config)), ("fedadam", adam.clone()), "{kwargs}");
        }
        let kwargs = json!("{'serveropt': 'adagrad', 'learning_rate': 0.5}");
        let (plugin, config) = aggregator("fedopt", &kwargs).unwrap();
        assert_eq!(plugin, "fedadagrad");
        assert_eq!(Value::Object(config), json!({"learning_rate": 0.5, "beta1": 0.9, "tau": 1e-4}));
        assert!(aggregator("fedopt", &json!({"serveropt": "sgd"})).is_err());
    }

    #[test]
    fn settings_are_read_in_every_form() {
        let expected = json!({"a": 1, "b": [true, null], "c": "x"});
        for kwargs in [expected.clone(), json!(expected.to_string()), json!("{'a': 1, 'b': (True, None), 'c': 'x'}")] {
            let (plugin, config) = aggregator("fedavg", &kwargs).unwrap();
            assert_eq!((plugin.as_str(), Value::Object(config)), ("fedavg", expected.clone()));
        }
        for kwargs in
            [json!(1), json!([1]), json!("[1]"), json!("{1: 2}"), json!("__import__('os')"), json!("{'a': b'x'}")]
        {
            assert!(aggregator("fedavg", &kwargs).is_err(), "{kwargs}");
        }
    }
}
