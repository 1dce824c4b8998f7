//! Values that clients logged.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "metrics")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub client: String,
    pub key: String,
    pub value: f64,
    pub step: Option<i64>,
    pub model: Option<String>,
    pub round: Option<String>,
    pub session: Option<String>,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
