//! What clients say of their training and their validations.

use fedwit_domain::{Metrics, UpdateRefusal};
use serde_json::{Map, Value};

use super::lenient_json;

/// Values that are kept of one client in one round.
const MAX_METRICS: usize = 64;
/// The longest name of a value, in bytes.
const MAX_NAME: usize = 64;
/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 256 << 10;
/// Numbers of examples are integers that a float64 holds exactly.
const MAX_EXAMPLES: u64 = 1 << 53;

/// What a client says of its training.
#[derive(Debug, PartialEq)]
pub(super) struct Training {
    pub(super) examples: u64,
    pub(super) metrics: Metrics,
}

/// Reads an update's metadata: `{"training_metadata": {"num_examples": 100, ...}, ...}`.
pub(super) fn training(meta: &str) -> Result<Training, UpdateRefusal> {
    let refuse = |problem: String| UpdateRefusal::Metadata { problem };
    if meta.len() > MAX_TEXT {
        return Err(refuse(format!("{} bytes are more than {MAX_TEXT}", meta.len())));
    }
    let meta = lenient_json(meta).map_err(|error| refuse(error.to_string()))?;
    let training = meta.get("training_metadata").and_then(Value::as_object);
    let training = training.ok_or_else(|| refuse("it has no object `training_metadata`".to_owned()))?;
    let told = training.get("num_examples");
    let told = told.ok_or_else(|| refuse("`training_metadata` has no `num_examples`".to_owned()))?;
    Ok(Training { examples: examples(told)?, metrics: metrics(training) })
}

/// A number of examples is a positive integer. Python may write it as `100.0`.
fn examples(told: &Value) -> Result<u64, UpdateRefusal> {
    let whole = |value: f64| {
        // Exact, since the value is whole and in range.
        (value.fract() == 0.0 && (1.0..=MAX_EXAMPLES as f64).contains(&value)).then_some(value as u64)
    };
    let examples = match told {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        _ => None,
    };
    examples.filter(|examples| (1..=MAX_EXAMPLES).contains(examples)).ok_or_else(|| UpdateRefusal::Examples {
        problem: format!("its number of examples is {:.40}, which is no integer from 1 to 2^53", told.to_string()),
    })
}

/// The finite numbers of an object, but for the number of examples.
fn metrics(object: &Map<String, Value>) -> Metrics {
    let named = object.iter().filter(|(name, _)| *name != "num_examples" && is_name(name));
    let finite = named.filter_map(|(name, value)| {
        let value = value.as_f64().filter(|value| value.is_finite())?;
        Some((name.clone(), value))
    });
    finite.take(MAX_METRICS).collect()
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(|character: char| character.is_control() || character == '/')
}

/// What a client measured of a model.
#[derive(Debug, PartialEq)]
pub(super) struct ValidationData {
    pub(super) metrics: Metrics,
    /// How many examples it measured on, if it says so.
    pub(super) examples: Option<f64>,
    /// All of it.
    pub(super) data: Value,
}

impl ValidationData {
    /// Reads what a client sent. What is no JSON object has no metrics, but it is an answer all the same.
    pub(super) fn read(text: &str) -> Self {
        let cut = &text[..text.floor_char_boundary(MAX_TEXT)];
        let data = match lenient_json(cut) {
            Ok(data) => data,
            Err(_) => Value::String(cut[..cut.floor_char_boundary(4096)].to_owned()),
        };
        let object = data.as_object();
        let examples = object.and_then(|object| object.get("num_examples")).and_then(Value::as_f64);
        let examples = examples.filter(|examples| examples.is_finite() && *examples > 0.0);
        Self { metrics: object.map(metrics).unwrap_or_default(), examples, data }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn meta(examples: &str) -> String {
        format!(r#"{{"training_metadata": {{"num_examples": {examples}, "lr": 0.1, "loss": NaN, "name": "x"}}}}"#)
    }

    #[test]
    fn a_number_of_examples_is_a_positive_integer() {
        for (text, examples) in [("1", 1), ("100.0", 100), ("9007199254740992", 1 << 53)] {
            assert_eq!(training(&meta(text)).unwrap().examples, examples, "{text}");
        }
        for text in ["0", "-1", "0.5", "NaN", "Infinity", "1e300", "9007199254740994", "\"100\"", "null", "[1]", "true"]
        {
            let refusal = training(&meta(text)).unwrap_err();
            assert_eq!(refusal.code(), "UPDATE_EXAMPLES", "{text}: {refusal}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, named) in [
            ("", "EOF"),
            ("[]", "training_metadata"),
            ("{}", "training_metadata"),
            (r#"{"training_metadata": 1}"#, "training_metadata"),
            (r#"{"training_metadata": {}}"#, "num_examples"),
        ] {
            let refusal = training(text).unwrap_err();
            assert_eq!(refusal.code(), "UPDATE_METADATA", "{text}");
            assert!(refusal.to_string().contains(named), "{text}: {refusal}");
        }
    }

    #[test]
    fn finite_numbers_are_metrics() {
        assert_eq!(training(&meta("1")).unwrap().metrics, Metrics::from([("lr".to_owned(), 0.1)]));
        let read = ValidationData::read(r#"{"val_loss": 0.5, "num_examples": 20, "acc": Infinity, "text": "x"}"#);
        assert_eq!(read.metrics, Metrics::from([("val_loss".to_owned(), 0.5)]));
        assert_eq!(read.examples, Some(20.0));
        assert_eq!(ValidationData::read("{}").examples, None);
        assert_eq!(ValidationData::read(r#"{"num_examples": -1}"#).examples, None);
        let garbage = ValidationData::read("no json");
        assert_eq!((garbage.metrics.len(), garbage.data), (0, Value::String("no json".to_owned())));
    }
}
