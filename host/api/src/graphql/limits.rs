//! How large a query may be, found out before anything else is done with it.
//!
//! async-graphql has limits of its own, but it walks through a fragment once for each place that it stands in: a short
//! query of fragments that each stand twice in the next is longer than anything can walk through. Here each fragment is
//! measured once. Its limit of depth would also refuse what GraphiQL asks about the schema, which is deep by nature, and
//! its limit of complexity counts none of that.

mod brackets;

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Request};

use super::Failure;

/// How deep fields may be nested, but for those that ask about the schema.
const DEPTH: usize = 12;
/// How deep selections of any kind may be nested, fields and fragments: each takes stack.
pub(super) const NESTING: usize = 48;
/// How many fields a query may have, once all fragments are put in their places.
const FIELDS: usize = 5_000;
/// How deep brackets may be nested: the parser takes stack for each.
const BRACKETS: usize = 100;
/// What an answer about the schema may have, by a rough count. GraphiQL's question comes to about half of it.
const ABOUT_SCHEMA: usize = 2_000_000;
/// How many entries a list in an answer about the schema is thought to have.
const LIST: usize = 30;
/// The lists in an answer about the schema.
const LISTS: [&str; 8] =
    ["types", "fields", "args", "inputFields", "interfaces", "enumValues", "possibleTypes", "directives"];

/// Parses a query, and refuses one that is too large.
pub(super) fn check(request: &mut Request) -> Result<(), Failure> {
    if brackets::depth(&request.query) > BRACKETS {
        return Err(too_large(&format!("its brackets are nested more than {BRACKETS} deep")));
    }
    let document = request.parsed_query().map_err(|error| Failure::new("QUERY_INVALID", error.message))?;
    let mut measuring = Measuring { document, fragments: HashMap::new() };
    let mut size = Size::default();
    for (_, operation) in document.operations.iter() {
        size = size.and(measuring.set(&operation.node.selection_set, Place::OUTERMOST)?);
    }
    let Size { depth, nesting, fields, about_schema, .. } = size;
    if depth > DEPTH {
        return Err(too_large(&format!("it is nested {depth} deep, and may be {DEPTH}")));
    }
    if nesting > NESTING {
        return Err(nested());
    }
    if fields > FIELDS {
        return Err(too_large(&format!("it has {fields} fields, and may have {FIELDS}")));
    }
    if about_schema > ABOUT_SCHEMA {
        return Err(too_large("it asks for more than there is in the schema"));
    }
    Ok(())
}

fn too_large(problem: &str) -> Failure {
    Failure::new("QUERY_TOO_LARGE", format!("the query is too large: {problem}"))
}

fn nested() -> Failure {
    too_large(&format!("its fragments are nested more than {NESTING} deep"))
}

/// What a selection comes to.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    nesting: usize,
    fields: usize,
    /// What the answer would have if all of it were about the schema.
    if_about_schema: usize,
    about_schema: usize,
}

/// Where a selection stands.
#[derive(Clone, Copy)]
struct Place {
    outermost: bool,
    level: usize,
}

struct Measuring<'a> {
    document: &'a ExecutableDocument,
    /// What is known of fragments, outermost or not; nothing of those that are being measured.
    fragments: HashMap<(&'a Name, bool), Option<Size>>,
}

impl<'a> Measuring<'a> {
    fn set(&mut self, set: &'a Positioned<SelectionSet>, place: Place) -> Result<Size, Failure> {
        if place.level > NESTING {
            return Err(nested());
        }
        let mut size = Size::default();
        for selection in &set.node.items {
            let part = match &selection.node {
                Selection::Field(field) => {
                    let below = self.set(&field.node.selection_set, place.within_field())?;
                    below.as_field(&field.node.name.node, place.outermost)
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set, place.within())?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, place.within())?,
            };
            size = size.and(part.within());
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &'a Name, place: Place) -> Result<Size, Failure> {
        // One that is unknown is for others to refuse.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        let key = (name, place.outermost);
        match self.fragments.get(&key) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(Failure::new("QUERY_INVALID", format!("fragment `{name:.80}` has itself in it"))),
            None => {}
        }
        self.fragments.insert(key, None);
        let size = self.set(&fragment.node.selection_set, place)?;
        self.fragments.insert(key, Some(size));
        Ok(size)
    }
}

impl Place {
    const OUTERMOST: Self = Self { outermost: true, level: 0 };

    fn within(self) -> Self {
        Self { level: self.level + 1, ..self }
    }

    fn within_field(self) -> Self {
        Self { outermost: false, ..self.within() }
    }
}

