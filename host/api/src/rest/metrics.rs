//! `metrics`: values that clients logged while they trained.

use fedwit_domain::RoundId;
use fedwit_store::{Listed, MetricRow, Page, TelemetryFilter};
use serde_json::{Value, json};

use super::collection::{Collection, of_number};
use super::error::RestResult;
use super::filters::Filters;
use super::{Rest, shapes};

pub(super) struct Metrics;

impl Collection for Metrics {
    const PATH: &'static str = "metrics";
    type Filter = TelemetryFilter;

    fn filter(filters: &mut Filters) -> TelemetryFilter {
        TelemetryFilter {
            client: filters.take("sender.client_id"),
            session: filters.take("session_id"),
            model: filters.take("model_id"),
            round: filters.take("round_id"),
            key: filters.take("key"),
            ..TelemetryFilter::default()
        }
    }

    async fn list(rest: &Rest, filter: TelemetryFilter, page: Page) -> RestResult<Listed<Value>> {
        let Listed { rows, total } = rest.federation.store().metrics(&filter, page).await?;
        Ok(Listed { rows: rows.iter().map(shape).collect(), total })
    }

    async fn one(rest: &Rest, id: &str) -> RestResult<Option<Value>> {
        let Some(page) = of_number(id) else { return Ok(None) };
        let rows = rest.federation.store().metrics(&TelemetryFilter::default(), page).await?.rows;
        Ok(rows.iter().find(|row| row.number.to_string() == id).map(shape))
    }
}

fn shape(row: &MetricRow) -> Value {
    json!({
        "metric_id": row.number.to_string(),
        "id": row.number.to_string(),
        "key": row.key,
        "value": row.value,
        "step": row.step,
        "model_id": row.model,
        "round_id": row.round.as_ref().map(RoundId::to_string),
        "session_id": row.session,
        "timestamp": shapes::iso(row.at),
        "sender": shapes::client(&row.client),
        "committed_at": shapes::date(row.at),
    })
}
