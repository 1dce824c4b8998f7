//! What an operator entrusts to plugins: a folder with a file for each secret, as container platforms mount them.
//!
//! A file's name is the secret's, and its bytes are the secret, all of them. They are read when a plugin is granted the
//! secret, and are nowhere shown: errors name files, and say nothing of what is in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::Permission;

/// Bytes of a secret: keys, certificates and tokens are far smaller.
const MOST_BYTES: u64 = 64 << 10;

/// The secrets that plugins can be granted.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    folder: Option<PathBuf>,
}

/// Why a secret cannot be granted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There are none.
    #[error("there is no secret `{0}`: the server has no folder of secrets")]
    NoFolder(String),
    /// There is no such file.
    #[error("there is no secret `{name}` in {}", folder.display())]
    Missing {
        /// The secret.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// It is no secret if everyone knows it.
    #[error(
        "secret `{0}`: everyone on this machine can read or change its file: take that from others (`chmod o-rwx`)"
    )]
    Exposed(String),
    /// It has no bytes, or too many.
    #[error("secret `{name}`: its file has {bytes} bytes, and a secret has from 1 to {MOST_BYTES}")]
    Size {
        /// The secret.
        name: String,
        /// What there are.
        bytes: u64,
    },
    /// No secret can have this name.
    #[error("{0:.80?} is no name of a secret: 1 to 64 letters, digits, `.`, `_` and `-` are")]
    Name(String),
    /// It cannot be read.
    #[error("secret `{name}`: {error}")]
    Io {
        /// The secret.
        name: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

impl Secrets {
    /// No secrets.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of a folder, which is there.
    ///
    /// # Errors
    /// What the system says, also if it is no folder.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        std::fs::read_dir(folder)?;
        Ok(Self { folder: Some(folder.to_owned()) })
    }

    /// The secret of this name, as it is now.
    ///
    /// # Errors
    /// [`SecretError`] says why it is none.
    pub fn get(&self, name: &str) -> Result<Arc<[u8]>, SecretError> {
        if !Permission::Secret(name.to_owned()).is_well_formed() {
            return Err(SecretError::Name(name.to_owned()));
        }
        let named = || name.to_owned();
        let io = |error| SecretError::Io { name: named(), error };
        let folder = self.folder.as_ref().ok_or_else(|| SecretError::NoFolder(named()))?;
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SecretError::Missing { name: named(), folder: folder.clone() });
            }
            Err(error) => return Err(io(error)),
        };
        // Of what was opened, whatever the name leads to by now.
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(io(io::Error::other("it is no file")));
        }
        if is_exposed(&metadata) {
            return Err(SecretError::Exposed(named()));
        }
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
        match bytes.len() as u64 {
            1..=MOST_BYTES => Ok(bytes.into()),
            read => Err(SecretError::Size { name: named(), bytes: read.max(metadata.len()) }),
        }
    }
}

#[cfg(unix)]
fn is_exposed(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    metadata.mode() & 0o006 != 0
}

#[cfg(not(unix))]
fn is_exposed(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, Secrets) {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::in_folder(folder.path()).unwrap();
        (folder, secrets)
    }

    fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8], mode: u32) {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_is_all_that_is_in_its_file() {
        let (folder, secrets) = folder();
        for (name, mode) in [("key-1", 0o400), ("a.b_c", 0o440), ("x", 0o660)] {
            write(&folder, name, b"hunter2\n", mode);
            assert_eq!(&*secrets.get(name).unwrap(), b"hunter2\n");
        }
        // As Kubernetes mounts them.
        std::fs::create_dir(folder.path().join("..data")).unwrap();
        write(&folder, "..data/linked", b"1", 0o400);
        symlink("..data/linked", folder.path().join("linked")).unwrap();
        assert_eq!(&*secrets.get("linked").unwrap(), b"1");
        write(&folder, "x", b"another", 0o600);
        assert_eq!(&*secrets.get("x").unwrap(), b"another", "it is read anew each time");
    }

    #[test]
    fn what_is_no_secret_is_refused_by_name_and_never_shown() {
        let (folder, secrets) = folder();
        write(&folder, "open", b"hunter2", 0o444);
        write(&folder, "changeable", b"hunter2", 0o602);
        write(&folder, "empty", b"", 0o400);
        write(&folder, "large", &[b'x'; (64 << 10) + 1], 0o400);
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let long = "n".repeat(65);
        for (name, said) in [
            ("open", "everyone"),
            ("changeable", "everyone"),
            ("empty", "0 bytes"),
            ("large", "65537 bytes"),
            ("folder", "no file"),
            ("none", "there is no secret `none` in"),
            ("", "no name"),
            ("..", "no name"),
            ("a/b", "no name"),
            ("../open", "no name"),
            (&long, "no name"),
        ] {
            let error = secrets.get(name).unwrap_err();
            assert!(error.to_string().contains(said), "no `{said}` in: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        assert!(Secrets::none().get("open").unwrap_err().to_string().contains("no folder of secrets"));
        assert!(Secrets::in_folder(&folder.path().join("none")).is_err());
        assert!(Secrets::in_folder(&folder.path().join("open")).is_err());
    }
}
