//! JSON as Python writes it.

use serde_json::Value;

/// Reads JSON. Python writes what is not finite as `NaN`, `Infinity` and `-Infinity`, which is no JSON; here it is null.
///
/// # Errors
/// Says where it is no JSON even so.
pub fn lenient_json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match without_non_finite(text) {
        Some(text) => serde_json::from_str(&text),
        None => Err(error),
    })
}

/// The text with null for what is not finite, if it has any of that outside of its strings.
fn without_non_finite(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut found) = (text, false);
    while let Some(character) = rest.chars().next() {
        if character == '"' {
            let end = string_end(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some(token) = ["-Infinity", "Infinity", "NaN"].into_iter().find(|token| rest.starts_with(token)) {
            out.push_str("null");
            found = true;
            rest = &rest[token.len()..];
        } else {
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    found.then_some(out)
}

/// Where the string that a text begins with is over.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_finite_is_null() {
        let text = r#"{"a": NaN, "b": [1, -Infinity, Infinity], "NaN": "NaN \" Infinity", "c": 1.5}"#;
        let expected = json!({"a": null, "b": [1, null, null], "NaN": "NaN \" Infinity", "c": 1.5});
        assert_eq!(lenient_json(text).ok(), Some(expected));
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in ["", "{", "NaNa", "{\"a\": nan}", "\"NaN", "[\"\\"] {
            assert!(lenient_json(text).is_err(), "{text}");
        }
    }
}
