//! From what lies in a column to what it means, and back.

use std::fmt::Display;
use std::str::FromStr;

use fedwit_domain::Timestamp;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// A number as SQLite keeps it. What is larger than it can keep is the largest that it can.
pub(crate) fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A text that has a form.
pub(crate) fn text<T>(what: &str, text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|problem| damaged(what, problem))
}

/// A text that may be missing.
pub(super) fn optional<T>(what: &str, value: Option<String>) -> Result<Option<T>, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    value.map(|value| text(what, &value)).transpose()
}

/// A structure.
pub(crate) fn json<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|problem| damaged(what, problem))
}

/// A number that is not negative.
pub(super) fn unsigned(what: &str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|problem| damaged(what, problem))
}

/// A small number that is not negative.
pub(super) fn count(what: &str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|problem| damaged(what, problem))
}

/// A time.
pub(super) fn time(what: &str, milliseconds: i64) -> Result<Timestamp, StoreError> {
    unsigned(what, milliseconds).map(Timestamp)
}

fn damaged(what: &str, problem: impl Display) -> StoreError {
    StoreError::Damaged { what: what.to_owned(), problem: problem.to_string() }
}
