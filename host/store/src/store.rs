//! The store: what is handed to those above.

use std::path::PathBuf;
use std::sync::Arc;

use fedwit_domain::ports::{Blobs, EventLog};
use sea_orm::DatabaseConnection;

use crate::adapter::AdapterOptions;
use crate::blobs::LocalBlobs;
use crate::disk::{Disk, FreeSpace};
use crate::log::Log;
use crate::projection::Rebuild;
use crate::telemetry::Telemetry;
use crate::writer::WriterHandle;
use crate::{NewAttribute, NewMetric, NewStatus, NewTelemetry, OpenError, StoreError, open};

/// Where the store is, and how full its disk may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// The data folder. It is made if it is not there.
    pub folder: PathBuf,
    /// Below this many bytes of free space no more files are taken.
    pub low_disk_bytes: u64,
}

/// Records, the event log and blobs. Clones are the same store.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Parts>);

/// What a store is made of.
pub(crate) struct Parts {
    pub(crate) readers: DatabaseConnection,
    pub(crate) writer: WriterHandle,
    pub(crate) telemetry: Telemetry,
    pub(crate) log: Arc<Log>,
    pub(crate) blobs: Arc<LocalBlobs>,
    pub(crate) disk: Arc<Disk>,
}

impl Store {
    /// Opens a data folder: takes its lock, brings its databases up to this version, and clears away what was never
    /// finished.
    ///
    /// # Errors
    /// [`OpenError`]; the folder is left as it is if somebody else has it, or if a newer server has written it.
    pub async fn open(options: StoreOptions) -> Result<Self, OpenError> {
        open::open(options, None, Disk::system()).await
    }

    /// Opens a data folder whose blobs a storage adapter keeps.
    ///
    /// # Errors
    /// [`OpenError`], also if the adapter cannot be used, or if another one has written the blobs that are there.
    pub async fn open_adapted(options: StoreOptions, adapter: AdapterOptions) -> Result<Self, OpenError> {
        open::open(options, Some(adapter), Disk::system()).await
    }

    /// Opens a data folder, with another way to tell how full its disk is.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_measuring(options: StoreOptions, free_space: FreeSpace) -> Result<Self, OpenError> {
        open::open(options, None, free_space).await
    }

    /// The event log.
    #[must_use]
    pub fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.0.log) as Arc<dyn EventLog>
    }

    /// Blobs.
    #[must_use]
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.0.blobs) as Arc<dyn Blobs>
    }

    /// Takes nothing more, writes all that was taken, and closes the databases; for all clones.
    pub async fn close(self) {
        self.0.writer.close().await;
        self.0.telemetry.close().await;
        if let Err(error) = self.0.readers.close_by_ref().await {
            tracing::warn!(%error, "the database cannot be closed");
        }
    }

    /// How many bytes are left on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn available_bytes(&self) -> std::io::Result<u64> {
        self.0.disk.available_bytes()
    }

    /// Whether so little is left on the disk that no more files are taken, or whether that cannot be told.
    #[must_use]
    pub fn low_disk(&self) -> bool {
        self.0.disk.check().is_err()
    }

    /// Makes the views anew from the event log, as they would be if they had always been made as they are now. All else
    /// is left as it is. Nothing else is written meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; the views are as they were then.
    pub async fn rebuild(&self) -> Result<(), StoreError> {
        self.writer().write(Rebuild).await
    }

    /// Notes values that a client logged. Waits for nothing, and may be lost.
    pub fn note_metrics(&self, metrics: Vec<NewMetric>) {
        self.0.telemetry.note(metrics);
    }

    /// Notes what a client says about itself. Waits for nothing, and may be lost.
    pub fn note_attributes(&self, attributes: Vec<NewAttribute>) {
        self.0.telemetry.note(attributes);
    }

    /// Notes what a client says that it does. Waits for nothing, and may be lost.
    pub fn note_status(&self, status: NewStatus) {
        self.0.telemetry.note([status]);
    }

    /// Notes a client's load. Waits for nothing, and may be lost.
    pub fn note_telemetry(&self, telemetry: NewTelemetry) {
        self.0.telemetry.note([telemetry]);
    }

    /// How many commits there were since the store was opened. Writes that come at once share them.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer().commits()
    }

    /// How many notes were dropped since the store was opened, because more came in than could be written.
    #[must_use]
    pub fn dropped_notes(&self) -> u64 {
        self.0.telemetry.dropped()
    }

    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.0.readers
    }

    pub(crate) fn telemetry_readers(&self) -> &DatabaseConnection {
        self.0.telemetry.readers()
    }

    pub(crate) fn writer(&self) -> &WriterHandle {
        &self.0.writer
    }
}
