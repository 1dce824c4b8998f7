//! Parts of lists.

use fedwit_domain::Timestamp;
use sea_orm::sea_query::IntoCondition;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::bounded;
use crate::StoreError;

/// The most rows that are given at once.
pub const MAX_PAGE: u32 = 10_000;

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to give, at most; never more than [`MAX_PAGE`].
    pub limit: u32,
    /// Whether the newest comes first.
    pub newest_first: bool,
    /// Only rows beyond this number, in the order of the list.
    pub after: Option<i64>,
}

/// A part of a list, and how long it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The part.
    pub rows: Vec<T>,
    /// How many there are that the filter lets through, whatever the page.
    pub total: u64,
}

impl Default for Page {
    /// The oldest hundred.
    fn default() -> Self {
        Self::first(100)
    }
}

impl Page {
    /// The oldest rows.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { offset: 0, limit, newest_first: false, after: None }
    }

    /// The newest rows, the very newest first.
    #[must_use]
    pub fn last(limit: u32) -> Self {
        Self { newest_first: true, ..Self::first(limit) }
    }
}

/// Conditions that all hold.
pub(super) struct Conditions(Condition);

impl Conditions {
    pub(super) fn new() -> Self {
        Self(Condition::all())
    }

    /// A column has a value, if one is given.
    pub(super) fn equal(self, column: impl ColumnTrait, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => Self(self.0.add(column.eq(value.to_string()))),
            None => self,
        }
    }

    /// A column has a number, if one is given.
    pub(super) fn number(self, column: impl ColumnTrait, value: Option<impl Into<i64>>) -> Self {
        match value {
            Some(value) => Self(self.0.add(column.eq(value.into()))),
            None => self,
        }
    }

    /// A time is within bounds: from the first on, and before the second.
    pub(super) fn within(self, column: impl ColumnTrait, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let from = from.map(|from| column.gte(bounded(from.0)));
        let until = until.map(|until| column.lt(bounded(until.0)));
        Self(self.0.add_option(from).add_option(until))
    }

    pub(super) fn and(self, condition: impl IntoCondition) -> Self {
        Self(self.0.add(condition.into_condition()))
    }
}

/// The part of a table that a filter lets through, in the order of its numbers.
pub(super) async fn list<E, C, T>(
    on: &C,
    number: E::Column,
    conditions: Conditions,
    page: Page,
) -> Result<Listed<T>, StoreError>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
    C: ConnectionTrait,
    T: TryFrom<E::Model, Error = StoreError>,
{
    let filtered = E::find().filter(conditions.0);
    let total = filtered.clone().count(on).await?;
    let (beyond, order) = if page.newest_first {
        (page.after.map(|after| number.lt(after)), Order::Desc)
    } else {
        (page.after.map(|after| number.gt(after)), Order::Asc)
    };
    let part = filtered.filter(Condition::all().add_option(beyond)).order_by(number, order);
    let part = part.offset(bounded_offset(page.offset)).limit(u64::from(page.limit.min(MAX_PAGE)));
    let rows = part.all(on).await?.into_iter().map(T::try_from).collect::<Result<_, _>>()?;
    Ok(Listed { rows, total })
}

/// SQLite counts in signed numbers.
fn bounded_offset(offset: u64) -> u64 {
    offset.min(i64::MAX.unsigned_abs())
}
