//! What FEDn's objects have in common.

use chrono::{DateTime, Utc};
use fedwit_domain::{ClientId, CombinerName, ModelFormat, Timestamp};
use serde_json::{Value, json};

use super::error::{RestError, RestResult};

/// As in `Tue, 24 Nov 2026 03:01:30 GMT`.
pub(super) fn date(time: Timestamp) -> String {
    utc(time).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// As in `2026-11-24T03:01:37.657Z`.
pub(super) fn iso(time: Timestamp) -> String {
    utc(time).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// What is beyond all calendars is the last that they have.
fn utc(time: Timestamp) -> DateTime<Utc> {
    let milliseconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(milliseconds).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

pub(super) fn client(id: &ClientId) -> Value {
    json!({ "name": id, "role": "CLIENT", "client_id": id })
}

pub(super) fn combiner(name: &CombinerName) -> Value {
    json!({ "name": name, "role": "COMBINER", "client_id": "" })
}

/// JSON in a string, as FEDn has it; what was no JSON is in it as it was.
pub(super) fn text(data: &Value) -> String {
    data.as_str().map_or_else(|| data.to_string(), str::to_owned)
}

/// A format by FEDn's name for it.
pub(super) fn format(helper: &str) -> RestResult<ModelFormat> {
    helper.parse().map_err(|error: fedwit_domain::ConfigError| RestError::bad_request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_fedn_shows_them() {
        let time = Timestamp(1_795_489_297_657);
        assert_eq!(date(time), "Tue, 24 Nov 2026 03:01:37 GMT");
        assert_eq!(iso(time), "2026-11-24T03:01:37.657Z");
    }

    #[test]
    fn any_time_can_be_shown() {
        assert!(!date(Timestamp(u64::MAX)).is_empty() && !iso(Timestamp(i64::MAX.unsigned_abs())).is_empty());
    }

    #[test]
    fn data_are_text_that_is_json() {
        assert_eq!(text(&json!({"a": 1})), "{\"a\":1}");
        assert_eq!(text(&json!("no json")), "no json");
    }
}
