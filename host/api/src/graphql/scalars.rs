//! Values that GraphQL has no type for.

use async_graphql::{ID, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, Utc};
use fedwit_domain::{Metrics, Timestamp};
use serde_json::Map;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Int64(pub(super) u64);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct MetricValues(pub(super) Metrics);

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JsonObject(pub(super) Map<String, serde_json::Value>);

/// A whole number from 0 on that may not fit into 32 bits: a JSON number, or its digits as a string.
#[Scalar(name = "Int64")]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(digits) => digits.parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

/// Values by name: a JSON object of numbers.
#[Scalar(name = "Metrics")]
impl ScalarType for MetricValues {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(async_graphql::from_value(value)?))
    }

    fn to_value(&self) -> Value {
        let pairs = self.0.iter().map(|(name, value)| (async_graphql::Name::new(name), Value::from(*value)));
        Value::Object(pairs.collect())
    }
}

/// A JSON object.
#[Scalar(name = "JSONObject")]
impl ScalarType for JsonObject {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Object(_) => Ok(Self(async_graphql::from_value(value)?)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from_json(serde_json::Value::Object(self.0.clone())).unwrap_or_default()
    }
}

/// A point in time, as GraphQL's clients read it.
pub(super) fn time(at: Timestamp) -> DateTime<Utc> {
    let milliseconds = i64::try_from(at.0).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The time from one point to another, in milliseconds, if both have come.
pub(super) fn between(from: Option<Timestamp>, until: Option<Timestamp>) -> Option<Int64> {
    let (from, until) = from.zip(until)?;
    Some(Int64(until.0.saturating_sub(from.0)))
}

/// An identity.
pub(super) fn id(id: &impl ToString) -> ID {
    ID(id.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_large_number_is_read_from_digits_too() {
        assert_eq!(Int64::parse(Value::from(7)).unwrap(), Int64(7));
        assert_eq!(Int64::parse(Value::from("18446744073709551615")).unwrap(), Int64(u64::MAX));
        for bad in [Value::from(-1), Value::from(1.5), Value::from("x"), Value::Null, Value::from(true)] {
            assert!(Int64::parse(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_are_an_object() {
        assert!(JsonObject::parse(Value::from_json(serde_json::json!({ "a": [1] })).unwrap()).is_ok());
        for bad in [Value::Null, Value::from(1), Value::List(vec![])] {
            assert!(JsonObject::parse(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_time_is_out_of_range() {
        assert_eq!(time(Timestamp(1500)).to_rfc3339(), "1970-01-01T00:00:01.500+00:00");
        assert_eq!(time(Timestamp(u64::MAX)), DateTime::<Utc>::MAX_UTC);
    }
}
