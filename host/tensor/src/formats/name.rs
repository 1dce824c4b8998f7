//! What a tensor may be called.

use thiserror::Error;

/// Bytes of the longest name: the deepest modules of the largest models need some 150.
pub(super) const LONGEST_NAME: usize = 512;

/// Why something is no name for a tensor. What is shown of it is escaped and cut.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message of each case says what it and its fields are")]
pub enum NameFault {
    #[error("a tensor has an empty name")]
    Empty,
    #[error("the name `{shown}` has {length} bytes, more than {LONGEST_NAME}")]
    TooLong { shown: String, length: usize },
    #[error("the name `{shown}` has a control character")]
    Control { shown: String },
    #[error("the name `{name}` means something else in this format")]
    Reserved { name: &'static str },
}

/// Refuses names that would break a log line, or that are longer than any model's.
pub(super) fn check(name: &str) -> Result<(), NameFault> {
    if name.is_empty() {
        return Err(NameFault::Empty);
    }
    if name.len() > LONGEST_NAME {
        return Err(NameFault::TooLong { shown: shown(name), length: name.len() });
    }
    if name.chars().any(char::is_control) {
        return Err(NameFault::Control { shown: shown(name) });
    }
    Ok(())
}

/// Text from a file, fit for a message: escaped, and cut if it is long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
