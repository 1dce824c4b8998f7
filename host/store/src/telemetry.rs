//! What clients tell besides: values they log, attributes, statuses, loads.
//!
//! Nobody's model depends on it, so it has a database of its own, which never keeps the other waiting, and in which a
//! commit may be lost with the machine's power. Notes are taken at once and written many at a time. If they come in faster
//! than they can be written the oldest are dropped, and counted; in the database the oldest rows of a kind make room.

mod buffer;
mod notes;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::DatabaseConnection;
use tokio::task::JoinHandle;

use buffer::Buffer;
use notes::Noted;
pub use notes::{NewAttribute, NewMetric, NewStatus, NewTelemetry};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Rows of each kind.
    rows: u64,
    /// Bytes of notes that wait to be written.
    buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 100_000, buffer_bytes: 16 << 20 }
    }
}

/// Takes notes.
pub(crate) struct Telemetry {
    buffer: Arc<Buffer>,
    readers: DatabaseConnection,
    writing: Mutex<Option<JoinHandle<()>>>,
}

impl Telemetry {
    /// Begins to take notes.
    pub(crate) fn start(database: DatabaseConnection, readers: DatabaseConnection) -> Self {
        Self::start_within(Limits::default(), database, readers)
    }

    fn start_within(limits: Limits, database: DatabaseConnection, readers: DatabaseConnection) -> Self {
        let buffer = Arc::new(Buffer::new(limits.buffer_bytes));
        let writing = tokio::spawn(write::run(Arc::clone(&buffer), database, limits.rows));
        Self { buffer, readers, writing: Mutex::new(Some(writing)) }
    }

    /// Takes notes. Waits for nothing.
    pub(crate) fn note(&self, notes: impl IntoIterator<Item = impl Noted>) {
        self.buffer.put(notes.into_iter().filter_map(Noted::note));
    }

    /// How many notes were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.buffer.dropped()
    }

    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// Takes nothing more, and returns once all that was taken is written.
    pub(crate) async fn close(&self) {
        self.buffer.close();
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writing) = writing
            && let Err(error) = writing.await
        {
            tracing::error!(%error, "what clients told besides is not written any more");
        }
        if let Err(error) = self.readers.close_by_ref().await {
            tracing::warn!(%error, "the telemetry database cannot be closed");
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_domain::Timestamp;
    use sea_orm::{ConnectOptions, Database, EntityTrait, PaginatorTrait, QueryOrder};

    use super::*;
    use crate::entities::{attributes, current_attributes, metrics};
    use crate::migration::{TelemetryMigrator, migrate};

    /// A database with one connection, which the writer gives up when it is done.
    async fn database(folder: &std::path::Path) -> DatabaseConnection {
        let path = folder.join("telemetry.sqlite");
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.map_sqlx_sqlite_opts(move |sqlite| sqlite.in_memory(false).filename(&path).create_if_missing(true));
        let database = Database::connect(options).await.unwrap();
        migrate::<TelemetryMigrator>(&database, folder, folder).await.unwrap();
        database
    }

    fn metric(value: u32) -> NewMetric {
        NewMetric {
            client: "c".parse().unwrap(),
            key: "loss".to_owned(),
            value: value.into(),
            step: Some(value),
            model: None,
            round: None,
            session: None,
            at: Timestamp(u64::from(value)),
        }
    }

    fn attribute(client: &str, value: &str) -> NewAttribute {
        let (client, key) = (client.parse().unwrap(), "place".to_owned());
        NewAttribute { client, key, value: value.to_owned(), at: Timestamp(1) }
    }

    #[tokio::test]
    async fn the_newest_rows_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { rows: 50, ..Limits::default() };
        let telemetry = Telemetry::start_within(limits, database(folder.path()).await, database(folder.path()).await);
        telemetry.note([attribute("other", "x")]);
        for value in 0..300 {
            telemetry.note([metric(value)]);
            telemetry.note([attribute("c", &value.to_string())]);
        }
        telemetry.close().await;
        assert_eq!(telemetry.dropped(), 0);

        let database = database(folder.path()).await;
        let kept = metrics::Entity::find().order_by_asc(metrics::Column::Number).all(&database).await.unwrap();
        let values: Vec<f64> = kept.iter().map(|row| row.value).collect();
        assert_eq!(values, (250..300).map(f64::from).collect::<Vec<_>>());
        assert_eq!(attributes::Entity::find().count(&database).await.unwrap(), 50);
        let current = current_attributes::Entity::find().order_by_asc(current_attributes::Column::Client);
        let current = current.all(&database).await.unwrap();
        let current: Vec<_> = current.iter().map(|row| (row.client.as_str(), row.value.as_str())).collect();
        assert_eq!(current, [("c", "299"), ("other", "x")], "what counts outlives what was said");
    }

    #[tokio::test]
    async fn what_is_no_number_is_no_note() {
        let folder = tempfile::tempdir().unwrap();
        let writing = database(folder.path()).await;
        let telemetry = Telemetry::start_within(Limits::default(), writing, database(folder.path()).await);
        telemetry.note([NewMetric { value: f64::NAN, ..metric(1) }, metric(2)]);
        let values = [("a".to_owned(), f64::INFINITY), ("b".to_owned(), 1.0)].into();
        telemetry.note([NewTelemetry { client: "c".parse().unwrap(), values, at: Timestamp(1) }]);
        telemetry.close().await;
        let database = database(folder.path()).await;
        assert_eq!(metrics::Entity::find().count(&database).await.unwrap(), 1);
        let load = crate::entities::loads::Entity::find().one(&database).await.unwrap().unwrap();
        assert_eq!(load.readings, r#"{"b":1.0}"#);
    }
}
