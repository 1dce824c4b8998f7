//! A form with a file, which goes to the disk as it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use fedwit_federation::Upload;

use super::Rest;
use super::error::{RestError, RestResult};

/// The longest value of a field that is no file, in bytes.
const MAX_FIELD: usize = 64 << 10;
/// Fields of a form.
const MAX_FIELDS: usize = 32;
/// How long the next piece of a form may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A form with one file.
pub(super) struct Form {
    /// The file, all of it written.
    pub(super) file: Upload,
    /// What the client calls it.
    pub(super) file_name: String,
    fields: BTreeMap<String, String>,
}

impl Form {
    /// Takes a field that is there and not empty.
    pub(super) fn take(&mut self, field: &str) -> Option<String> {
        self.fields.remove(field).filter(|value| !value.is_empty())
    }
}

impl FromRequest<Rest> for Form {
    type Rejection = RestError;

    /// Reads it to its end. Its file is nowhere held in memory; the other fields may come before it and after.
    async fn from_request(request: Request, rest: &Rest) -> RestResult<Self> {
        let form = Multipart::from_request(request, rest).await;
        let mut form = form.map_err(|_| RestError::bad_request("the body is no multipart form with a `file`"))?;
        let (mut fields, mut file) = (BTreeMap::new(), None);
        while let Some(mut part) = in_time(form.next_field()).await? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == "file" {
                if file.is_some() {
                    return Err(RestError::bad_request("the form has more than one `file`"));
                }
                let file_name = part.file_name().unwrap_or_default().to_owned();
                file = Some((store(rest, part).await?, file_name));
                continue;
            }
            if fields.len() == MAX_FIELDS {
                return Err(RestError::bad_request(format!("the form has more than {MAX_FIELDS} fields")));
            }
            let value = text(&name, &mut part).await?;
            fields.insert(name, value);
        }
        let (file, file_name) = file.ok_or_else(|| RestError::bad_request("the form has no `file`"))?;
        Ok(Self { file, file_name, fields })
    }
}

async fn store(rest: &Rest, mut part: Field<'_>) -> RestResult<Upload> {
    let mut upload = rest.federation.begin_file().await?;
    while let Some(piece) = piece(&mut part).await? {
        upload.write(piece).await?;
    }
    Ok(upload)
}

async fn text(name: &str, part: &mut Field<'_>) -> RestResult<String> {
    let mut value = Vec::new();
    while let Some(piece) = piece(part).await? {
        if value.len() + piece.len() > MAX_FIELD {
            return Err(RestError::bad_request(format!("`{name:.80}` has more than {MAX_FIELD} bytes")));
        }
        value.extend_from_slice(&piece);
    }
    String::from_utf8(value).map_err(|_| RestError::bad_request(format!("`{name:.80}` is no text")))
}

async fn piece(part: &mut Field<'_>) -> RestResult<Option<Bytes>> {
    in_time(part.chunk()).await
}

async fn in_time<T>(coming: impl Future<Output = Result<T, MultipartError>>) -> RestResult<T> {
    match tokio::time::timeout(PATIENCE, coming).await {
        Ok(Ok(come)) => Ok(come),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(RestError::bad_request("the form is too large"))
        }
        Ok(Err(error)) => Err(RestError::bad_request(error.body_text())),
        Err(_) => Err(RestError::timeout("the next piece of the form did not come in time")),
    }
}
