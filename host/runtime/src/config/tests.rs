//! Schemas and configurations, the hostile ones included.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn schema() -> ConfigSchema {
    ConfigSchema::checked(r#"{"type": "object"}"#).unwrap()
}

#[test]
fn a_text_that_is_too_long_or_no_json_is_refused() {
    assert_eq!(schema().check_text("{        }", 5).unwrap_err(), ConfigError::TooLarge { bytes: 10, limit: 5 });
    assert!(matches!(schema().check_text("{", 5).unwrap_err(), ConfigError::Invalid { .. }));
}

#[test]
fn a_schema_refers_to_nothing_but_itself() {
    for reference in
        ["http://localhost/a.json", "file:///etc/passwd", "other.json", "#/$defs/None", "#a", "#/%24defs/A"]
    {
        let schema = json!({"$defs": {"A": {}}, "properties": {"a": {"$ref": reference}}});
        let problem = ConfigSchema::checked(&schema.to_string()).unwrap_err();
        assert!(problem.contains(reference), "{problem}");
    }
    let schema = json!({"$id": "http://localhost/", "properties": {"a": {"$ref": "#"}}});
    assert!(ConfigSchema::checked(&schema.to_string()).unwrap_err().contains("$id"));
}

#[test]
fn a_schema_that_unfolds_without_end_is_refused() {
    let within = json!({"properties": {"a": {"$ref": "#"}}});
    assert!(ConfigSchema::checked(&within.to_string()).unwrap_err().contains("contains itself"));
    let mut definitions = Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        definitions.insert(format!("d{level}"), json!({"allOf": [next, next]}));
    }
    definitions.insert("d40".to_owned(), json!({"type": "object"}));
    let bomb = json!({"$defs": definitions, "$ref": "#/$defs/d0"});
    let start = Instant::now();
    assert!(ConfigSchema::checked(&bomb.to_string()).unwrap_err().contains("unfolded"));
    assert!(start.elapsed() < Duration::from_secs(10));
}
