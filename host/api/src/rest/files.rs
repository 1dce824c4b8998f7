//! Files in the parts of a form, on their way to the disk.

use std::collections::BTreeMap;

use axum::extract::Multipart;
use axum::extract::multipart::MultipartError;
use fedwit_federation::{Federation, Upload};

use super::error::{RestError, RestResult};

/// The longest value of a field that is no file, in bytes.
const MAX_FIELD: usize = 64 << 10;
/// Fields of a form.
const MAX_FIELDS: usize = 32;

/// A form with one file.
pub(super) struct Form {
    /// The file, all of it written.
    pub(super) file: Upload,
    /// What the client calls it.
    pub(super) file_name: String,
    /// The other fields.
    pub(super) fields: BTreeMap<String, String>,
}

impl Form {
    /// Reads a form. Its file is nowhere held in memory.
    pub(super) async fn read(federation: &Federation, mut form: Multipart) -> RestResult<Self> {
        let mut fields = BTreeMap::new();
        let mut file = None;
        while let Some(mut part) = form.next_field().await.map_err(broken)? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == "file" {
                if file.is_some() {
                    return Err(RestError::bad_request("the form has more than one `file`"));
                }
                let file_name = part.file_name().unwrap_or_default().to_owned();
                let mut upload = federation.begin_file().await?;
                while let Some(piece) = part.chunk().await.map_err(broken)? {
                    upload.write(piece).await?;
                }
                file = Some((upload, file_name));
                continue;
            }
            if fields.len() == MAX_FIELDS {
                return Err(RestError::bad_request(format!("the form has more than {MAX_FIELDS} fields")));
            }
            let mut value = Vec::new();
            while let Some(piece) = part.chunk().await.map_err(broken)? {
                if value.len() + piece.len() > MAX_FIELD {
                    return Err(RestError::bad_request(format!("`{name:.80}` has more than {MAX_FIELD} bytes")));
                }
                value.extend_from_slice(&piece);
            }
            let value = String::from_utf8(value);
            let value = value.map_err(|_| RestError::bad_request(format!("`{name:.80}` is no text")))?;
            fields.insert(name, value);
        }
        let (file, file_name) = file.ok_or_else(|| RestError::bad_request("the form has no `file`"))?;
        Ok(Self { file, file_name, fields })
    }

    /// Takes a field that is there and not empty.
    pub(super) fn take(&mut self, field: &str) -> Option<String> {
        self.fields.remove(field).filter(|value| !value.is_empty())
    }
}

fn broken(error: MultipartError) -> RestError {
    RestError::bad_request(error.body_text())
}
