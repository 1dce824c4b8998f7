//! What is read from the tables.
//!
//! Every row has a number that grows with each new row of its kind, and is never used again: it is what lists are
//! ordered and continued by. A filter is a set of conditions that all hold; one that is not given holds always.
//!
//! Reading never waits for the writer: it has connections of its own, and sees what was last committed.

mod by_name;
mod clients;
mod columns;
mod described;
mod list;
mod models;
mod packages;
mod participations;
mod plugins;
mod predictions;
mod rounds;
mod sessions;
mod settings;
mod telemetry;
mod uploads;
mod validations;

pub use clients::{ClientFilter, ClientRow};
pub use list::{Listed, MAX_PAGE, Page};
pub use models::{ModelFilter, ModelRow};
pub use packages::{PackageFilter, PackageRow};
pub use participations::{ParticipationFilter, ParticipationRow, RefusalFilter, RefusalRow};
pub use plugins::{PluginFilter, PluginRow};
pub use predictions::{PredictionFilter, PredictionRow};
pub use rounds::{RoundFilter, RoundRow};
pub use sessions::{RunFilter, RunRow, SessionFilter, SessionRow};
pub use telemetry::{AttributeRow, MetricRow, StatusRow, TelemetryFilter, TelemetryRow};
pub use uploads::UploadRow;
pub use validations::{ValidationFilter, ValidationRow};

pub(crate) use columns::{bounded, json, text};
pub(crate) use settings::HELPER;
