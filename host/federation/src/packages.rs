//! The code that clients run.

use fedwit_domain::{ModelFormat, PackageId};
use fedwit_store::NewPackage;

use crate::{Federation, FederationError, Upload};

/// What a package's file may be called: clients unpack by the ending.
const ENDINGS: [&str; 4] = [".tgz", ".tar.gz", ".tar.bz2", ".zip"];

/// A package that has come in.
pub struct NewPackageFile {
    /// The archive, all of it written.
    pub file: Upload,
    /// What the file is called.
    pub file_name: String,
    /// A name for people.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// What its clients read.
    pub format: ModelFormat,
}

impl Federation {
    /// Takes a package, which becomes the one that clients are given.
    ///
    /// # Errors
    /// [`FederationError::Invalid`] for a name that is none.
    pub async fn add_package(&self, package: NewPackageFile) -> Result<PackageId, FederationError> {
        let NewPackageFile { file, file_name, name, description, format } = package;
        check(&file_name, &name, &description)?;
        if file.written() == 0 {
            return Err(invalid("the file is empty"));
        }
        let blob = file.into_blob().await?;
        let (id, at) = (PackageId::random(), self.now());
        let new = NewPackage { id, name, description, file_name, format, blob, at };
        self.store().add_package(new).await?;
        tracing::info!(package.id = %id, size_bytes = blob.size_bytes, "package {id}");
        Ok(id)
    }
}

/// The name goes into a header, and from there into a client's file system.
fn check(file_name: &str, name: &str, description: &str) -> Result<(), FederationError> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-+ ".contains(character);
    if !(1..=200).contains(&file_name.len()) || !file_name.chars().all(plain) || file_name.starts_with('.') {
        return Err(invalid(&format!("{file_name:.80?} is no name of a file")));
    }
    if !ENDINGS.iter().any(|ending| file_name.ends_with(ending)) {
        return Err(invalid(&format!("{file_name:?} ends in none of {}", ENDINGS.join(", "))));
    }
    if name.len() > 256 || description.len() > 4096 {
        return Err(invalid("a name has at most 256 bytes, and a description 4096"));
    }
    Ok(())
}

fn invalid(problem: &str) -> FederationError {
    FederationError::Invalid { what: "package", problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_no_path_and_no_header() {
        for good in ["package.tgz", "a-b_c 1.0.tar.gz", "x.zip", "x.tar.bz2"] {
            assert!(check(good, "", "").is_ok(), "{good}");
        }
        for bad in ["", ".tgz", "../x.tgz", "a/b.tgz", "a\"b.tgz", "a\r\nb.tgz", "x.exe", "x"] {
            assert!(check(bad, "", "").is_err(), "{bad}");
        }
    }
}
