//! Files that appear whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::{Format, WriteError, WriteFault, flat, npz, safetensors};
use crate::{DType, Parameters};

/// A file that is written and synced, but not in its place yet. Dropped, it leaves nothing behind.
///
/// Who writes several files that belong together stages all of them first: what can go wrong with a file has gone
/// wrong then, before the first one is visible.
#[derive(Debug)]
#[must_use = "a file that is not committed is removed again"]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Puts the file in its place, where it takes over from a file that was there, and syncs the folder.
    ///
    /// # Errors
    /// [`WriteFault::Io`].
    pub fn commit(self) -> Result<(), WriteError> {
        let Self { file, path } = self;
        let rename = || {
            file.persist(&path).map_err(|error| error.error)?;
            sync_folder(folder(&path))
        };
        rename().map_err(|error| WriteError { path: path.clone(), fault: error.into() })
    }
}

/// Writes a file of parameters: beside its place first, then, synced, into it.
///
/// No copy of the model is made in memory. `metadata` goes into safetensors alone, the other formats have no place
/// for it.
///
/// # Errors
/// [`WriteError`] names the path and what is wrong; the path is left as it was.
pub fn write(
    path: &Path,
    parameters: &Parameters,
    format: Format,
    metadata: &BTreeMap<String, String>,
) -> Result<(), WriteError> {
    stage(path, parameters, format, metadata)?.commit()
}

/// As [`write()`], but short of putting the file in its place.
///
/// # Errors
/// [`WriteError`] names the path and what is wrong.
pub fn stage(
    path: &Path,
    parameters: &Parameters,
    format: Format,
    metadata: &BTreeMap<String, String>,
) -> Result<Staged, WriteError> {
    let stage = || {
        let mut file = create(folder(path))?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        write_to(&mut buffered, parameters, format, metadata)?;
        buffered.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Staged { file, path: path.to_owned() })
    };
    stage().map_err(|fault| WriteError { path: path.to_owned(), fault })
}

/// Writes parameters as the bytes of a file of this format; see [`write()`].
///
/// # Errors
/// [`WriteFault`] names the tensor, and what is wrong.
pub fn write_to(
    out: &mut (impl Write + Seek),
    parameters: &Parameters,
    format: Format,
    metadata: &BTreeMap<String, String>,
) -> Result<(), WriteFault> {
    match format {
        Format::Safetensors => safetensors::write(out, parameters, metadata),
        Format::Npz => npz::write(out, parameters),
        Format::FlatFloat64 => flat::write(out, parameters, DType::F64),
        Format::FlatFloat32 => flat::write(out, parameters, DType::F32),
    }
}

/// The folder that a file lies in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file beside the place that it will be renamed into; gone if it never is.
pub(super) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".fedwit-").suffix(".part");
    // Who may read the file is for the umask to say, as for any other file; alone, tempfile makes them private.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// A rename is durable only once its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened as files elsewhere.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
