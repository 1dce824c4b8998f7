//! Models and their trail.

use std::collections::{BTreeSet, VecDeque};

use fedwit_domain::{Digest, ModelFormat, ModelId, RoundId, RoundNumber, SessionId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::columns::{optional, text, time, unsigned};
use super::list::{Conditions, list};
use super::rounds::round_id;
use super::{Listed, MAX_PAGE, Page};
use crate::entities::models::{Column, Entity, Model};
use crate::{Store, StoreError};

/// A model of the trail.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// The row's number.
    pub number: i64,
    /// The model.
    pub id: ModelId,
    /// A name for people.
    pub name: String,
    /// The model that it improves upon; none for a seed.
    pub parent: Option<ModelId>,
    /// The session and round that made it; none for a seed.
    pub round: Option<RoundId>,
    /// Its safetensors file.
    pub blob: Digest,
    /// The file's length in bytes.
    pub size_bytes: u64,
    /// The format that it came in, or that its session's clients speak.
    pub format: ModelFormat,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelFilter {
    /// The model.
    pub id: Option<ModelId>,
    /// Its name.
    pub name: Option<String>,
    /// Made by this session.
    pub session: Option<SessionId>,
    /// Made by a round of this number.
    pub round: Option<RoundNumber>,
    /// Improving upon this model.
    pub parent: Option<ModelId>,
    /// Only seeds, or none of them.
    pub seed: Option<bool>,
    /// Only models that none improves upon, or only those that one does.
    pub leaf: Option<bool>,
    /// Made at this time, or later.
    pub from: Option<Timestamp>,
    /// Made before this time.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Models, in the order in which they were recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn models(&self, filter: &ModelFilter, page: Page) -> Result<Listed<ModelRow>, StoreError> {
        let mut conditions = Conditions::new()
            .equal(Column::Id, filter.id)
            .equal(Column::Name, filter.name.as_ref())
            .equal(Column::Session, filter.session)
            .number(Column::Round, filter.round.map(|round| round.0))
            .equal(Column::Parent, filter.parent)
            .within(Column::CreatedAt, filter.from, filter.until);
        match filter.seed {
            Some(true) => conditions = conditions.and(Column::Session.is_null()),
            Some(false) => conditions = conditions.and(Column::Session.is_not_null()),
            None => {}
        }
        if let Some(leaf) = filter.leaf {
            let improved_upon =
                Query::select().column(Column::Parent).from(Entity).and_where(Column::Parent.is_not_null()).to_owned();
            let of_id = Expr::col((Entity, Column::Id));
            conditions = conditions.and(if leaf {
                of_id.not_in_subquery(improved_upon)
            } else {
                of_id.in_subquery(improved_upon)
            });
        }
        list::<Entity, _, _>(self.readers(), Column::Number, conditions, page).await
    }

    /// The models that none improves upon.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn leaf_models(&self, page: Page) -> Result<Listed<ModelRow>, StoreError> {
        self.models(&ModelFilter { leaf: Some(true), ..ModelFilter::default() }, page).await
    }

    /// A model.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn model(&self, id: ModelId) -> Result<Option<ModelRow>, StoreError> {
        let found = Entity::find().filter(Column::Id.eq(id.to_string())).one(self.readers()).await?;
        found.map(TryInto::try_into).transpose()
    }

    /// What a model was made from: its parent, the parent's parent, and so on, as many as `limit` at most and never more
    /// than [`MAX_PAGE`]. The model itself comes first if that is asked for, and counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ancestors(&self, model: ModelId, limit: u32, include_self: bool) -> Result<Vec<ModelRow>, StoreError> {
        let mut ancestors = Vec::new();
        let Some(first) = self.model(model).await? else { return Ok(ancestors) };
        let mut parent = first.parent;
        if include_self && limit > 0 {
            ancestors.push(first);
        }
        let limit = at_most(limit);
        while let Some(next) = parent.filter(|_| ancestors.len() < limit) {
            let Some(row) = self.model(next).await? else { break };
            parent = row.parent;
            ancestors.push(row);
        }
        Ok(ancestors)
    }

    /// What was made from a model, the nearest first, as many as `limit` at most and never more than [`MAX_PAGE`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn descendants(&self, model: ModelId, limit: u32) -> Result<Vec<ModelRow>, StoreError> {
        let limit = at_most(limit);
        let mut descendants: Vec<ModelRow> = Vec::new();
        let mut seen = BTreeSet::from([model]);
        let mut to_visit = VecDeque::from([model]);
        while let Some(parent) = to_visit.pop_front() {
            let left = limit.saturating_sub(descendants.len());
            if left == 0 {
                break;
            }
            let children = Entity::find().filter(Column::Parent.eq(parent.to_string())).order_by_asc(Column::Number);
            for child in children.limit(left as u64).all(self.readers()).await? {
                let child = ModelRow::try_from(child)?;
                if seen.insert(child.id) {
                    to_visit.push_back(child.id);
                    descendants.push(child);
                }
            }
        }
        Ok(descendants)
    }
}

fn at_most(limit: u32) -> usize {
    Ord::min(limit, MAX_PAGE) as usize
}

impl TryFrom<Model> for ModelRow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let round = row.session.zip(row.round).map(|(session, round)| round_id(&session, round)).transpose()?;
        Ok(Self {
            number: row.number,
            id: text("a model's id", &row.id)?,
            name: row.name,
            parent: optional("a model's parent", row.parent)?,
            round,
            blob: text("a model's blob", &row.blob)?,
            size_bytes: unsigned("a model's size", row.size_bytes)?,
            format: text("a model's format", &row.format)?,
            created_at: time("when a model was made", row.created_at)?,
        })
    }
}
