//! Queries that bring files, by the [GraphQL multipart request
//! specification](https://github.com/jaydenseric/graphql-multipart-request-spec).
//!
//! async-graphql would hold the file in memory, or write it to a temporary one first. Here it goes where it is to stay
//! as it comes, with the limits that all files have; that the query comes first is what the specification asks for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::{Context, InputValueError, InputValueResult, Request, Scalar, ScalarType, Value, Variables};
use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::Field;
use fedwit_federation::{Federation, FederationError, Upload};

use super::{Failure, limits};

/// How much of the form may be anything but a file.
const TEXT: usize = 1 << 20;
/// Files of one query: one, since no mutation takes more.
const FILES: usize = 1;
/// How long the next piece of a file may take.
const PIECE: Duration = Duration::from_secs(60);
/// What stands in the place of a file among the variables.
const MARK: &str = "\u{0}file ";

pub(super) struct FileUpload(usize);

/// A file that has come.
pub(super) struct Received {
    /// What its sender calls it.
    pub(super) name: String,
    /// All that was in it.
    pub(super) upload: Upload,
}

/// The files of a query; each is taken once.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<Vec<Option<Received>>>>);

/// A file that comes with the query: a request of the type `multipart/form-data`, as the GraphQL multipart request
/// specification has it, with the header `x-fedwit` or `graphql-require-preflight`.
#[Scalar(name = "Upload", specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for FileUpload {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let index = text.strip_prefix(MARK).and_then(|index| index.parse().ok());
        index.map(Self).ok_or_else(|| InputValueError::custom("a file is sent as a part of a multipart request"))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

impl FileUpload {
    /// The file itself. It is there once.
    pub(super) fn take(&self, ctx: &Context<'_>) -> Result<Received, Failure> {
        let files = ctx.data_opt::<Files>();
        let taken = files.and_then(|Files(files)| {
            files.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.0).and_then(Option::take)
        });
        taken.ok_or_else(|| Failure::invalid("file", "it did not come with the query, or is used twice"))
    }
}

/// Reads a query and its files.
pub(super) async fn receive(mut form: Multipart, federation: &Federation) -> Result<Request, Failure> {
    let operations = part(&mut form, "operations").await?;
    let mut request: Request =
        serde_json::from_slice(&operations).map_err(|error| broken(format!("`operations`: {error}")))?;
    // What is wrong with the query is said before the file is taken.
    limits::check(&mut request)?;
    let map = part(&mut form, "map").await?;
    let mut map: BTreeMap<String, Vec<String>> =
        serde_json::from_slice(&map).map_err(|error| broken(format!("`map`: {error}")))?;
    if map.len() > FILES {
        return Err(broken(format!("{} files are more than {FILES}", map.len())));
    }
    let files = Files::default();
    let mut received = Vec::new();
    while let Some(field) = next(&mut form).await? {
        let name = field.name().unwrap_or_default().to_owned();
        let paths = map.remove(&name).ok_or_else(|| broken(format!("`map` does not say what {name:.80?} is")))?;
        let [path] = paths.as_slice() else {
            return Err(broken(format!("{name:.80?} stands in {} places, and can in one", paths.len())));
        };
        let place = place(&mut request.variables, path);
        let place = place.ok_or_else(|| broken(format!("there is no null at {path:.80?}")))?;
        *place = Value::String(format!("{MARK}{}", received.len()));
        received.push(Some(file(field, federation).await?));
    }
    if let Some(missing) = map.keys().next() {
        return Err(broken(format!("{missing:.80?} did not come")));
    }
    *files.0.lock().unwrap_or_else(PoisonError::into_inner) = received;
    Ok(request.data(files))
}

/// Reads a part of the form that is no file, and has to be the next.
async fn part(form: &mut Multipart, name: &str) -> Result<Vec<u8>, Failure> {
    let field = next(form).await?;
    let mut field = field.filter(|field| field.name() == Some(name)).ok_or_else(|| {
        broken(format!("`{name}` is not where it has to be: `operations` comes first, then `map`, then the files"))
    })?;
    let mut text = Vec::new();
    while let Some(piece) = piece(&mut field).await? {
        if text.len() + piece.len() > TEXT {
            return Err(broken(format!("`{name}` has more than {TEXT} bytes")));
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

/// Writes a file to where it is to stay.
async fn file(mut field: Field<'_>, federation: &Federation) -> Result<Received, Failure> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let mut upload = federation.begin_file().await?;
    while let Some(piece) = piece(&mut field).await? {
        upload.write(piece).await?;
    }
    Ok(Received { name, upload })
}

async fn next(form: &mut Multipart) -> Result<Option<Field<'_>>, Failure> {
    match tokio::time::timeout(PIECE, form.next_field()).await {
        Ok(field) => field.map_err(|error| broken(error.body_text())),
        Err(_) => Err(stalled()),
    }
}

async fn piece(field: &mut Field<'_>) -> Result<Option<Bytes>, Failure> {
    match tokio::time::timeout(PIECE, field.chunk()).await {
        Ok(piece) => piece.map_err(|error| broken(error.body_text())),
        Err(_) => Err(stalled()),
    }
}

fn stalled() -> Failure {
    FederationError::Unavailable(format!("nothing came for {} seconds", PIECE.as_secs())).into()
}

fn broken(problem: String) -> Failure {
    Failure::invalid("multipart request", problem)
}

/// The place of a file among the variables, such as `variables.input.file`. There has to be a null.
fn place<'a>(variables: &'a mut Variables, path: &str) -> Option<&'a mut Value> {
    let mut steps = path.strip_prefix("variables.")?.split('.');
    let outermost = variables.get_mut(steps.next()?)?;
    let place = steps.try_fold(outermost, |value, step| match value {
        Value::List(list) => list.get_mut(step.parse::<usize>().ok()?),
        Value::Object(object) => object.get_mut(step),
        _ => None,
    })?;
    matches!(place, Value::Null).then_some(place)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_file_stands_where_there_is_a_null() {
        let variables = serde_json::json!({ "file": null, "input": { "files": [1, null] }, "name": "x" });
        let mut variables = Variables::from_json(variables);
        for good in ["variables.file", "variables.input.files.1"] {
            assert!(place(&mut variables, good).is_some(), "{good}");
        }
        let bad = ["", "file", "variables.", "variables.name", "variables.other", "variables.input.files.0"];
        for bad in bad.into_iter().chain(["variables.input.files.2", "variables.file.x", "variables.input.files.-1"]) {
            assert!(place(&mut variables, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_file_is_nothing_that_can_be_written_in_a_query() {
        assert!(FileUpload::parse(Value::from("x.npz")).is_err());
        assert!(FileUpload::parse(Value::Null).is_err());
        assert!(FileUpload::parse(Value::from(format!("{MARK}0"))).is_ok());
    }
}
