//! Records, the event log and blobs, in one folder of one machine.
//!
//! ```text
//! lock                 who has the folder
//! fedwit.sqlite        events, and the tables that are views of them; clients, uploads, models, packages,
//!                      plugins
//! telemetry.sqlite     what clients tell besides, and what may be lost
//! blobs/ab/abcd...     files, by their SHA-256
//! spool/               files that are not finished; emptied at each start
//! ```
//!
//! Behind a storage adapter ([`adapter`]) there are, instead of `blobs/`:
//!
//! ```text
//! storage-adapter.json which adapter has written the blobs
//! stored/              what it keeps of them
//! copies/              blobs as they were, for as long as they are read; emptied at each start
//! ```
//!
//! What is written is durable when the call returns: one task writes it, many changes in a commit, with a sync to the
//! disk. Whoever reads does so on other connections, and waits for nobody. SQL and files stop here: what is above sees
//! rows of typed columns, [`EventLog`](fedwit_domain::ports::EventLog) and [`Blobs`](fedwit_domain::ports::Blobs).
//!
//! No rule of federation is here. A view says what an event says, and decides nothing.

pub mod adapter;
mod blobs;
mod disk;
mod entities;
mod error;
mod lock;
mod log;
mod migration;
mod open;
mod projection;
mod records;
mod references;
mod store;
mod telemetry;
mod writer;
mod writes;

pub use disk::FreeSpace;
pub use error::{OpenError, RecordUploadError, StoreError};
pub use records::{
    AttributeRow, ClientFilter, ClientRow, Listed, MAX_PAGE, MetricRow, ModelFilter, ModelRow, PackageFilter,
    PackageRow, Page, ParticipationFilter, ParticipationRow, PluginFilter, PluginRow, PredictionFilter, PredictionRow,
    RefusalFilter, RefusalRow, RoundFilter, RoundRow, RunFilter, RunRow, SessionFilter, SessionRow, StatusRow,
    TelemetryFilter, TelemetryRow, UploadRow, ValidationFilter, ValidationRow,
};
pub use store::{Store, StoreOptions};
pub use telemetry::{NewAttribute, NewMetric, NewStatus, NewTelemetry};
pub use writes::{NewClient, NewModel, NewPackage, NewPlugin, NewUpload};
