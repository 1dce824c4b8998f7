//! Schemas and configurations, the hostile ones included.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn schema() -> ConfigSchema {
    let schema = json!({
        "type": "object",
        "properties": {
            "learning_rate": {"type": "number", "exclusiveMinimum": 0},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 1000},
            "layers": {"type": "array", "items": {"$ref": "#/$defs/Layer"}},
            "rule": {"oneOf": [
                {"type": "object", "properties": {"share": {"type": "number", "maximum": 0.5}}, "required": ["share"]},
                {"const": "none"},
            ]},
        },
        "additionalProperties": false,
        "$defs": {"Layer": {"type": "object", "required": ["rate"], "properties": {"rate": {"minimum": 0}}}},
    });
    ConfigSchema::checked(&schema.to_string()).unwrap()
}

fn refused(config: &Value) -> (String, String) {
    match schema().check(config).unwrap_err() {
        ConfigError::Invalid { key, problem } => (key, problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_schema_allows_is_a_configuration() {
    let full = json!({"learning_rate": 0.1, "name": "a", "layers": [{"rate": 0}], "rule": {"share": 0.5}});
    assert_eq!(schema().check(&full), Ok(()));
    assert_eq!(schema().check(&json!({"rule": "none"})), Ok(()));
    assert_eq!(schema().check_text("  ", 5), Ok(()));
    assert_eq!(schema().check(&json!([])), Err(ConfigError::NotAnObject));
}

#[test]
fn a_refusal_names_the_key_and_what_is_allowed() {
    for (config, key, allowed) in [
        (json!({"learning_rate": 0}), "learning_rate", "0"),
        (json!({"learning_rate": "fast"}), "learning_rate", "number"),
        (json!({"name": "A"}), "name", "^[a-z]+$"),
        (json!({"layers": [{"rate": 1}, {"rate": -1}]}), "layers/1/rate", "minimum of 0"),
        (json!({"layers": [{}]}), "layers/0/rate", "required"),
        (json!({"learing_rate": 1}), "learing_rate", "no such parameter"),
        (json!({"rule": {"share": 0.75}}), "rule/share", "maximum of 0.5"),
        (json!({"rule": {}}), "rule", ""),
    ] {
        let (named, problem) = refused(&config);
        assert_eq!(named, key, "{problem}");
        assert!(problem.contains(allowed), "{problem}");
    }
}

#[test]
fn a_plugin_without_parameters_names_the_one_that_it_has_not() {
    let none = json!({"type": "object", "additionalProperties": false});
    let schema = ConfigSchema::checked(&none.to_string()).unwrap();
    assert_eq!(schema.check(&json!({})), Ok(()));
    let refused = schema.check(&json!({"trim": 0})).unwrap_err();
    assert_eq!(refused.to_string(), "`trim`: there is no such parameter");
}

#[test]
fn a_refusal_is_short_whatever_it_is_about() {
    let (_, problem) = refused(&json!({"name": "A".repeat(60_000)}));
    assert!(problem.chars().count() <= PROBLEM_CHARS + 3);
    let (key, _) = refused(&json!({"\u{e9}".repeat(30_000): 1}));
    assert!(key.chars().count() <= PROBLEM_CHARS + 3);
}

#[test]
fn a_schema_that_is_none_is_refused() {
    for (schema, problem) in [
        (json!({"type": "objct"}), "objct"),
        (json!({"properties": {"a": {"pattern": "("}}}), "pattern"),
        (json!({"properties": {"a": {"pattern": "(?=a)b"}}}), "pattern"),
        (json!({"properties": {"a": {"pattern": "((a{100}){100}){100}"}}}), "pattern"),
        (json!({"unevaluatedProperties": false}), "unevaluatedProperties"),
    ] {
        let said = ConfigSchema::checked(&schema.to_string()).unwrap_err();
        assert!(said.contains(problem), "{said}");
    }
}

#[test]
fn patterns_and_choices_cost_no_more_than_they_show() {
    let mut nested = json!({"type": "string"});
    for _ in 0..50 {
        nested = json!({"anyOf": [nested, {"type": "number"}]});
    }
    let schema = json!({"properties": {"a": {"pattern": "^(a+)+$"}, "b": nested}});
    let schema = ConfigSchema::checked(&schema.to_string()).unwrap();
    let start = Instant::now();
    assert!(schema.check(&json!({"a": "a".repeat(60_000) + "!"})).is_err());
    assert!(schema.check(&json!({"b": []})).is_err());
    assert!(start.elapsed() < Duration::from_secs(10));
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
