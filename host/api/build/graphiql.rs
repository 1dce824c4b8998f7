//! Puts the GraphiQL page into the crate, if what it is made of is there.
//!
//! `cargo xtask graphiql` leaves it in the folder `graphiql/assets` of Cargo's target folder; `FEDWIT_GRAPHIQL` names
//! another. A build never fetches anything by itself, and goes on without the page.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Our own part of the page.
const PAGE: [&str; 3] = ["index.html", "graphiql.css", "graphiql.js"];

/// Where another folder is named.
const VARIABLE: &str = "FEDWIT_GRAPHIQL";

/// Writes `graphiql.rs` to `OUT_DIR`: the static `ASSETS`, a name, a content type and the bytes of each file; empty
/// where the bundles are missing.
pub(crate) fn embed() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let page = manifest.join("graphiql");
    let mut files: Vec<PathBuf> = PAGE.iter().map(|name| page.join(name)).collect();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let bundles = bundles(&out)?;
    if bundles.is_empty() {
        files.clear();
    }
    files.extend(bundles);
    fs::write(out.join("graphiql.rs"), source(&files)?)?;
    Ok(())
}

fn bundles(out: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let folder = match std::env::var_os(VARIABLE) {
        Some(folder) => std::path::absolute(folder)?,
        None => {
            let Some(target) = target(out) else { return Ok(Vec::new()) };
            let folder = target.join("graphiql").join("assets");
            if !folder.exists() {
                // Cargo takes a folder that is missing for one that has changed, and would build this crate each time;
                // and one that is newer than this build, once more.
                fs::create_dir_all(&folder)?;
                fs::File::open(&folder)?.set_modified(SystemTime::UNIX_EPOCH)?;
            }
            folder
        }
    };
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

/// Cargo's target folder. With `--target` there is one folder more between it and `OUT_DIR`, so it is told by what
/// Cargo keeps in it.
fn target(out: &Path) -> Option<&Path> {
    let kept = [".rustc_info.json", "CACHEDIR.TAG"];
    out.ancestors().find(|folder| kept.iter().any(|file| folder.join(file).is_file()))
}

fn source(files: &[PathBuf]) -> Result<String, Box<dyn Error>> {
    let mut source = String::from(
        "/// The files of the GraphiQL page: name, content type, bytes. Empty where it was built without them.\n\
         pub(crate) static ASSETS: &[(&str, &str, &[u8])] = &[\n",
    );
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).ok_or("a file's name is not UTF-8")?;
        let path = file.to_str().ok_or("a file's path is not UTF-8")?;
        writeln!(source, "    ({name:?}, {:?}, include_bytes!({path:?})),", content_type(name)?)?;
    }
    source += "];\n";
    Ok(source)
}

fn content_type(name: &str) -> Result<&'static str, String> {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => Ok("text/html; charset=utf-8"),
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("txt") => Ok("text/plain; charset=utf-8"),
        _ => Err(format!("`{name}` is none of the page's kinds of file")),
    }
}
