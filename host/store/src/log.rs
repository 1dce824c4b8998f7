//! The event log.
//!
//! An append writes the events, their views and the snapshot in one transaction. Events are put into their recorded
//! form before they are queued, so that the writer does nothing but write.
//!
//! What happened is not judged here, but for one thing that nobody else can see: that the file of an update which is
//! accepted is still there, and that no other session has just used it.

use async_trait::async_trait;
use fedwit_domain::ports::{Append, Appended, EventLog, LogError, Replay};
use fedwit_domain::{EVENT_VERSION, Event, Recorded, SNAPSHOT_VERSION, Session, SessionId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use tokio::sync::broadcast;

use crate::StoreError;
use crate::entities::{events, sessions, snapshots, uploads};
use crate::projection::project;
use crate::records::{bounded, text};
use crate::writer::{Effects, Write, WriterHandle};

/// The log in the database.
pub(crate) struct Log {
    readers: DatabaseConnection,
    writer: WriterHandle,
}

/// An append, in its recorded form.
struct WriteEvents {
    session: SessionId,
    expected: u64,
    events: Vec<(Recorded, String)>,
    snapshot: Option<snapshots::ActiveModel>,
}

impl Log {
    pub(crate) fn new(readers: DatabaseConnection, writer: WriterHandle) -> Self {
        Self { readers, writer }
    }

    async fn snapshot(&self, session: SessionId) -> Result<Option<Box<Session>>, StoreError> {
        let found = snapshots::Entity::find_by_id(session.to_string()).one(&self.readers).await?;
        let Some(found) = found.filter(|found| found.version == i64::from(SNAPSHOT_VERSION)) else { return Ok(None) };
        match serde_json::from_str(&found.data) {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error) => {
                tracing::warn!(session.id = %session, %error, "a snapshot cannot be read; the whole log is");
                Ok(None)
            }
        }
    }

    async fn events(&self, session: SessionId, after: u64, limit: Option<u32>) -> Result<Vec<Recorded>, StoreError> {
        let query = events::Entity::find()
            .filter(events::Column::Session.eq(session.to_string()))
            .filter(events::Column::Sequence.gt(bounded(after)))
            .order_by_asc(events::Column::Sequence)
            .limit(limit.map(u64::from));
        query.all(&self.readers).await?.iter().map(recorded).collect()
    }
}

#[async_trait]
impl EventLog for Log {
    async fn append(&self, append: Append) -> Result<(), LogError> {
        if append.events.is_empty() {
            return Ok(());
        }
        self.writer.write(WriteEvents::try_from(append)?).await
    }

    async fn replay(&self, session: SessionId) -> Result<Option<Replay>, LogError> {
        // The snapshot first: events that come in between follow it in any case.
        let snapshot = self.snapshot(session).await?;
        let after = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence);
        let events = self.events(session, after, None).await?;
        Ok((snapshot.is_some() || !events.is_empty()).then_some(Replay { snapshot, events }))
    }

    async fn read(&self, session: SessionId, after: u64, limit: u32) -> Result<Vec<Recorded>, LogError> {
        Ok(self.events(session, after, Some(limit)).await?)
    }

    async fn active(&self) -> Result<Vec<SessionId>, LogError> {
        let active = || async {
            let query = sessions::Entity::find()
                .select_only()
                .column(sessions::Column::Id)
                .filter(sessions::Column::Status.is_in(["running", "pausing"]))
                .order_by_asc(sessions::Column::Number);
            let ids: Vec<String> = query.into_tuple().all(&self.readers).await?;
            ids.iter().map(|id| text("a session's id", id)).collect::<Result<_, StoreError>>()
        };
        Ok(active().await?)
    }

    fn appended(&self) -> broadcast::Receiver<Appended> {
        self.writer.appended()
    }
}

impl TryFrom<Append> for WriteEvents {
    type Error = StoreError;

