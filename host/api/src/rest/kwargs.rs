//! Aggregators and their settings, as FEDn names them.

use serde_json::{Map, Number, Value, json};

use super::error::{RestError, RestResult};

/// What FEDn's `fedopt` takes if nothing else is said.
const FEDOPT: [(&str, f64); 4] = [("learning_rate", 1e-3), ("beta1", 0.9), ("beta2", 0.99), ("tau", 1e-4)];

/// The aggregator and its configuration that FEDn's names mean.
///
/// `fedopt` is a family in FEDn; its `serveropt` tells which plugin is meant, and that one gets FEDn's defaults. Any other
/// name is a plugin's own.
pub(super) fn aggregator(name: &str, kwargs: &Value) -> RestResult<(String, Map<String, Value>)> {
    let given = read(kwargs)?;
    if name != "fedopt" {
        return Ok((name.to_owned(), given));
    }
    let optimiser = match given.get("serveropt") {
        None => "adam",
        Some(Value::String(optimiser)) => optimiser.as_str(),
        Some(other) => return Err(RestError::bad_request(format!("aggregator_kwargs: serveropt {other} is no text"))),
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

/// An object, JSON in a text, or a Python dictionary in one.
fn read(kwargs: &Value) -> RestResult<Map<String, Value>> {
    match kwargs {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object.clone()),
        Value::String(text) => text_of(text.trim()),
        other => Err(bad(&format!("{other} is no dictionary"))),
    }
}

fn text_of(text: &str) -> RestResult<Map<String, Value>> {
    if text.is_empty() || text == "None" {
        return Ok(Map::new());
    }
    if text.len() > 64 << 10 {
        return Err(bad("it is too long"));
    }
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => {
            let literal: py_literal::Value = text.parse().map_err(|_| bad("it is neither JSON nor a dictionary"))?;
            json_of(literal).ok_or_else(|| bad("it has a value that JSON has not"))?
        }
    };
    match value {
        Value::Object(object) => Ok(object),
        other => Err(bad(&format!("{other} is no dictionary"))),
    }
}

fn json_of(literal: py_literal::Value) -> Option<Value> {
    use py_literal::Value as Literal;
    Some(match literal {
        Literal::String(text) => Value::String(text),
        Literal::Boolean(flag) => Value::Bool(flag),
        Literal::None => Value::Null,
        Literal::Float(number) => Value::Number(Number::from_f64(number)?),
        Literal::Integer(number) => Value::Number(number.to_string().parse().ok()?),
        Literal::List(values) | Literal::Tuple(values) => {
            Value::Array(values.into_iter().map(json_of).collect::<Option<_>>()?)
        }
        Literal::Dict(entries) => {
            let entry = |(key, value)| match key {
                Literal::String(key) => Some((key, json_of(value)?)),
                _ => None,
            };
            Value::Object(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
        Literal::Bytes(_) | Literal::Set(_) | Literal::Complex(_) => return None,
    })
}

fn bad(problem: &str) -> RestError {
    RestError::bad_request(format!("aggregator_kwargs: {problem}"))
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
