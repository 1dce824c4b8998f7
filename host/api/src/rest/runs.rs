//! `runs`: what each start of a session asked for, and came to.

use fedwit_store::{Listed, Page, RunFilter, RunRow};
use serde_json::{Value, json};

use super::collection::{Collection, of_number};
use super::error::RestResult;
use super::filters::Filters;
use super::{Rest, shapes};

pub(super) struct Runs;

impl Collection for Runs {
    const PATH: &'static str = "runs";
    type Filter = RunFilter;

    fn filter(filters: &mut Filters) -> RunFilter {
        RunFilter { session: filters.take("session_id"), ..RunFilter::default() }
    }

    async fn list(rest: &Rest, filter: RunFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().runs(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().runs(&RunFilter::default(), page).await?.rows;
        Ok(rows.iter().find(|row| row.number.to_string() == id).map(shape))
    }
}

fn shape(row: &RunRow) -> Value {
    json!({
        "run_id": row.number.to_string(),
        "id": row.number.to_string(),
        "session_id": row.session,
        "model_id": row.model,
        "rounds": row.rounds,
        "round_timeout": row.round_timeout_s,
        "model_name_prefix": row.model_name_prefix,
        "committed_at": shapes::date(row.started_at),
        "completed_at": row.completed_at.map(shapes::date),
        "completed_at_model_id": row.completed_model,
    })
}
