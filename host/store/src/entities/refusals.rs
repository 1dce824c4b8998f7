//! A view: updates that did not count.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "refusals")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub session: String,
    pub round: i64,
    pub attempt: i64,
    pub client: String,
    pub update_id: String,
    pub code: String,
    pub reason: String,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
