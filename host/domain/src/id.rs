//! Identities.
//!
//! What the server names is a UUID, but for its combiners, which people speak of; what clients name themselves is text
//! that is checked once, where it comes in, so that it can stand in a log line, a path of a URL and a key of a table
//! without any further thought.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// Why a text is no identity.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text:.80?} is no {kind}: {needed}")]
pub struct IdError {
    kind: &'static str,
    text: String,
    needed: &'static str,
}

macro_rules! named_by_the_server {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, unlike any other.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// One that is the same whenever it is made from the same text within the same session.
            #[must_use]
            pub fn derived(session: SessionId, text: &str) -> Self {
                Self(Uuid::new_v5(&session.as_uuid(), text.as_bytes()))
            }

            /// As a UUID.
            #[must_use]
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let needed = "a UUID is";
                Uuid::parse_str(text).map(Self).map_err(|_| IdError { kind: $kind, text: text.to_owned(), needed })
            }
        }
    };
}

named_by_the_server!(
    /// A session.
    SessionId,
    "session id"
);
named_by_the_server!(
    /// A model of a trail: a seed, or what a round ended with.
    ModelId,
    "model id"
);
named_by_the_server!(
    /// The code that a client runs.
    PackageId,
    "package id"
);
named_by_the_server!(
    /// A request to predict with a model.
    PredictionId,
    "prediction id"
);

macro_rules! named_in_text {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let needed = "1 to 128 letters, digits and `.`, `_`, `-`, `:`, `@`, `+` are, not beginning with a `.`";
                if is_plain(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { kind: $kind, text: text.to_owned(), needed })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }
    };
}

named_in_text!(
    /// A client, by the name that it gave itself.
    ClientId,
    "client id"
);
named_in_text!(
    /// A model update, by the name that its client gave it when it uploaded the file.
    UpdateId,
    "model update id"
);
named_in_text!(
    /// A combiner, by the name that the server gave it.
    CombinerName,
    "combiner name"
);

/// Nothing that is a path, a pattern, or not to be seen.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:@+".contains(&byte);
    (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The one after this.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

counted!(
    /// A round of a session, counted from 1. The model that a session starts with is of round 0.
    RoundNumber
);
counted!(
    /// A try at a round, counted from 1 in each round.
    AttemptNumber
);
counted!(
    /// A task to train that a buffered session gave to a client, counted from 1 in each session.
    TaskNumber
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_name_is_plain_text() {
        for good in ["c1", "0d2c7f3e-7a4d-4f53-9a55-1c1f3e1f2a3b", "site.a:3@x+y_z", &"x".repeat(128)] {
            assert!(good.parse::<ClientId>().is_ok(), "{good}");
        }
        for bad in ["", ".", "../x", "a/b", "a b", "ä", "a\0", "a\n", "%2e", &"x".repeat(129)] {
            assert!(bad.parse::<UpdateId>().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<ClientId>("\"a/b\"").is_err());
    }
}
