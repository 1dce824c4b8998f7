//! Lines of clients about what they do.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "statuses")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub client: String,
    pub name: String,
    pub status: String,
    pub level: String,
    pub kind: String,
    pub data: String,
    pub correlation: String,
    pub session: Option<String>,
    pub extra: String,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
