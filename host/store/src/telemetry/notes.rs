//! The notes.
//!
//! They come from clients, who may send anything: texts are cut, and numbers that are none are left out.

use std::collections::BTreeMap;

use fedwit_domain::{ClientId, ModelId, RoundId, SessionId, Timestamp};

/// The longest name of something, in bytes.
const MAX_NAME: usize = 256;
/// The longest text, in bytes.
const MAX_TEXT: usize = 16 << 10;
/// The most values of one load.
const MAX_VALUES: usize = 64;
/// What a note takes in memory besides its texts, about.
const OVERHEAD: usize = 256;

/// A value that a client logged.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMetric {
    /// The client.
    pub client: ClientId,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// The client's own count.
    pub step: Option<u32>,
    /// The model.
    pub model: Option<ModelId>,
    /// The round.
    pub round: Option<RoundId>,
    /// The session.
    pub session: Option<SessionId>,
    /// When.
    pub at: Timestamp,
}

/// What a client says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttribute {
    /// The client.
    pub client: ClientId,
    /// The attribute.
    pub key: String,
    /// Its value.
    pub value: String,
    /// When.
    pub at: Timestamp,
}

/// What a client says that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStatus {
    /// The client, as it calls itself.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// What it says.
    pub status: String,
    /// `INFO`, `WARNING`, `ERROR`, `AUDIT`, ...
    pub level: String,
    /// What it is about: `MODEL_UPDATE`, ...
    pub kind: String,
    /// More about it.
    pub data: String,
    /// What it answers.
    pub correlation: String,
    /// The session.
    pub session: Option<SessionId>,
    /// Anything else.
    pub extra: String,
    /// When.
    pub at: Timestamp,
}

/// A client's load.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTelemetry {
    /// The client.
    pub client: ClientId,
    /// Values by name.
    pub values: BTreeMap<String, f64>,
    /// When.
    pub at: Timestamp,
}

/// Any of them, within bounds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Note {
    Metric(NewMetric),
    Attribute(NewAttribute),
    Status(NewStatus),
    Load(NewTelemetry),
}

/// What can be noted.
pub(crate) trait Noted {
    /// As a note, within bounds, if anything is left of it.
    fn note(self) -> Option<Note>;
}

impl Note {
    /// What it takes in memory, about.
    pub(super) fn size_bytes(&self) -> usize {
        let texts = match self {
            Self::Metric(metric) => metric.key.len(),
            Self::Attribute(attribute) => attribute.key.len() + attribute.value.len(),
            Self::Status(status) => {
                let NewStatus { name, status, level, kind, data, correlation, extra, .. } = status;
                [name, status, level, kind, data, correlation, extra].iter().map(|text| text.len()).sum()
            }
            Self::Load(load) => load.values.keys().map(|key| key.len() + OVERHEAD / 4).sum(),
        };
        texts + OVERHEAD
    }
}

impl Noted for NewMetric {
    fn note(mut self) -> Option<Note> {
        cut(&mut self.key, MAX_NAME);
        self.value.is_finite().then_some(Note::Metric(self))
    }
}

impl Noted for NewAttribute {
    fn note(mut self) -> Option<Note> {
        cut(&mut self.key, MAX_NAME);
        cut(&mut self.value, MAX_TEXT);
        Some(Note::Attribute(self))
    }
}

impl Noted for NewStatus {
    fn note(mut self) -> Option<Note> {
        for text in [&mut self.status, &mut self.data, &mut self.extra] {
            cut(text, MAX_TEXT);
        }
        for text in [&mut self.name, &mut self.level, &mut self.kind, &mut self.correlation] {
            cut(text, MAX_NAME);
        }
        Some(Note::Status(self))
    }
}

impl Noted for NewTelemetry {
    fn note(self) -> Option<Note> {
        let Self { client, values, at } = self;
        let finite = values.into_iter().filter(|(key, value)| value.is_finite() && key.len() <= MAX_NAME);
        let values: BTreeMap<_, _> = finite.take(MAX_VALUES).collect();
        (!values.is_empty()).then_some(Note::Load(NewTelemetry { client, values, at }))
    }
}

/// Cuts a text to so many bytes, between characters.
fn cut(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit));
}
