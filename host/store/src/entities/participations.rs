//! A view: who was asked in an attempt, and what came of it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "participations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub session: String,
    pub round: i64,
    pub attempt: i64,
    pub client: String,
    pub task: i64,
    pub status: String,
    pub update_id: Option<String>,
    pub blob: Option<String>,
    pub size_bytes: Option<i64>,
    pub staleness: i64,
    pub examples: Option<i64>,
    pub metrics: String,
    pub settings: Option<String>,
    pub asked_at: i64,
    pub answered_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
