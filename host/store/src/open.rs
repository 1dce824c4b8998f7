//! Opening a data folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

use crate::adapter::{self, AdapterError, AdapterOptions, AdapterScratch, AtRest, Marker, Scratch};
use crate::blobs::{LocalBlobs, OpenedAdapter};
use crate::disk::{Disk, FreeSpace, sync_folder};
use crate::lock::FolderLock;
use crate::log::Log;
use crate::migration::{RecordsMigrator, TelemetryMigrator, migrate};
use crate::references::unreferenced;
use crate::store::Parts;
use crate::telemetry::Telemetry;
use crate::writer::WriterHandle;
use crate::writes::Collect;
use crate::{OpenError, Store, StoreError, StoreOptions};

/// How long SQLite waits for a lock. Nobody else should have any.
const BUSY: Duration = Duration::from_secs(5);
/// How long a reader waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);
/// Connections that read.
const READERS: u32 = 4;
/// How often orphans are looked for, besides at the start: those of requests that were never finished.
const COLLECT_EVERY: Duration = Duration::from_secs(3600);

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// By the one who writes. What is committed is on the disk.
    Write,
    /// By the one who writes. A commit may be lost with the machine's power, and nothing else.
    WriteLoosely,
    /// By those who read.
    Read,
}

pub(crate) async fn open(
    options: StoreOptions,
    adapter: Option<AdapterOptions>,
    free_space: FreeSpace,
) -> Result<Store, OpenError> {
    let StoreOptions { folder, low_disk_bytes } = options;
    make(&folder)?;
    let folder = folder.canonicalize().map_err(|error| io("opening", &folder, error))?;
    let lock = Arc::new(FolderLock::take(&folder)?);
    let disk = Arc::new(Disk::new(folder.clone(), low_disk_bytes, free_space));

    let (records, notes) = (folder.join("fedwit.sqlite"), folder.join("telemetry.sqlite"));
    let writing = connect(&records, Access::Write).await?;
    migrate::<RecordsMigrator>(&writing, &folder, &records).await?;
    let noting = connect(&notes, Access::WriteLoosely).await?;
    migrate::<TelemetryMigrator>(&noting, &folder, &notes).await?;
    // Only now, when it is known that the folder is ours to change.
    let blobs = Arc::new(open_blobs(&folder, adapter, Arc::clone(&disk)).await?);
    // SQLite syncs what is in its files; that the files are there at all is in the folder.
    sync_folder(&folder).map_err(|error| io("syncing", &folder, error))?;

    let readers = connect(&records, Access::Read).await?;
    let telemetry = Telemetry::start(noting, connect(&notes, Access::Read).await?);
    let writer = WriterHandle::start(writing, Arc::clone(&blobs), lock);
    let log = Arc::new(Log::new(readers.clone(), writer.clone()));
    let store = Store(Arc::new(Parts { readers, writer, telemetry, log, blobs, disk }));
    collect_orphans(&store.0).await?;
    tokio::spawn(collect_now_and_then(Arc::downgrade(&store.0)));
    Ok(store)
}

/// Opens the blobs of a data folder, behind an adapter if there is one. Taking up an adapter may take a while.
async fn open_blobs(folder: &Path, adapter: Option<AdapterOptions>, disk: Arc<Disk>) -> Result<LocalBlobs, OpenError> {
    let folder = folder.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let elsewhere = adapter.as_ref().and_then(|adapter| adapter.scratch.as_deref());
        let made = Scratch::make(&folder, elsewhere);
        let scratch = made.map_err(|error| io("making the scratch folders of", elsewhere.unwrap_or(&folder), error))?;
        let marker = adapter::settle(&folder, adapter.as_ref())?;
        let opened = match (adapter, marker) {
            (Some(adapter), Some(marker)) => Some(open_adapter(&folder, &scratch, adapter, marker)?),
            _ => None,
        };
        LocalBlobs::open(&folder, scratch, opened, disk).map_err(|error| StoreError::from(error).into())
    });
    opened.await.unwrap_or_else(|error| Err(io("opening the blobs of", Path::new(""), std::io::Error::other(error))))
}

