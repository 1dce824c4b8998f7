//! The schema that is written down, and the one that there is.

use std::path::Path;

/// Set to have the schema written down anew.
const UPDATE: &str = "FEDWIT_UPDATE_SCHEMA";

#[test]
fn the_schema_is_the_one_that_is_written_down() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let schema = fedwit_api::graphql::schema_text();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    if written != schema {
        let lines = written.lines().zip(schema.lines()).enumerate();
        let first = lines.filter(|(_, (written, is))| written != is).map(|(line, (_, is))| (line + 1, is)).next();
        panic!(
            "{} is not the schema, first at {first:?}: look whether that is meant, write it down anew with {UPDATE}=1, and \
             say it in CHANGELOG.md",
            file.display()
        );
    }
}
