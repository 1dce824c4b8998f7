//! The tables, a row of each as it lies there: texts, numbers and nothing that means anything yet.
//!
//! Times are milliseconds since 1970, ids and digests are texts, and what has a structure of its own is JSON. What the
//! columns mean is said where they are read, in [`records`](crate::records).
#![allow(missing_docs, unreachable_pub, reason = "sea-orm's derives want public rows; the module itself is private")]

pub(crate) mod attributes;
pub(crate) mod clients;
pub(crate) mod current_attributes;
pub(crate) mod events;
pub(crate) mod loads;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod packages;
pub(crate) mod participations;
pub(crate) mod plugins;
pub(crate) mod prediction_requests;
pub(crate) mod predictions;
pub(crate) mod refusals;
pub(crate) mod rounds;
pub(crate) mod runs;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod snapshots;
pub(crate) mod statuses;
pub(crate) mod uploads;
pub(crate) mod validations;
