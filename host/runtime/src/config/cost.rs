//! How much work a schema can make.
//!
//! With references a few lines of schema can unfold into more than any machine can walk through: each of thirty
//! definitions that names the next one twice is a billion steps. So the schema's size with all references unfolded is
//! counted, and bounded. A schema that contains itself has no such size, and no configuration needs one.

use std::collections::HashMap;

use serde_json::Value;

/// Values in a schema with all references unfolded: every one of them may be looked at for each value of a
/// configuration.
const MOST: u64 = 10_000;

/// Keywords that refer to something in ways that are not followed here, or that check each value once more at every level
/// around it.
const FORBIDDEN: [&str; 8] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Says why a schema could make too much work, or what it refers to that it may not.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut unfolding = Unfolding { schema, sizes: HashMap::new() };
    let size = unfolding.size(schema)?;
    if size > MOST {
        Err(format!("with its references unfolded it has {size} values, more than {MOST}"))
    } else {
        Ok(())
    }
}

struct Unfolding<'a> {
    schema: &'a Value,
    /// The sizes of what was referred to; none while it is being counted.
    sizes: HashMap<&'a str, Option<u64>>,
}

impl<'a> Unfolding<'a> {
    /// `serde_json` reads no more than 128 levels, so the recursion is bounded.
    fn size(&mut self, value: &'a Value) -> Result<u64, String> {
        let mut size: u64 = 1;
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    let more = match member.as_str() {
                        _ if FORBIDDEN.contains(&key.as_str()) => return Err(format!("`{key}` is not supported")),
                        Some(reference) if key == "$ref" => self.referred(reference)?,
                        _ => self.size(member)?,
                    };
                    size = size.saturating_add(more);
                }
            }
            Value::Array(items) => {
                for item in items {
                    size = size.saturating_add(self.size(item)?);
                }
            }
            _ => {}
        }
        Ok(size)
    }

    fn referred(&mut self, reference: &'a str) -> Result<u64, String> {
        match self.sizes.get(reference) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("`{reference:.100}` contains itself")),
            None => {}
        }
        let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        let target = pointer.and_then(|pointer| self.schema.pointer(pointer));
        let target = target.ok_or_else(|| format!("`{reference:.100}` refers to nothing in it"))?;
        self.sizes.insert(reference, None);
        let size = self.size(target)?;
        self.sizes.insert(reference, Some(size));
        Ok(size)
    }
}