    fn try_from(append: Append) -> Result<Self, StoreError> {
        let Append { session, expected, events, snapshot } = append;
        let numbered =
            events.iter().zip(1_u64..).all(|(event, count)| expected.checked_add(count) == Some(event.sequence));
        if !numbered {
            return Err(StoreError::Unnumbered { session: session.to_string(), expected });
        }
        let unwritable = |what: &str, problem: String| StoreError::Damaged { what: what.to_owned(), problem };
        let write = |recorded: Recorded| {
            let json = recorded.event.to_json().map_err(|problem| unwritable("an event", problem.to_string()))?;
            Ok((recorded, json))
        };
        let events = events.into_iter().map(write).collect::<Result<_, StoreError>>()?;
        let snapshot = snapshot.map(|snapshot| {
            let data = serde_json::to_string(&*snapshot);
            let data = data.map_err(|problem| unwritable("a snapshot", problem.to_string()))?;
            Ok::<_, StoreError>(snapshots::ActiveModel {
                session: Set(session.to_string()),
                sequence: Set(bounded(snapshot.sequence)),
                version: Set(SNAPSHOT_VERSION.into()),
                data: Set(data),
            })
        });
        Ok(Self { session, expected, events, snapshot: snapshot.transpose()? })
    }
}

#[async_trait]
impl Write for WriteEvents {
    type Answer = ();
    type Error = LogError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<(), LogError> {
        let Self { session, expected, events, snapshot } = self;
        if last_sequence(on, session).await? != expected {
            return Err(LogError::Conflict { session, expected });
        }
        for (recorded, json) in &events {
            check_upload(on, &recorded.event).await?;
            insert(on, session, recorded, json).await?;
            project(on, session, recorded, effects).await?;
        }
        if let Some(snapshot) = snapshot {
            keep_snapshot(on, snapshot).await?;
        }
        let sequence = events.last().map_or(expected, |(recorded, _)| recorded.sequence);
        effects.appended.push(Appended { session, sequence });
        Ok(())
    }
}

async fn last_sequence(on: &DatabaseTransaction, session: SessionId) -> Result<u64, StoreError> {
    let query = events::Entity::find()
        .select_only()
        .column(events::Column::Sequence)
        .filter(events::Column::Session.eq(session.to_string()))
        .order_by_desc(events::Column::Sequence);
    let last: Option<i64> = query.into_tuple().one(on).await?;
    Ok(last.map_or(0, i64::unsigned_abs))
}

/// An update that is accepted must be kept, so it must be there: whoever looked at its file did so a while ago, and a
/// file is used once.
async fn check_upload(on: &DatabaseTransaction, event: &Event) -> Result<(), StoreError> {
    let Event::UpdateAccepted { update, blob, .. } = event else { return Ok(()) };
    let unused = uploads::Entity::find()
        .filter(uploads::Column::Id.eq(update.as_str()))
        .filter(uploads::Column::Blob.eq(blob.to_string()))
        .filter(uploads::Column::UsedBy.is_null());
    match unused.one(on).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::UploadChanged { update: update.to_string() }),
    }
}

async fn insert(
    on: &DatabaseTransaction,
    session: SessionId,
    recorded: &Recorded,
    json: &str,
) -> Result<(), StoreError> {
    let row = events::ActiveModel {
        session: Set(session.to_string()),
        sequence: Set(bounded(recorded.sequence)),
        at: Set(bounded(recorded.at.0)),
        version: Set(EVENT_VERSION.into()),
        kind: Set(recorded.event.name().to_owned()),
        data: Set(json.to_owned()),
        ..Default::default()
    };
    events::Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

async fn keep_snapshot(on: &DatabaseTransaction, snapshot: snapshots::ActiveModel) -> Result<(), StoreError> {
    use snapshots::Column;
    let replace = OnConflict::column(Column::Session)
        .update_columns([Column::Sequence, Column::Version, Column::Data])
        .to_owned();
    snapshots::Entity::insert(snapshot).on_conflict(replace).exec_without_returning(on).await?;
    Ok(())
}

/// An event as it was recorded, of any version so far.
pub(crate) fn recorded(row: &events::Model) -> Result<Recorded, StoreError> {
    let damaged = |problem: String| StoreError::Damaged {
        what: format!("event {} of session {}", row.sequence, row.session),
        problem,
    };
    let version = u32::try_from(row.version).map_err(|problem| damaged(problem.to_string()))?;
    let event = Event::from_recorded(version, &row.data).map_err(|problem| damaged(problem.to_string()))?;
    Ok(Recorded { sequence: row.sequence.unsigned_abs(), at: Timestamp(row.at.unsigned_abs()), event })
}