impl Size {
    fn and(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            fields: self.fields.saturating_add(other.fields),
            if_about_schema: self.if_about_schema.saturating_add(other.if_about_schema),
            about_schema: self.about_schema.saturating_add(other.about_schema),
        }
    }

    fn within(self) -> Self {
        Self { nesting: self.nesting + 1, ..self }
    }

    /// The size of a field of which this is the selection.
    fn as_field(self, name: &Name, outermost: bool) -> Self {
        let entries = if LISTS.contains(&name.as_str()) { LIST } else { 1 };
        let if_about_schema = self.if_about_schema.saturating_add(1).saturating_mul(entries);
        let size = Self { fields: self.fields.saturating_add(1), if_about_schema, ..self };
        if outermost && name.starts_with("__") {
            Self { depth: 0, about_schema: if_about_schema, ..size }
        } else {
            Self { depth: self.depth + 1, ..size }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> Option<String> {
        check(&mut Request::new(query)).err().map(|failure| async_graphql::Error::from(failure).message)
    }

    fn nested_fields(depth: usize) -> String {
        format!("{{{}{}}}", "a{".repeat(depth - 1) + "a", "}".repeat(depth - 1))
    }

    #[test]
    fn a_query_is_twelve_deep_at_most() {
        assert_eq!(refused(&nested_fields(DEPTH)), None);
        assert!(refused(&nested_fields(DEPTH + 1)).is_some_and(|problem| problem.contains("13 deep")));
    }

    #[test]
    fn fragments_count_in_their_places() {
        let query = |depth| format!("{{ a {{ ...f }} }} fragment f on A {}", nested_fields(depth));
        assert_eq!(refused(&query(DEPTH - 1)), None);
        assert!(refused(&query(DEPTH)).is_some_and(|problem| problem.contains("13 deep")));
    }

    #[test]
    fn fragments_that_double_are_measured_at_once() {
        let mut query = "{ ...f0 }".to_owned();
        for index in 0..40 {
            let next = index + 1;
            query += &format!(" fragment f{index} on Query {{ ...f{next} ...f{next} }}");
        }
        query += " fragment f40 on Query { a }";
        assert!(refused(&query).is_some_and(|problem| problem.contains("fields")));
    }

    #[test]
    fn a_long_chain_of_fragments_takes_no_stack() {
        let mut query = "{ ...f0 }".to_owned();
        for index in 0..20_000 {
            query += &format!(" fragment f{index} on Query {{ ...f{} }}", index + 1);
        }
        assert!(refused(&query).is_some_and(|problem| problem.contains("nested")));
    }

    #[test]
    fn a_fragment_that_has_itself_in_it_is_refused() {
        let problem = refused("{ ...f } fragment f on Query { a { ...g } } fragment g on Query { ...f }");
        assert!(problem.is_some_and(|problem| problem.contains("itself")));
    }

    #[test]
    fn what_would_break_the_parser_does_not_reach_it() {
        for (open, close) in [("{a", "}"), ("{a(x:", ")}"), ("{a(x:[\"]\"", "])}")] {
            let query = open.repeat(100_000) + &close.repeat(100_000);
            assert!(refused(&query).is_some_and(|problem| problem.contains("brackets")), "{open}");
        }
        let deepest = format!("{{a(x:{}{})}}", "[".repeat(BRACKETS - 2), "]".repeat(BRACKETS - 2));
        assert_eq!(refused(&deepest), None);
    }

    #[test]
    fn graphiql_may_ask_about_the_schema_and_nobody_much_more() {
        let kinds = "kind name ofType { ".repeat(9) + "kind name" + &" }".repeat(9);
        let value = format!("name description isDeprecated deprecationReason defaultValue type {{ {kinds} }}");
        let query = format!(
            "{{ __schema {{ queryType {{ name }} types {{ kind name description inputFields {{ {value} }} fields {{ name \
             description args {{ {value} }} type {{ {kinds} }} }} enumValues {{ name }} possibleTypes {{ {kinds} }} }} \
             directives {{ name args {{ {value} }} }} }} }}"
        );
        assert_eq!(refused(&query), None);
        let bomb =
            format!("{{ __schema {{ types {}{} }} }}", "{ fields { type ".repeat(8) + "{ name }", "} }".repeat(8));
        assert!(refused(&bomb).is_some_and(|problem| problem.contains("schema")));
        let many: String = (0..40)
            .map(|index| format!("a{index}: __schema {{ types {{ fields {{ args {{ name }} }} }} }} "))
            .collect();
        assert!(refused(&format!("{{ {many} }}")).is_some_and(|problem| problem.contains("schema")));
    }
}
