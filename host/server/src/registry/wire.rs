//! Answers of registries, read no further than they may be.

use std::error::Error;
use std::fmt::Write;

use fedwit_federation::RegistryError;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::{PluginReference, failed};

/// How much of what a registry says about an error is read, and shown.
const COMPLAINT: usize = 16 << 10;
const SHOWN: usize = 300;

/// The whole body, unless it has more than `most` bytes.
pub(super) async fn body(
    mut response: Response,
    most: usize,
    what: &str,
    reference: &PluginReference,
) -> Result<Vec<u8>, RegistryError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failed(reference, chain(&error)))? {
        if body.len() + piece.len() > most {
            return Err(failed(reference, format!("its {what} has more than {most} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The answer, if it is a good one; else what it means.
pub(super) async fn good(response: Response, reference: &PluginReference) -> Result<Response, RegistryError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let named = || reference.to_string();
    Err(match status {
        StatusCode::NOT_FOUND => RegistryError::NotFound { reference: named() },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let problem = format!("the registry refuses access{}", complaint(response).await);
            RegistryError::Denied { reference: named(), problem }
        }
        _ if status.is_redirection() => failed(reference, format!("the registry sends us elsewhere ({status})")),
        _ => failed(reference, format!("the registry answers with {status}{}", complaint(response).await)),
    })
}

/// What a registry says about an error, for people; nothing if it says it in no way that registries do.
async fn complaint(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        if body.len() + piece.len() > COMPLAINT {
            return String::new();
        }
        body.extend_from_slice(&piece);
    }
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = said["errors"][0]["message"].as_str().unwrap_or_default();
    let said: String = said.escape_debug().take(SHOWN).collect();
    if said.is_empty() { said } else { format!(": {said}") }
}

/// An error with its causes. The URL is left out: what is asked for is named already, and storage signs addresses.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "it takes too long".to_owned() } else { "no answer".to_owned() };
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
