//! Which blobs are referred to.
//!
//! A reference is a column of a record: a model's file, a package's, a plugin's, an unused upload's, that of an update which is kept,
//! a session's aggregator state. The view `blob_references` is all of these. There is no count beside them that could
//! go wrong: a blob is referred to for as long as there is a row, and it is gone once a transaction has taken the last.

use std::collections::BTreeSet;

use fedwit_domain::Digest;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};

use crate::StoreError;
use crate::records::text;

/// Digests in one query: far below the number of values that SQLite takes.
const CHUNK: usize = 500;

/// Those of some blobs that nothing refers to.
pub(crate) async fn unreferenced(
    on: &impl ConnectionTrait,
    blobs: impl IntoIterator<Item = Digest>,
) -> Result<Vec<Digest>, StoreError> {
    let blobs: Vec<Digest> = blobs.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut unreferenced = Vec::new();
    for chunk in blobs.chunks(CHUNK) {
        let query = Query::select()
            .distinct()
            .column(Alias::new("blob"))
            .from(Alias::new("blob_references"))
            .and_where(Expr::col(Alias::new("blob")).is_in(chunk.iter().map(Digest::to_string)))
            .to_owned();
        let mut referred = BTreeSet::new();
        for row in on.query_all(&query).await? {
            let digest: String = row.try_get("", "blob")?;
            referred.insert(text::<Digest>("a reference to a blob", &digest)?);
        }
        unreferenced.extend(chunk.iter().filter(|blob| !referred.contains(blob)));
    }
    Ok(unreferenced)
}
