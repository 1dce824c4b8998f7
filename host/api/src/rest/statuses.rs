//! `statuses`: what clients say that they are doing.

use fedwit_store::{Listed, Page, StatusRow, TelemetryFilter};
use serde_json::{Value, json};

use super::collection::{Collection, of_number};
use super::error::RestResult;
use super::filters::Filters;
use super::{Rest, shapes};

pub(super) struct Statuses;

impl Collection for Statuses {
    const PATH: &'static str = "statuses";
    type Filter = TelemetryFilter;

    fn filter(filters: &mut Filters) -> TelemetryFilter {
        TelemetryFilter {
            client: filters.take("sender.client_id"),
            session: filters.take("session_id"),
            kind: filters.take("type"),
            level: filters.take("log_level"),
            ..TelemetryFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().statuses(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().statuses(&TelemetryFilter::default(), page).await?.rows;
        Ok(rows.iter().find(|row| row.number.to_string() == id).map(shape))
    }
}

fn shape(row: &StatusRow) -> Value {
    json!({
        "status_id": row.number.to_string(),
        "id": row.number.to_string(),
        "status": row.status,
        "timestamp": shapes::iso(row.at),
        "log_level": row.level,
        "data": row.data,
        "correlation_id": row.correlation,
        "type": row.kind,
        "extra": row.extra,
        "session_id": row.session,
        "sender": { "name": row.name, "role": "CLIENT", "client_id": row.client },
        "committed_at": shapes::date(row.at),
    })
}
