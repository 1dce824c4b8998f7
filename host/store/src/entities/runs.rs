//! A view: what each start of a session asked for.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "runs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub session: String,
    pub rounds: i64,
    pub round_timeout_s: i64,
    pub model_name_prefix: Option<String>,
    pub model: String,
    pub started_at: i64,
    pub completed_at: Option<i64>,
    pub completed_model: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
