//! Components that are installed.

use async_trait::async_trait;
use fedwit_domain::ports::StoredBlob;
use fedwit_domain::{Digest, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter,
};
use serde_json::Value;

use crate::entities::plugins::{ActiveModel, Column, Entity, Model};
use crate::records::bounded;
use crate::writer::{Effects, Write};
use crate::{Store, StoreError};

/// A component, whose file is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPlugin {
    /// The file; its digest is the component's.
    pub blob: StoredBlob,
    /// The world that it was made for.
    pub world: String,
    /// What it is called by.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Whether a round can be spread over several instances of it.
    pub mergeable: bool,
    /// The JSON Schema of its configuration.
    pub config_schema: Value,
    /// What it wants to be granted.
    pub wanted: Vec<String>,
    /// What it is granted.
    pub granted: Vec<String>,
    /// Where it came from.
    pub source: String,
    /// The signature that came with it, and the key that it was made with.
    pub signature: Option<(String, String)>,
    /// Whether it is used from now on, in the place of all others of its name.
    pub enabled: bool,
    /// When it was installed.
    pub at: Timestamp,
}

/// A component is used, or is not.
struct Enable {
    digest: Digest,
    enabled: bool,
    problem: Option<String>,
}

/// A component is granted what it is granted from now on.
struct Grant {
    digest: Digest,
    granted: Vec<String>,
}

/// A component is gone, and its file with it if nothing else is that file.
struct Remove(Digest);

impl Store {
    /// Records a component, which keeps its file. One that is there already gets the new grants, signature and source.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_plugin(&self, plugin: NewPlugin) -> Result<(), StoreError> {
        self.writer().write(plugin).await
    }

    /// Uses a component in the place of all others of its world and name; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enable_plugin(&self, digest: Digest) -> Result<bool, StoreError> {
        self.writer().write(Enable { digest, enabled: true, problem: None }).await
    }

    /// Uses a component no longer, for a reason if it is the server's own doing; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn disable_plugin(&self, digest: Digest, problem: Option<String>) -> Result<bool, StoreError> {
        self.writer().write(Enable { digest, enabled: false, problem }).await
    }

    /// Grants a component this, and no more than this; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant_plugin(&self, digest: Digest, granted: Vec<String>) -> Result<bool, StoreError> {
        self.writer().write(Grant { digest, granted }).await
    }

    /// Forgets a component; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_plugin(&self, digest: Digest) -> Result<bool, StoreError> {
        self.writer().write(Remove(digest)).await
    }
}

#[async_trait]
impl Write for NewPlugin {
    type Answer = ();
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<(), StoreError> {
        let digest = self.blob.digest;
        // Finished once more, and referred to once more.
        effects.claimed.push(digest);
        if self.enabled {
            disable_others(on, &self.world, &self.name).await?;
        }
        let known = find(on, digest).await?;
        let (signature, signed_by) = self.signature.unzip();
        let mut row = ActiveModel {
            granted: Set(Value::from(self.granted).to_string()),
            source: Set(self.source),
            signature: Set(signature),
            signed_by: Set(signed_by),
            problem: Set(None),
            ..Default::default()
        };
        if let Some(known) = known {
            row.number = Set(known.number);
            row.enabled = Set(self.enabled || known.enabled);
            row.update(on).await?;
            return Ok(());
        }
        row.digest = Set(digest.to_string());
        row.world = Set(self.world);
        row.name = Set(self.name);
        row.version = Set(self.version);
        row.summary = Set(self.summary);
        row.mergeable = Set(self.mergeable);
        row.config_schema = Set(self.config_schema.to_string());
        row.wanted = Set(Value::from(self.wanted).to_string());
        row.size_bytes = Set(bounded(self.blob.size_bytes));
        row.enabled = Set(self.enabled);
        row.installed_at = Set(bounded(self.at.0));
        Entity::insert(row).exec_without_returning(on).await?;
        Ok(())
    }
}

#[async_trait]
impl Write for Enable {
    type Answer = bool;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<bool, StoreError> {
        let Some(known) = find(on, self.digest).await? else { return Ok(false) };
        if self.enabled {
            disable_others(on, &known.world, &known.name).await?;
        }
        let row = ActiveModel {
            number: Set(known.number),
            enabled: Set(self.enabled),
            problem: Set(self.problem),
            ..Default::default()
        };
        row.update(on).await?;
        Ok(true)
    }
}

#[async_trait]
impl Write for Grant {
    type Answer = bool;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, _: &mut Effects) -> Result<bool, StoreError> {
        let Some(known) = find(on, self.digest).await? else { return Ok(false) };
        let granted = Value::from(self.granted).to_string();
        let row = ActiveModel { number: Set(known.number), granted: Set(granted), ..Default::default() };
        row.update(on).await?;
        Ok(true)
    }
}

#[async_trait]
impl Write for Remove {
    type Answer = bool;
    type Error = StoreError;

    async fn write(self, on: &DatabaseTransaction, effects: &mut Effects) -> Result<bool, StoreError> {
        let Self(digest) = self;
        let removed = Entity::delete_many().filter(Column::Digest.eq(digest.to_string())).exec(on).await?;
        effects.released.push(digest);
        Ok(removed.rows_affected > 0)
    }
}

async fn find(on: &DatabaseTransaction, digest: Digest) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find().filter(Column::Digest.eq(digest.to_string())).one(on).await?)
}

async fn disable_others(on: &DatabaseTransaction, world: &str, name: &str) -> Result<(), StoreError> {
    let enabled =
        Condition::all().add(Column::World.eq(world)).add(Column::Name.eq(name)).add(Column::Enabled.eq(true));
    Entity::update_many().col_expr(Column::Enabled, Expr::value(false)).filter(enabled).exec(on).await?;
    Ok(())
}
