//! The header: JSON from strangers, read entry by entry.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{MAX_METADATA, SafetensorsFault};
use crate::formats::name;

/// The key that is no tensor's name.
pub(super) const METADATA: &str = "__metadata__";

/// Dimensions of the shape of a tensor, as in [`crate::TensorType::checked_bytes`].
const MOST_DIMENSIONS: usize = 64;

/// What a header lists.
pub(super) struct Header {
    /// In the order in which they are listed, each name once.
    pub(super) entries: Vec<Entry>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// What a header claims about one tensor.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) dtype: String,
    pub(super) shape: Vec<u64>,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// Parses a header of at most `max_tensors` tensors.
pub(super) fn parse(json: &[u8], max_tensors: usize) -> Result<Header, SafetensorsFault> {
    let mut parser = serde_json::Deserializer::from_slice(json);
    let header = parser.deserialize_map(HeaderVisitor { max_tensors });
    // White space may follow: writers pad with it.
    header.and_then(|header| parser.end().map(|()| header)).map_err(|error| SafetensorsFault::Header(error.to_string()))
}

struct HeaderVisitor {
    max_tensors: usize,
}

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with a member for each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut names = HashSet::new();
        let mut entries = Vec::new();
        let mut metadata = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if key != METADATA {
                name::check(&key).map_err(A::Error::custom)?;
            }
            if !names.insert(key.clone()) {
                return Err(A::Error::custom(format!("tensor `{key}` is there twice")));
            }
            if key == METADATA {
                metadata = map.next_value::<Metadata>()?.0;
                continue;
            }
            if entries.len() == self.max_tensors {
                return Err(A::Error::custom(format!("tensor `{key}` is one more than {}", self.max_tensors)));
            }
            let Described { dtype, shape: Shape(shape), data_offsets: (begin, end) } = map
                .next_value::<TensorObject>()
                .map_err(|error| A::Error::custom(format!("tensor `{key}`: {error}")))?
                .0;
            entries.push(Entry { name: key, dtype, shape, begin, end });
        }
        Ok(Header { entries, metadata })
    }
}

/// The members of an entry, each there once and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

/// An object: a list of the members' values would do for serde.
struct TensorObject(Described);

impl<'de> Deserialize<'de> for TensorObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = TensorObject;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with dtype, shape and data_offsets")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TensorObject, A::Error> {
                Described::deserialize(MapAccessDeserializer::new(map)).map(TensorObject)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Not longer than any shape is.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of extents")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut extents: A) -> Result<Shape, A::Error> {
                let mut shape = Vec::new();
                while let Some(extent) = extents.next_element()? {
                    if shape.len() == MOST_DIMENSIONS {
                        return Err(A::Error::custom(format!("more than {MOST_DIMENSIONS} dimensions")));
                    }
                    shape.push(extent);
                }
                Ok(Shape(shape))
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

/// Text to text, each key once and not too much of it.
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetadataVisitor;
        impl<'de> Visitor<'de> for MetadataVisitor {
            type Value = Metadata;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of strings as metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut metadata = BTreeMap::new();
                let mut size = 0;
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    size += key.len() + value.len();
                    if size > MAX_METADATA {
                        return Err(A::Error::custom(format!("more than {MAX_METADATA} bytes of metadata")));
                    }
                    let shown = name::shown(&key);
                    if metadata.insert(key, value).is_some() {
                        return Err(A::Error::custom(format!("metadata `{shown}` is there twice")));
                    }
                }
                Ok(Metadata(metadata))
            }
        }
        deserializer.deserialize_map(MetadataVisitor)
    }
}
