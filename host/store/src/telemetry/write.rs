//! Writing notes, many at a time.

use std::sync::Arc;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, TransactionTrait,
};

use super::buffer::Buffer;
use super::notes::{NewAttribute, NewMetric, NewStatus, NewTelemetry, Note};
use crate::StoreError;
use crate::entities::{attributes, current_attributes, loads, metrics, statuses};
use crate::records::bounded;

/// Notes that share a commit.
const BATCH: usize = 1000;
/// Notes that are written before the oldest make room again; so many rows may there be too many.
const NOTES_BETWEEN_PRUNES: usize = 5000;

/// Writes until there is nothing more to come.
pub(super) async fn run(buffer: Arc<Buffer>, database: DatabaseConnection, rows: u64) {
    let (mut dropped, mut since_prune) = (0, 0);
    while let Some(notes) = buffer.take(BATCH).await {
        since_prune += notes.len();
        let prune = since_prune >= NOTES_BETWEEN_PRUNES;
        let rows = prune.then_some(rows);
        match write(&database, notes, rows).await {
            Ok(()) => since_prune = if prune { 0 } else { since_prune },
            Err(error) => tracing::warn!(%error, "what clients told besides is not written"),
        }
        let lost = buffer.dropped() - dropped;
        if lost > 0 {
            dropped += lost;
            tracing::warn!(
                notes = lost,
                "{lost} notes of clients were dropped: they came faster than they are written"
            );
        }
    }
    if let Err(error) = prune_all(&database, rows).await {
        tracing::warn!(%error, "old notes of clients are not cleared away");
    }
    if let Err(error) = database.close_by_ref().await {
        tracing::warn!(%error, "the telemetry database cannot be closed");
    }
}

async fn write(database: &DatabaseConnection, notes: Vec<Note>, prune: Option<u64>) -> Result<(), StoreError> {
    let (mut logged, mut said, mut lines, mut measured) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for note in notes {
        match note {
            Note::Metric(metric) => logged.push(metric_row(metric)),
            Note::Attribute(attribute) => said.push(attribute),
            Note::Status(status) => lines.push(status_row(status)),
            Note::Load(load) => measured.push(load_row(load)?),
        }
    }
    let transaction = database.begin().await?;
    if !logged.is_empty() {
        metrics::Entity::insert_many(logged).exec_without_returning(&transaction).await?;
    }
    if !lines.is_empty() {
        statuses::Entity::insert_many(lines).exec_without_returning(&transaction).await?;
    }
    if !measured.is_empty() {
        loads::Entity::insert_many(measured).exec_without_returning(&transaction).await?;
    }
    for attribute in said {
        write_attribute(&transaction, attribute).await?;
    }
    if let Some(rows) = prune {
        prune_all(&transaction, rows).await?;
    }
    Ok(transaction.commit().await?)
}

/// What counts gets a new number: what has not been said for longest is what makes room.
async fn write_attribute(on: &DatabaseTransaction, attribute: NewAttribute) -> Result<(), StoreError> {
    let NewAttribute { client, key, value, at } = attribute;
    let (client, at) = (String::from(client), bounded(at.0));
    let row = attributes::ActiveModel {
        client: Set(client.clone()),
        key: Set(key.clone()),
        value: Set(value.clone()),
        at: Set(at),
        ..Default::default()
    };
    attributes::Entity::insert(row).exec_without_returning(on).await?;
    use current_attributes::{ActiveModel, Column, Entity};
    let same = Condition::all().add(Column::Client.eq(client.as_str())).add(Column::Key.eq(key.as_str()));
    Entity::delete_many().filter(same).exec(on).await?;
    let row = ActiveModel { client: Set(client), key: Set(key), value: Set(value), at: Set(at), ..Default::default() };
    Entity::insert(row).exec_without_returning(on).await?;
    Ok(())
}

fn metric_row(metric: NewMetric) -> metrics::ActiveModel {
    metrics::ActiveModel {
        client: Set(metric.client.into()),
        key: Set(metric.key),
        value: Set(metric.value),
        step: Set(metric.step.map(Into::into)),
        model: Set(metric.model.map(|model| model.to_string())),
        round: Set(metric.round.map(|round| round.to_string())),
        session: Set(metric.session.map(|session| session.to_string())),
        at: Set(bounded(metric.at.0)),
        ..Default::default()
    }
}

fn status_row(status: NewStatus) -> statuses::ActiveModel {
    statuses::ActiveModel {
        client: Set(status.client.into()),
        name: Set(status.name),
        status: Set(status.status),
        level: Set(status.level),
        kind: Set(status.kind),
        data: Set(status.data),
        correlation: Set(status.correlation),
        session: Set(status.session.map(|session| session.to_string())),
        extra: Set(status.extra),
        at: Set(bounded(status.at.0)),
        ..Default::default()
    }
}

fn load_row(load: NewTelemetry) -> Result<loads::ActiveModel, StoreError> {
    let readings = serde_json::to_string(&load.values);
    let readings =
        readings.map_err(|problem| StoreError::Damaged { what: "a load".to_owned(), problem: problem.to_string() })?;
    let (client, at) = (Set(load.client.into()), Set(bounded(load.at.0)));
    Ok(loads::ActiveModel { client, readings: Set(readings), at, ..Default::default() })
}

async fn prune_all(on: &impl ConnectionTrait, rows: u64) -> Result<(), StoreError> {
    prune::<metrics::Entity>(on, metrics::Column::Number, rows).await?;
    prune::<attributes::Entity>(on, attributes::Column::Number, rows).await?;
    prune::<current_attributes::Entity>(on, current_attributes::Column::Number, rows).await?;
    prune::<statuses::Entity>(on, statuses::Column::Number, rows).await?;
    prune::<loads::Entity>(on, loads::Column::Number, rows).await
}

/// Deletes all but the newest rows.
async fn prune<E: EntityTrait>(on: &impl ConnectionTrait, number: E::Column, rows: u64) -> Result<(), StoreError> {
    let newest_too_many = E::find().select_only().column(number).order_by_desc(number).offset(rows).limit(1);
    let found: Option<i64> = newest_too_many.into_tuple().one(on).await?;
    if let Some(newest) = found {
        E::delete_many().filter(number.lte(newest)).exec(on).await?;
    }
    Ok(())
}
