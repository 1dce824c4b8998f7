//! Where files lie as they are: while they come in, and as working copies of what is kept in another way.
//!
//! That may be a folder of memory (tmpfs), so that nothing lies on the disk but what the adapter has put there. Others may
//! be able to write where such a folder is made, and its name can be foreseen; so it must be this user's own, and closed
//! to all others, before anything is written to it.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The folder below the data folder for what is on its way to its place at rest.
pub(crate) const PUTS: &str = "spool";

/// Folders that are emptied whenever a server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scratch {
    /// For files that come in or are made.
    pub(crate) spool: PathBuf,
    /// For working copies.
    pub(crate) copies: PathBuf,
}

impl Scratch {
    /// Those in a data folder, or in another place; made anew, with nothing in them.
    pub(crate) fn make(data: &Path, elsewhere: Option<&Path>) -> io::Result<Self> {
        let own = Self::below(data);
        // A server that had them here may have left something.
        empty(&own.copies)?;
        empty(&own.spool)?;
        DirBuilder::new().recursive(true).create(&own.spool)?;
        let Some(elsewhere) = elsewhere else {
            make_private(&own.copies, &own.spool)?;
            return Ok(own);
        };
        let there = Self::below(&elsewhere.canonicalize()?.join(format!("fedwit-{}", name(data))));
        if let Some(folder) = there.spool.parent() {
            make_private(folder, &own.spool)?;
        }
        for folder in [&there.spool, &there.copies] {
            empty(folder)?;
            make_private(folder, &own.spool)?;
        }
        Ok(there)
    }

    fn below(folder: &Path) -> Self {
        Self { spool: folder.join(PUTS), copies: folder.join("copies") }
    }
}

/// One data folder, one name.
fn name(data: &Path) -> String {
    let hash = Sha256::digest(data.as_os_str().as_encoded_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn empty(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes a folder that is this user's alone, or sees to it that the one that is there is.
#[cfg(unix)]
fn make_private(folder: &Path, own: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};

    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    // Not what a link leads to.
    let found = std::fs::symlink_metadata(folder)?;
    // A new file is of the user that this process is.
    let sample = own.join(format!("owner-{}", Uuid::new_v4()));
    let user = std::fs::File::create_new(&sample)?.metadata()?.uid();
    std::fs::remove_file(&sample)?;
    if !found.is_dir() || found.uid() != user {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not a folder of this server's user", folder.display()),
        ));
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(folder: &Path, _: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn whatever_was_left_is_gone_wherever_it_was() {
        let (data, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let here = Scratch::make(data.path(), None).unwrap();
        let there = Scratch::make(data.path(), Some(memory.path())).unwrap();
        assert!(here.copies.starts_with(data.path()) && there.copies.starts_with(memory.path()));
        for folder in [&there.spool, &there.copies] {
            std::fs::write(folder.join("plain"), b"weights").unwrap();
        }
        std::fs::create_dir_all(&here.copies).unwrap();
        std::fs::write(here.copies.join("plain"), b"weights").unwrap();
        std::fs::write(here.spool.join("plain"), b"weights").unwrap();
        // What is not this server's stays.
        std::fs::write(memory.path().join("other"), b"").unwrap();

        assert_eq!(Scratch::make(data.path(), Some(memory.path())).unwrap(), there);
        for folder in [&there.spool, &there.copies, &here.spool] {
            assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "{}", folder.display());
        }
        assert!(!here.copies.exists() && memory.path().join("other").exists());
        let another = tempfile::tempdir().unwrap();
        assert_ne!(Scratch::make(another.path(), Some(memory.path())).unwrap(), there);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_look_into_it() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

        let (data, memory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let there = Scratch::make(data.path(), Some(memory.path())).unwrap();
        let folder = there.spool.parent().unwrap().to_owned();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        Scratch::make(data.path(), Some(memory.path())).unwrap();
        for folder in [&folder, &there.spool, &there.copies] {
            assert_eq!(std::fs::metadata(folder).unwrap().mode() & 0o777, 0o700, "{}", folder.display());
        }
        std::fs::remove_dir_all(&folder).unwrap();
        symlink(data.path(), &folder).unwrap();
        let error = Scratch::make(data.path(), Some(memory.path())).unwrap_err();
        assert!(error.to_string().contains(&folder.display().to_string()), "{error}");
    }
}
