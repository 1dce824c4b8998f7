//! `telemetry`: the loads of clients. What a client said at once is one object here, with all its values.

use fedwit_store::{Listed, Page, TelemetryFilter, TelemetryRow};
use serde_json::{Value, json};

use super::collection::{Collection, of_number};
use super::error::RestResult;
use super::filters::Filters;
use super::{Rest, shapes};

pub(super) struct Telemetry;

impl Collection for Telemetry {
    const PATH: &'static str = "telemetry";
    type Filter = TelemetryFilter;

    fn filter(filters: &mut Filters) -> TelemetryFilter {
        TelemetryFilter { client: filters.take("sender.client_id"), ..TelemetryFilter::default() }
    }

    async fn list(rest: &Rest, filter: TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().telemetry(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().telemetry(&TelemetryFilter::default(), page).await?.rows;
        Ok(rows.iter().find(|row| row.number.to_string() == id).map(shape))
    }
}

fn shape(row: &TelemetryRow) -> Value {
    let values = row.values.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    json!({
        "telemetry_id": row.number.to_string(),
        "id": row.number.to_string(),
        "telemetries": values.collect::<Vec<Value>>(),
        "timestamp": shapes::iso(row.at),
        "sender": shapes::client(&row.client),
        "committed_at": shapes::date(row.at),
    })
}
