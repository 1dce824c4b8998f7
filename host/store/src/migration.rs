//! The schemas, one step after the other, each in a transaction.
//!
//! Steps are never changed once they were released, and there is no way back: a folder that a newer server has written
//! is refused. A step that changes views is followed by a
//! [`rebuild`](crate::Store::rebuild).

mod m0001_records;
mod m0001_telemetry;
mod m0002_combiners;
mod m0003_buffered;
mod m0004_plugins;
mod m0005_selectors;

use std::path::Path;

use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait, async_trait};

use crate::OpenError;

/// The schema of `fedwit.sqlite`.
pub(crate) struct RecordsMigrator;

/// The schema of `telemetry.sqlite`.
pub(crate) struct TelemetryMigrator;

#[async_trait::async_trait]
impl MigratorTrait for RecordsMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_records::Migration),
            Box::new(m0002_combiners::Migration),
            Box::new(m0003_buffered::Migration),
            Box::new(m0004_plugins::Migration),
            Box::new(m0005_selectors::Migration),
        ]
    }
}

#[async_trait::async_trait]
impl MigratorTrait for TelemetryMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_telemetry::Migration)]
    }
}

/// Brings a database up to this version, or says that it is beyond it.
pub(crate) async fn migrate<M: MigratorTrait>(
    database: &DatabaseConnection,
    folder: &Path,
    path: &Path,
) -> Result<(), OpenError> {
    let failed = |error: DbErr| OpenError::Database { path: path.to_owned(), error: error.into() };
    let known: Vec<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = M::get_migration_models(database).await.map_err(failed)?;
    let unknown = applied.into_iter().map(|applied| applied.version).filter(|applied| !known.contains(applied)).max();
    if let Some(found) = unknown {
        let known = known.into_iter().max().unwrap_or_default();
        return Err(OpenError::Newer { folder: folder.to_owned(), found, known });
    }
    M::up(database, None).await.map_err(failed)
}
