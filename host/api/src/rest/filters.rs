//! Which objects of a collection are wanted.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;

use super::order::compared;

/// Fields, and the values that they may have.
///
/// What a collection can filter by itself it takes out; what is left is compared with the objects. A field may be within
/// others, as in `sender.name`, and may end in a test, as in `rounds__gte`.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Wants a field to have a value.
    pub(super) fn want(&mut self, field: &str, value: String) {
        self.0.insert(snake_case(field), vec![value]);
    }

    /// Wants a field to have one of some values.
    pub(super) fn want_any(&mut self, field: &str, values: Vec<String>) {
        self.0.insert(snake_case(field), values);
    }

    /// Takes a field out, if the one value that it may have can be of the type. One that cannot stays, and lets nothing
    /// through.
    pub(super) fn take<T: FromStr>(&mut self, field: &str) -> Option<T> {
        let [value] = self.0.get(field)?.as_slice() else { return None };
        let value = value.parse().ok()?;
        self.0.remove(field);
        Some(value)
    }

    /// Takes a field out if there is but this value for it.
    pub(super) fn take_if(&mut self, field: &str, value: &str) -> bool {
        let only = self.0.get(field).is_some_and(|values| values.as_slice() == [value]);
        if only {
            self.0.remove(field);
        }
        only
    }

    /// Takes out the values that a field may have; none if there is nothing to choose by.
    pub(super) fn take_any(&mut self, field: &str) -> Option<Vec<String>> {
        let mut values = self.0.remove(field)?;
        values.retain(|value| !value.is_empty());
        (!values.is_empty()).then_some(values)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn let_through(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, wanted)| {
            let (path, test) = field.rsplit_once("__").unwrap_or((field, "eq"));
            let found = at(object, path).unwrap_or(&Value::Null);
            wanted.iter().any(|wanted| holds(found, test, wanted))
        })
    }
}

/// What is at a path, such as `sender.name`.
pub(super) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |within, field| within.get(field))
}

fn holds(found: &Value, test: &str, wanted: &str) -> bool {
    let order = compared(found, wanted);
    match test {
        "eq" => order == Some(Equal),
        "ne" => order != Some(Equal),
        "gt" => order == Some(Greater),
        "gte" => matches!(order, Some(Greater | Equal)),
        "lt" => order == Some(Less),
        "lte" => matches!(order, Some(Less | Equal)),
        _ => false,
    }
}

/// Clients of two generations write `session_id` and `sessionId`.
fn snake_case(field: &str) -> String {
    let mut snake = String::with_capacity(field.len() + 4);
    for character in field.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filters(fields: &[(&str, &str)]) -> Filters {
        let mut filters = Filters::default();
        for (field, value) in fields {
            filters.want(field, (*value).to_owned());
        }
        filters
    }

    #[test]
    fn any_field_can_be_asked_for() {
        let object = json!({"a": 1, "b": {"c": "x"}, "d": null, "e": true, "session_id": "s"});
        for fields in [
            &[("a", "1")][..],
            &[("a__gt", "0"), ("a__lte", "1")],
            &[("b.c", "x")],
            &[("b.c__ne", "y")],
            &[("d", "null")],
            &[("none", "null")],
            &[("e", "true")],
            &[("sessionId", "s")],
        ] {
            assert!(filters(fields).let_through(&object), "{fields:?}");
        }
        for fields in [&[("a", "2")][..], &[("a", "x")], &[("none", "1")], &[("b", "x")], &[("a__what", "1")]] {
            assert!(!filters(fields).let_through(&object), "{fields:?}");
        }
    }

    #[test]
    fn one_of_several_values_is_enough() {
        let mut any = Filters::default();
        any.want_any("id", vec!["a".to_owned(), "b".to_owned()]);
        assert!(any.let_through(&json!({"id": "b"})) && !any.let_through(&json!({"id": "c"})));
        assert_eq!(any.take::<String>("id"), None, "the store takes one");
        any.want_any("id", Vec::new());
        assert!(!any.let_through(&json!({"id": "a"})));
    }

    #[test]
    fn what_is_of_another_type_is_not_taken() {
        let mut filters = filters(&[("n", "x"), ("m", "1"), ("status", "online")]);
        assert_eq!((filters.take::<u32>("n"), filters.take::<u32>("m")), (None, Some(1)));
        assert!(!filters.take_if("status", "offline") && filters.take_if("status", "online"));
        assert!(!filters.is_empty());
    }
}
