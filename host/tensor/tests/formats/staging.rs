//! Files in their places: whole, or not there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fedwit_tensor::DType;
use fedwit_tensor::formats::{self, Expected, Format, Limits, TranscodeError};

use crate::archive::{Archive, Entry, array};
use crate::models::{assert_same, layout, model, tensor};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn a_staged_file_appears_when_it_is_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    fs::write(&path, "what was there").expect("writes");
    let model = model(&DType::ALL);
    let metadata = BTreeMap::from([("round".to_owned(), "7".to_owned())]);

    let staged = formats::stage(&path, &model, Format::Safetensors, &metadata).expect("stages");
    assert_eq!(fs::read(&path).expect("still there"), b"what was there");
    staged.commit().expect("commits");
    assert_eq!(names(folder.path()), ["model.safetensors"]);

    let read = formats::read(&path, &Expected::Seed(Limits::default()), None).expect("reads");
    assert_same(&read.parameters, &model);
    assert_eq!(read.metadata, metadata);
    assert_eq!(read.parameters.heap_bytes(), 0, "the values stay in the file");
}

#[test]
fn a_file_that_is_not_committed_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    let model = model(&[DType::F32]);
    drop(formats::stage(&path, &model, Format::Npz, &BTreeMap::new()).expect("stages"));
    assert_eq!(names(folder.path()), [""; 0]);

    let bad = crate::models::model(&[DType::BF16]);
    let refused = formats::write(&path, &bad, Format::Npz, &BTreeMap::new()).expect_err("npz has no bfloat16");
    assert!(refused.to_string().starts_with(&format!("{}: tensor `bfloat16.weight`", path.display())), "{refused}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_model_may_be_written_over_the_file_it_is_mapped_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let model = model(&DType::ALL);
    formats::write(&path, &model, Format::Safetensors, &BTreeMap::new()).expect("writes");
    let read = formats::read(&path, &Expected::Layout(model.layout()), None).expect("reads").parameters;
    formats::write(&path, &read, Format::Safetensors, &BTreeMap::new()).expect("writes");
    assert_same(&read, &model);
    let again = formats::read(&path, &Expected::Layout(model.layout()), None).expect("reads").parameters;
    assert_same(&again, &model);
}

#[cfg(unix)]
#[test]
fn a_file_may_be_read_by_whom_the_umask_says() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, path) = (folder.path().join("plain"), folder.path().join("model.npz"));
    fs::write(&plain, "").expect("writes");
    formats::write(&path, &model(&[DType::F32]), Format::Npz, &BTreeMap::new()).expect("writes");
    let mode = |path| fs::metadata(path).expect("there").permissions().mode();
    assert_eq!(mode(&path), mode(&plain));
}

#[test]
fn errors_name_the_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.npz");
    let seed = Expected::Seed(Limits::default());
    let missing = formats::read(&path, &seed, None).expect_err("no such file").to_string();
    assert!(missing.starts_with(&format!("{}: cannot be read: ", path.display())), "{missing}");
    fs::write(&path, "what is this").expect("writes");
    let unknown = formats::read(&path, &seed, None).expect_err("no model").to_string();
    let text = "neither safetensors nor npz, and nothing says which flat format it is";
    assert_eq!(unknown, format!("{}: {text}", path.display()));
    let three = layout([tensor("a", DType::F32, &[4])]);
    let unknown = formats::read(&path, &Expected::Layout(&three), None).expect_err("no model").to_string();
    let text = "neither safetensors nor npz, and its 12 bytes are not the model's 4 values as float64 or float32";
    assert_eq!(unknown, format!("{}: {text}", path.display()));
    let nowhere = folder.path().join("none").join("model.npz");
    let refused = formats::write(&nowhere, &model(&[DType::F32]), Format::Npz, &BTreeMap::new());
    let refused = refused.expect_err("no such folder").to_string();
    assert!(refused.starts_with(&format!("{}: cannot be written: ", nowhere.display())), "{refused}");
}

#[test]
fn formats_are_asked_for_by_the_ending() {
    let asked = |name: &str| Format::from_ending(Path::new(name));
    assert_eq!(asked("a/model.safetensors"), Some(Format::Safetensors));
    assert_eq!(asked("model.npz"), Some(Format::Npz));
    assert_eq!(asked("model.bin"), Some(Format::FlatFloat64));
    assert_eq!(asked("model.f64"), Some(Format::FlatFloat64));
    assert_eq!(asked("model.f32"), Some(Format::FlatFloat32));
    assert_eq!((asked("model.pt"), asked("npz"), asked("")), (None, None, None));
}

#[test]
fn a_file_that_is_refused_leaves_no_cache_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, cache) = (folder.path().join("update.npz"), folder.path().join("cache"));
    let expected = layout([tensor("a", DType::F32, &[2]), tensor("b", DType::F32, &[2])]);
    let deflated = |name: &str| Entry::deflated(name, &array("<f8", "(2,)", &[0; 16]));
    let mut damaged = deflated("b.npy");
    damaged.checksum ^= 1;
    for (entries, fault) in [
        (vec![deflated("a.npy")], "tensor `b` is missing"),
        (vec![deflated("a.npy"), damaged], "entry `b.npy`: it cannot be unpacked: Invalid checksum"),
    ] {
        fs::write(&path, Archive::of(entries).bytes()).expect("writes");
        let refused = formats::transcode(&path, &cache, &Expected::Update(&expected), None).expect_err("refused");
        assert!(matches!(&refused, TranscodeError::Read(error) if error.fault.to_string() == fault), "{refused}");
        assert_eq!(names(folder.path()), ["update.npz"]);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_no_fault_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, cache) = (folder.path().join("update.npz"), folder.path().join("none").join("cache"));
    let expected = layout([tensor("a", DType::F32, &[2])]);
    fs::write(&path, Archive::of([Entry::deflated("a.npy", &array("<f4", "(2,)", &[0; 8]))]).bytes()).expect("writes");
    let refused = formats::transcode(&path, &cache, &Expected::Layout(&expected), None).expect_err("no such folder");
    assert!(matches!(&refused, TranscodeError::Write(error) if error.path == cache), "{refused}");
}
