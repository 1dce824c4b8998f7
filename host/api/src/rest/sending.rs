//! Files on their way out.

use std::io;
use std::path::Path;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use fedwit_federation::FederationError;
use futures_util::StreamExt;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::error::RestResult;

/// Bytes of a file that are read at a time.
const PIECE: usize = 256 << 10;

/// A file as an answer. What keeps it in its place is held until it has been sent.
pub(super) async fn file(path: &Path, size_bytes: u64, name: &str, kept: impl Send + 'static) -> RestResult<Response> {
    let internal = |error: io::Error| FederationError::Internal(format!("{}: {error}", path.display()));
    let open = File::open(path).await.map_err(internal)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size_bytes.to_string()),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    let pieces = ReaderStream::with_capacity(open.take(size_bytes), PIECE).map(move |piece| {
        let _ = &kept;
        piece
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// FEDn's client saves a package by the name that it finds here, and unpacks it by its ending.
fn disposition(name: &str) -> String {
    let plain = |character: &char| (' '..='~').contains(character) && !"\"\\/".contains(*character);
    let name: String = name.chars().filter(plain).collect();
    format!("attachment; filename=\"{name}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_name_stays_within_its_header_and_its_folder() {
        assert_eq!(disposition("my package.tgz"), "attachment; filename=\"my package.tgz\"");
        assert_eq!(disposition("../a\"\r\nb\\ä.tgz"), "attachment; filename=\"..ab.tgz\"");
        assert!(HeaderValue::from_str(&disposition("a\0b")).is_ok());
    }

    #[tokio::test]
    async fn a_file_is_sent_as_it_is_and_held_until_then() {
        let folder = tempfile::tempdir().unwrap();
        let (path, content) = (folder.path().join("f"), vec![7; 3 * PIECE + 1]);
        std::fs::write(&path, &content).unwrap();
        let kept = std::sync::Arc::new(());
        let sent = file(&path, content.len() as u64, "f.npz", std::sync::Arc::clone(&kept)).await.unwrap();
        assert_eq!(sent.headers()[header::CONTENT_LENGTH], content.len().to_string());
        assert_eq!(std::sync::Arc::strong_count(&kept), 2);
        let body = axum::body::to_bytes(sent.into_body(), usize::MAX).await.unwrap();
        assert!(body == content);
        assert_eq!(std::sync::Arc::strong_count(&kept), 1);
    }
}
