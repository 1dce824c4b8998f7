//! Which of two values comes first.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::Value;

/// How a value compares to one that is looked for, which is a text whatever it stands for.
pub(super) fn compared(found: &Value, wanted: &str) -> Option<Ordering> {
    match found {
        Value::Null => (wanted == "null").then_some(Ordering::Equal),
        // Python writes `True`.
        Value::Bool(flag) => wanted.to_ascii_lowercase().parse().ok().map(|wanted: bool| flag.cmp(&wanted)),
        Value::Number(number) => number.as_f64()?.partial_cmp(&wanted.parse().ok()?),
        Value::String(text) if text == wanted => Some(Ordering::Equal),
        Value::String(text) => match time(text).zip(time(wanted)) {
            Some((found, wanted)) => Some(found.cmp(&wanted)),
            None => Some(text.as_str().cmp(wanted)),
        },
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// What values are sorted by. Values of different kinds are apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Nothing,
    Flag(bool),
    Number(Number),
    Time(DateTime<Utc>),
    Text(String),
}

#[derive(PartialEq)]
pub(super) struct Number(f64);

impl Key {
    pub(super) fn of(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => Self::Nothing,
            Some(Value::Bool(flag)) => Self::Flag(*flag),
            Some(Value::Number(number)) => Self::Number(Number(number.as_f64().unwrap_or_default())),
            Some(Value::String(text)) => time(text).map_or_else(|| Self::Text(text.clone()), Self::Time),
        }
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A point in time, in either of the forms that FEDn shows, or with less of it. Without a zone it is UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN));
    let zoneless = || text.parse::<NaiveDateTime>().ok().or_else(day).map(|time| time.and_utc());
    let zoned = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    zoned.map(|time| time.to_utc()).ok().or_else(zoneless)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_as_what_they_are() {
        use Ordering::{Equal, Greater, Less};
        for (found, wanted, order) in [
            (json!(2), "10", Some(Less)),
            (json!(2), "2.0", Some(Equal)),
            (json!("2"), "10", Some(Greater)),
            (json!(true), "True", Some(Equal)),
            (json!(null), "null", Some(Equal)),
            (json!(null), "x", None),
            (json!(1), "x", None),
            (json!([1]), "1", None),
            (json!("Tue, 24 Nov 2026 03:01:30 GMT"), "2026-11-24T03:01:30Z", Some(Equal)),
            (json!("Tue, 24 Nov 2026 03:01:30 GMT"), "2026-11-24T03:01:31", Some(Less)),
            (json!("2026-11-24T03:01:30.5Z"), "2026-11-24", Some(Greater)),
        ] {
            assert_eq!(compared(&found, wanted), order, "{found} and {wanted}");
        }
    }

    #[test]
    fn dates_are_sorted_by_time_and_not_by_letter() {
        let key = |text: &str| Key::of(Some(&json!(text)));
        assert!(key("Wed, 25 Nov 2026 00:00:00 GMT") < key("Fri, 27 Nov 2026 00:00:00 GMT"));
        assert!(Key::of(Some(&json!(2))) < Key::of(Some(&json!(10))));
        assert!(Key::of(None) < Key::of(Some(&json!(-1))));
    }
}
