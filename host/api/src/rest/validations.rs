//! `validations`: what clients measured of rounds' models.

use fedwit_domain::{CombinerName, TaskId};
use fedwit_store::{Listed, Page, ValidationFilter, ValidationRow};
use serde_json::{Value, json};

use super::collection::{Collection, of_number};
use super::error::RestResult;
use super::filters::Filters;
use super::{Rest, shapes};

pub(super) struct Validations;

impl Collection for Validations {
    const PATH: &'static str = "validations";
    type Filter = ValidationFilter;

    fn filter(filters: &mut Filters) -> ValidationFilter {
        ValidationFilter {
            session: filters.take("session_id"),
            model: filters.take("model_id"),
            client: filters.take("sender.client_id"),
            ..ValidationFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: ValidationFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().validations(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(|row| show(rest, row)).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().validations(&ValidationFilter::default(), page).await?.rows;
        let row = rows.iter().find(|row| row.number.to_string() == id);
        Ok(row.map(|row| show(rest, row)))
    }
}

fn show(rest: &Rest, row: &ValidationRow) -> Value {
    shape(row, rest.federation.responsible_combiner(&row.client))
}

fn shape(row: &ValidationRow, combiner: &CombinerName) -> Value {
    let task = TaskId::Validation { session: row.round.session, round: row.round.round };
    json!({
        "validation_id": row.number.to_string(),
        "id": row.number.to_string(),
        "model_id": row.model,
        "session_id": row.round.session,
        "round_id": row.round.to_string(),
        "data": shapes::text(&row.data),
        "weight": row.weight,
        "correlation_id": task.to_string(),
        "timestamp": shapes::iso(row.at),
        "meta": "",
        "sender": shapes::client(&row.client),
        "receiver": shapes::combiner(combiner),
        "committed_at": shapes::date(row.at),
    })
}
