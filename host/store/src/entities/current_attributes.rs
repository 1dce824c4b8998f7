//! The last that each client said of each attribute.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "current_attributes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub client: String,
    pub key: String,
    pub value: String,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
