//! Literals of Python, as far as JSON has values for them.
//!
//! FEDn's tools hand an aggregator's settings on as `str(dict)`, and FEDn reads them with `ast.literal_eval`. What comes
//! is a text from anywhere: how deep it may be nested is bounded, and nothing in it is ever run.

use serde_json::{Map, Number, Value};

/// How deep lists and dictionaries may be nested.
const DEEPEST: usize = 32;

/// Reads a literal.
///
/// # Errors
/// Says what is wrong, and at which byte.
pub(super) fn literal(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEEPEST)?;
    reader.skip_space();
    if reader.rest().is_empty() { Ok(value) } else { Err(reader.fault("more than one literal")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.skip_space();
        let Some(depth) = depth.checked_sub(1) else { return Err(self.fault("nested too deep")) };
        match self.peek() {
            Some('{') => self.dictionary(depth),
            Some('[') => Ok(Value::Array(self.items('[', ']', depth)?.0)),
            Some('(') => match self.items('(', ')', depth)? {
                // Parentheses around one value are no tuple without a comma.
                (mut one, false) if one.len() == 1 => Ok(one.remove(0)),
                (items, _) => Ok(Value::Array(items)),
            },
            Some('\'' | '"') => self.string().map(Value::String),
            Some(_) => self.word(),
            None => Err(self.fault("it ends early")),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries = Map::new();
        self.expect('{')?;
        while !self.take('}') {
            self.skip_space();
            if !matches!(self.peek(), Some('\'' | '"')) {
                return Err(self.fault("a key is no string"));
            }
            let key = self.string()?;
            self.expect(':')?;
            entries.insert(key, self.value(depth)?);
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(Value::Object(entries))
    }

    /// What is between brackets, and whether there was a comma.
    fn items(&mut self, open: char, close: char, depth: usize) -> Result<(Vec<Value>, bool), String> {
        let (mut items, mut comma) = (Vec::new(), false);
        self.expect(open)?;
        while !self.take(close) {
            items.push(self.value(depth)?);
            if !self.take(',') {
                self.expect(close)?;
                break;
            }
            comma = true;
        }
        Ok((items, comma))
    }

    fn string(&mut self) -> Result<String, String> {
        let Some(quote) = self.next() else { return Err(self.fault("it ends early")) };
        let mut string = String::new();
        loop {
            match self.next() {
                Some(character) if character == quote => return Ok(string),
                Some('\\') => string.push(self.escaped()?),
                Some('\n') | None => return Err(self.fault("a string has no end")),
                Some(character) => string.push(character),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let digits = match self.next() {
            Some(character @ ('\\' | '\'' | '"')) => return Ok(character),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(self.fault("an escape that is not known")),
        };
        let code = self.rest().get(..digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let character = code.and_then(char::from_u32).ok_or_else(|| self.fault("an escape that is no character"))?;
        self.at += digits;
        Ok(character)
    }

    /// `None`, `True`, `False`, or a number.
    fn word(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let end = rest.find(|character: char| !(character.is_ascii_alphanumeric() || "+-._".contains(character)));
        let word = &rest[..end.unwrap_or(rest.len())];
        let value = match word {
            "None" => Some(Value::Null),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            _ => number(word).map(Value::Number),
        };
        let value = value.ok_or_else(|| self.fault("neither a literal nor a number that JSON has"))?;
        self.at += word.len();
        Ok(value)
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.fault(&format!("`{wanted}` is missing"))) }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn fault(&self, problem: &str) -> String {
        format!("{problem}, at byte {}", self.at)
    }
}

/// A number. `inf`, `nan`, and what is too large for a float are none in JSON.
fn number(word: &str) -> Option<Number> {
    let digits = word.replace('_', "");
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    if !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = digits.parse::<i64>().map(Number::from).or_else(|_| digits.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_have_the_values_that_python_gives_them() {
        for (text, expected) in [
            ("None", json!(null)),
            (" {'a': 1, \"b\": -2.5e-3,} ", json!({"a": 1, "b": -2.5e-3})),
            (
                "{'a': [True, False, None], 'b': (1, 2), 'c': (1,), 'd': (1), 'e': (), 'f': {}}",
                json!({
                    "a": [true, false, null], "b": [1, 2], "c": [1], "d": 1, "e": [], "f": {},
                }),
            ),
            (r"'it\'s \\ \n \x41 \u00e4 ü'", json!("it's \\ \n A ä ü")),
            ("\"'\"", json!("'")),
            ("1_000", json!(1000)),
            ("+.5", json!(0.5)),
            ("18446744073709551615", json!(u64::MAX)),
        ] {
            assert_eq!(literal(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_is_said_to_be_none() {
        for text in [
            "",
            "{",
            "{'a'",
            "{'a':",
            "{'a': 1",
            "{'a': 1}}",
            "{1: 2}",
            "[1 2]",
            "[,]",
            "'x",
            "'\\",
            "'\\x4",
            "'\\xä'",
            "'\\ud800'",
            "nan",
            "inf",
            "1e999",
            "b'x'",
            "__import__('os')",
            "open",
            "1+1",
            "{'a': 1} {}",
            "e",
            "...",
        ] {
            assert!(literal(text).is_err(), "{text}: {:?}", literal(text));
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for text in ["[".repeat(1 << 20), "(".repeat(1 << 20), "{'a':".repeat(1 << 18)] {
            assert!(literal(&text).is_err_and(|problem| problem.starts_with("nested too deep")));
        }
    }
}
