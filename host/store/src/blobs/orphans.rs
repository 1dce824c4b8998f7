//! Finding what a crash has left.

use std::fs::DirEntry;
use std::io;
use std::path::Path;
use std::time::Duration;

use fedwit_domain::Digest;

/// The blobs below a folder that were written longer ago than a grace. What is no blob is left alone.
pub(super) fn older_than(folder: &Path, grace: Duration) -> io::Result<Vec<Digest>> {
    let mut old = Vec::new();
    for prefix in std::fs::read_dir(folder)? {
        let prefix = prefix?;
        if !prefix.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(prefix.path())? {
            let file = file?;
            let digest = file.file_name().to_str().and_then(|name| name.parse::<Digest>().ok());
            if let Some(digest) = digest
                && age(&file)?.is_some_and(|age| age > grace)
            {
                old.push(digest);
            }
        }
    }
    Ok(old)
}

/// How long ago a file was written. None if it is gone meanwhile, or if the clock was set back.
fn age(file: &DirEntry) -> io::Result<Option<Duration>> {
    match file.metadata() {
        Ok(meta) => Ok(meta.modified()?.elapsed().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
