//! Components that were installed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "plugins")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub digest: String,
    pub world: String,
    pub name: String,
    pub version: String,
    pub summary: String,
    pub mergeable: bool,
    pub config_schema: String,
    pub wanted: String,
    pub granted: String,
    pub size_bytes: i64,
    pub source: String,
    pub signature: Option<String>,
    pub signed_by: Option<String>,
    pub enabled: bool,
    pub problem: Option<String>,
    pub installed_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
