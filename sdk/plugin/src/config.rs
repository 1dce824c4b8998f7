//! Reading a plugin's configuration, with errors that name the key.

use std::fmt::Display;
use std::ops::Range;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::Error;

/// Reads a configuration. No text at all is an empty object.
///
/// # Errors
/// [`Error::InvalidConfig`] names the key that is unknown or has a value of another type.
pub fn parse<C: DeserializeOwned>(text: &str) -> Result<C, Error> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    // A struct can also be read from an array, in the order of its fields, which nobody means.
    if !text.trim_start().starts_with('{') {
        return Err(Error::InvalidConfig("this is no JSON object".to_owned()));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let config = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let key = error.path().to_string();
        // At the top there is no key; serde's own text names the ones that are unknown.
        let text = if key == "." { error.inner().to_string() } else { format!("`{key}`: {}", error.inner()) };
        Error::InvalidConfig(text)
    })?;
    json.end().map_err(|error| Error::InvalidConfig(error.to_string()))?;
    Ok(config)
}

/// The JSON Schema of a configuration.
#[must_use]
pub fn schema<C: JsonSchema>() -> String {
    schemars::schema_for!(C).as_value().to_string()
}

/// Refuses a value of `key` that is not a finite number above 0.
///
/// # Errors
/// [`Error::InvalidConfig`].
pub fn positive(key: &str, value: f64) -> Result<(), Error> {
    check(key, value, value.is_finite() && value > 0.0, "a finite number above 0")
}

/// Refuses a value of `key` that is not at least 0 and below 1.
///
/// # Errors
/// [`Error::InvalidConfig`].
pub fn fraction(key: &str, value: f64) -> Result<(), Error> {
    within(key, value, 0.0..1.0)
}

/// Refuses a value of `key` that is not at least the start and below the end of a range.
///
/// # Errors
/// [`Error::InvalidConfig`].
pub fn within(key: &str, value: f64, range: Range<f64>) -> Result<(), Error> {
    check(key, value, range.contains(&value), format_args!("at least {} and below {}", range.start, range.end))
}

fn check(key: &str, value: f64, holds: bool, allowed: impl Display) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::InvalidConfig(format!("`{key}` is {value}, but must be {allowed}"))) }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, Default, Deserialize, Serialize, PartialEq, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Config {
        /// How fast.
        #[schemars(extend("exclusiveMinimum" = 0))]
        rate: f64,
    }

    fn refused(text: &str) -> String {
        let Err(Error::InvalidConfig(why)) = parse::<Config>(text) else { panic!("{text} is refused") };
        why
    }

    #[test]
    fn nothing_is_the_default_and_integers_are_numbers() {
        assert_eq!(parse::<Config>("").unwrap(), Config { rate: 0.0 });
        assert_eq!(parse::<Config>("{}").unwrap(), Config { rate: 0.0 });
        assert_eq!(parse::<Config>(r#"{"rate": 1}"#).unwrap(), Config { rate: 1.0 });
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(refused(r#"{"rat": 1}"#).contains("unknown field `rat`, expected `rate`"));
        assert!(refused(r#"{"rate": "fast"}"#).starts_with("`rate`: "));
        refused("[]");
        refused("{} {}");
        assert!(refused(r#"{"rate": 1e999}"#).starts_with("`rate`: number out of range"));
    }

    #[test]
    fn the_schema_tells_what_a_user_must_know() {
        let schema: serde_json::Value = serde_json::from_str(&schema::<Config>()).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&"object".into(), &false.into()));
        let rate = &schema["properties"]["rate"];
        assert_eq!((&rate["description"], &rate["default"]), (&"How fast.".into(), &0.0.into()));
        assert_eq!((&rate["type"], &rate["exclusiveMinimum"]), (&"number".into(), &0.into()));
    }

    #[test]
    fn bounds_name_the_key_and_what_is_allowed() {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let Err(Error::InvalidConfig(why)) = positive("rate", value) else { panic!("{value} is refused") };
            assert!(why.contains("`rate`") && why.contains("above 0"), "{why}");
        }
        for value in [-0.1, 1.0, f64::NAN] {
            fraction("beta", value).unwrap_err();
        }
        fraction("beta", 0.0).unwrap();
        let refused = within("trim", 0.5, 0.0..0.5);
        assert!(matches!(refused, Err(Error::InvalidConfig(why)) if why.ends_with("at least 0 and below 0.5")));
        positive("rate", 1e-300).unwrap();
    }
}
