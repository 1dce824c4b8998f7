//! What a plugin may be called.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

/// A name that a server takes, and that can be part of names in every language: it begins with a letter, and no hyphen
/// is beside another or at the end.
#[derive(Clone, Debug)]
pub(crate) struct PluginName(String);

/// The most characters that a server takes.
const MOST: usize = 64;

/// What no library in Rust can be called: words of the language, and libraries that are there already.
const TAKEN: [&str; 60] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "fedwit-plugin",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "schemars",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "wit-bindgen",
    "yield",
];

impl PluginName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as part of a name in code.
    pub(crate) fn identifier(&self) -> String {
        self.0.replace('-', "_")
    }

    /// Whether a crate can have it.
    pub(super) fn check_crate(&self) -> Result<()> {
        if TAKEN.contains(&self.0.as_str()) {
            bail!("a crate cannot be called `{self}`");
        }
        Ok(())
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for PluginName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        let parts_hold = name.split('-').all(|part| !part.is_empty() && part.chars().all(allowed));
        if parts_hold && name.len() <= MOST && name.starts_with(|first: char| first.is_ascii_lowercase()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(format!(
                "a name is 1 to {MOST} lower-case letters and digits, beginning with a letter, with single hyphens in between"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_in_every_language() {
        for name in ["a", "fed-mean", "krum2", &"a".repeat(64)] {
            assert_eq!(name.parse::<PluginName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        let long = "a".repeat(65);
        for name in ["", "Mean", "2nd", "-a", "a-", "a--b", "a_b", "a/b", "..", "a\n", "ä", "{{name}}", &long] {
            name.parse::<PluginName>().unwrap_err();
        }
    }

    #[test]
    fn a_crate_is_not_called_what_another_is_called() {
        for name in ["serde", "fn", "test", "fedwit-plugin"] {
            name.parse::<PluginName>().unwrap().check_crate().unwrap_err();
        }
        "fed-mean".parse::<PluginName>().unwrap().check_crate().unwrap();
    }
}