fn open_adapter(
    folder: &Path,
    scratch: &Scratch,
    adapter: AdapterOptions,
    mut marker: Marker,
) -> Result<OpenedAdapter, OpenError> {
    let AdapterOptions { name, instances, copies_bytes, open, .. } = adapter;
    // What lies at rest is written on its own disk, wherever files come in.
    let puts = folder.join(adapter::PUTS);
    let at_rest = AtRest::new(adapter::stored(folder), puts.clone());
    let folders = AdapterScratch { puts, gets: scratch.copies.clone() };
    let failed = |error: AdapterError| OpenError::Adapter { name: name.clone(), problem: error.to_string() };
    let opened = open(at_rest.clone(), folders).map_err(failed)?;
    adapter::probe(&*opened, &at_rest, &mut marker, folder)?;
    Ok(OpenedAdapter { name, adapter: opened, instances, at_rest, copies_bytes })
}

fn make(folder: &Path) -> Result<(), OpenError> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| io("making", folder, error))?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(parent).map_err(|error| io("syncing", parent, error))
}

async fn connect(path: &Path, access: Access) -> Result<DatabaseConnection, OpenError> {
    let failed = |error: DbErr| OpenError::Database { path: path.to_owned(), error: error.into() };
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite::memory:");
    options
        .sqlx_logging(false)
        .max_connections(if access == Access::Read { READERS } else { 1 })
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .map_sqlx_sqlite_opts(move |sqlite| {
            // The path is given here, and not in the URL above, where it would have to be escaped.
            let sqlite =
                sqlite.in_memory(false).shared_cache(false).filename(&file).busy_timeout(BUSY).foreign_keys(true);
            match access {
                Access::Write => {
                    sqlite.create_if_missing(true).pragma("journal_mode", "WAL").pragma("synchronous", "FULL")
                }
                Access::WriteLoosely => {
                    sqlite.create_if_missing(true).pragma("journal_mode", "WAL").pragma("synchronous", "NORMAL")
                }
                Access::Read => sqlite.pragma("query_only", "ON"),
            }
        });
    Database::connect(options).await.map_err(failed)
}

async fn collect_now_and_then(store: Weak<Parts>) {
    let mut ticks = tokio::time::interval(COLLECT_EVERY);
    // The first comes at once, and the start has just done it.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(store) = store.upgrade() else { return };
        match collect_orphans(&store).await {
            Ok(()) => {}
            Err(StoreError::Closed) => return,
            Err(error) => tracing::warn!(%error, "blobs that nothing refers to are not collected"),
        }
    }
}

async fn collect_orphans(store: &Parts) -> Result<(), StoreError> {
    let old = store.blobs.old().await?;
    // Most are referred to. Those that are not are looked at again by the writer, whom nobody comes between.
    let orphans = unreferenced(&store.readers, old).await?;
    if orphans.is_empty() {
        return Ok(());
    }
    tracing::info!(blobs = orphans.len(), "collecting {} blobs that nothing refers to", orphans.len());
    store.writer.write(Collect { blobs: orphans, given_up: false }).await
}

fn io(what: &'static str, path: &Path, error: std::io::Error) -> OpenError {
    OpenError::Io { what, path: PathBuf::from(path), error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use sea_orm::{ConnectionTrait, DbBackend, Statement};

    use super::*;

    async fn pragma<T: sea_orm::TryGetable>(database: &DatabaseConnection, name: &str) -> T {
        let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
        database.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn a_commit_is_on_the_disk_and_readers_only_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sqlite");
        let (full, normal) = (2_i64, 1_i64);
        let writer = connect(&path, Access::Write).await.unwrap();
        assert_eq!(pragma::<String>(&writer, "journal_mode").await, "wal");
        assert_eq!(pragma::<i64>(&writer, "synchronous").await, full);
        assert_eq!(pragma::<i64>(&writer, "foreign_keys").await, 1);
        assert_eq!(pragma::<i64>(&writer, "busy_timeout").await, 5000);
        let loose = connect(&folder.path().join("y.sqlite"), Access::WriteLoosely).await.unwrap();
        assert_eq!(pragma::<i64>(&loose, "synchronous").await, normal);
        let reader = connect(&path, Access::Read).await.unwrap();
        assert!(reader.execute_unprepared("CREATE TABLE t (x)").await.is_err());
        assert!(writer.execute_unprepared("CREATE TABLE t (x)").await.is_ok());
    }
}
