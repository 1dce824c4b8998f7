//! Why the store did not do it.

use std::path::PathBuf;

use fedwit_domain::ports::{BlobError, LogError};
use sea_orm::{DbErr, RuntimeErr};
use thiserror::Error;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why something was not read or recorded. Nothing of it is recorded then.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Somebody else has the database, and did not give it up in time.
    #[error("the database is busy")]
    Busy,
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// It was to be committed together with something else, and that failed.
    #[error("the commit failed")]
    Aborted,
    /// What is recorded cannot be read.
    #[error("{what} cannot be read: {problem}")]
    Damaged {
        /// Which row.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Events do not follow each other.
    #[error("the events of session {session} are not numbered on from {expected}")]
    Unnumbered {
        /// The session.
        session: String,
        /// The number of the last event before them.
        expected: u64,
    },
    /// An update was looked at, but before it could be accepted its file was replaced, let go of, or used by another
    /// session.
    #[error("upload {update} is not what it was when it was looked at")]
    UploadChanged {
        /// The upload's name.
        update: String,
    },
    /// A file could not be dealt with.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] Source),
}

/// Why an upload was not recorded.
#[derive(Debug, Error)]
pub enum RecordUploadError {
    /// The name belongs to a file that counts already, or that somebody else uploaded.
    #[error("the name belongs to another upload")]
    Used,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a data folder could not be opened. It is as it was before.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Somebody else has it.
    #[error("the data folder {} is in use by another server", .0.display())]
    Locked(PathBuf),
    /// A newer server has written it.
    #[error("the data folder {} has schema {found}, but this server knows only up to {known}", folder.display())]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// The newest part of its schema.
        found: String,
        /// The newest that this server knows.
        known: String,
    },
    /// Its blobs were written by another storage adapter than the one that it is to be opened with, or by none.
    #[error("the data folder {}: {problem}", folder.display())]
    OtherAdapter {
        /// The folder.
        folder: PathBuf,
        /// Which adapters these are, and what can be done.
        problem: String,
    },
    /// The storage adapter cannot be used.
    #[error("storage adapter `{name}`: {problem}")]
    Adapter {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The disk failed.
    #[error("{what} {}: {error}", path.display())]
    Io {
        /// What was done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("the database {}: {error}", path.display())]
    Database {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        error: StoreError,
    },
    /// What was left behind could not be cleared away.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// SQLite's primary result codes.
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_FULL: u32 = 13;

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if matches!(error, DbErr::ConnectionAcquire(_)) {
            return Self::Busy;
        }
        match result_code(&error) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy,
            Some(SQLITE_FULL) => Self::Full,
            _ => Self::Database(Box::new(error)),
        }
    }
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

/// The primary result code, which is the lowest byte of the extended one.
fn result_code(error: &DbErr) -> Option<u32> {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
