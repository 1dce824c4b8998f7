//! What many clients say of themselves, for who chooses among them.

use std::collections::BTreeMap;

use fedwit_domain::ClientId;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::columns::text;
use crate::{Store, StoreError};

/// Attributes of one client, at most: the first by name. One client that says more than any reads is not to be in the
/// way of the others.
const ATTRIBUTES: i64 = 64;
/// Characters of one value; what is longer is cut.
const VALUE: i64 = 1024;

/// All clients are one parameter, as their number has no bound and that of parameters has.
const QUERY: &str = "
    SELECT client, key, substr(value, 1, ?) AS value FROM (
        SELECT client, key, value, row_number() OVER (PARTITION BY client ORDER BY key) AS place
        FROM current_attributes
        WHERE client IN (SELECT value FROM json_each(?))
    )
    WHERE place <= ?";

impl Store {
    /// The last that each of these clients has said of each attribute: 64 of a client at most, of 1024 characters. Who
    /// has said nothing is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attributes_of(
        &self,
        clients: &[ClientId],
    ) -> Result<BTreeMap<ClientId, BTreeMap<String, String>>, StoreError> {
        let names: Vec<&str> = clients.iter().map(ClientId::as_str).collect();
        let names = serde_json::Value::from(names).to_string();
        let values = [VALUE.into(), names.into(), ATTRIBUTES.into()];
        let query = Statement::from_sql_and_values(DbBackend::Sqlite, QUERY, values);
        let mut attributes: BTreeMap<ClientId, BTreeMap<String, String>> = BTreeMap::new();
        for row in self.telemetry_readers().query_all_raw(query).await? {
            let (client, key, value): (String, _, _) =
                (row.try_get("", "client")?, row.try_get("", "key")?, row.try_get("", "value")?);
            attributes.entry(text("an attribute's client", &client)?).or_default().insert(key, value);
        }
        Ok(attributes)
    }
}
