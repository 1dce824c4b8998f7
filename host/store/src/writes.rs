//! What is recorded besides events: one change of the database each, by way of the [`writer`](crate::writer).

mod blobs;
mod clients;
mod models;
mod packages;
mod plugins;
mod predictions;
mod settings;
mod uploads;

pub(crate) use blobs::Collect;
pub use clients::NewClient;
pub use models::NewModel;
pub use packages::NewPackage;
pub use plugins::NewPlugin;
pub use uploads::NewUpload;
