//! A view: sessions, as their events left them.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub id: String,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub code: Option<String>,
    pub config: String,
    pub seed_model: String,
    pub model: String,
    pub best_model: Option<String>,
    pub state_blob: Option<String>,
    pub rounds_completed: i64,
    pub rounds_until: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
