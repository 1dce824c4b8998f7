//! Models: seeds, and, as a view, what rounds ended with.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "models")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub id: String,
    pub name: String,
    pub parent: Option<String>,
    pub session: Option<String>,
    pub round: Option<i64>,
    pub blob: String,
    pub size_bytes: i64,
    pub format: String,
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
