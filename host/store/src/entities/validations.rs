//! A view: what clients measured of models.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "validations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub session: String,
    pub round: i64,
    pub model: String,
    pub client: String,
    pub metrics: String,
    pub weight: f64,
    pub data: String,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
