//! A view: rounds, by their last attempts.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rounds")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub session: String,
    pub round: i64,
    pub attempt: i64,
    pub status: String,
    pub reason: Option<String>,
    pub code: Option<String>,
    pub base: String,
    pub model: Option<String>,
    pub plugin_name: Option<String>,
    pub plugin_version: Option<String>,
    pub plugin_digest: Option<String>,
    pub selector_name: Option<String>,
    pub selector_version: Option<String>,
    pub selector_digest: Option<String>,
    pub opened_at: i64,
    pub attempt_opened_at: Option<i64>,
    pub deadline: Option<i64>,
    pub closed_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub updates: i64,
    pub examples: i64,
    pub aggregator_metrics: String,
    pub validation_metrics: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
