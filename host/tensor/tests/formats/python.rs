//! The formats' own libraries, in Python: what they write is read, and they read what is written.
//!
//! `FEDWIT_TEST_PYTHON` names an interpreter that has numpy and safetensors.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use fedwit_tensor::formats::{self, Expected, Format, Limits};
use fedwit_tensor::{DType, Parameters};
use serde_json::Value;

use crate::models::{model, numpy_dtypes, values};

/// What a script prints, which has to be JSON. `describe` and `make` are there for it, see below.
fn run(script: &str, arguments: &[&Path]) -> Value {
    let python = std::env::var_os("FEDWIT_TEST_PYTHON")
        .expect("FEDWIT_TEST_PYTHON must name a Python that has numpy and safetensors; `cargo xtask test` sets it");
    let output = Command::new(&python)
        .arg("-c")
        .arg(format!("{PRELUDE}\n{script}"))
        .args(arguments)
        .output()
        .expect("FEDWIT_TEST_PYTHON can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed: {errors}", python.display());
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

const PRELUDE: &str = r#"
import io, json, sys
import numpy as np

def describe(arrays):
    """Each array's dtype, shape and values, the latter as hexadecimal little-endian bytes in row-major order."""
    def one(array):
        array = np.asarray(array)
        values = array.astype(array.dtype.newbyteorder("<")).tobytes(order="C").hex()
        return {"dtype": array.dtype.newbyteorder("=").name, "shape": list(array.shape), "values": values}
    print(json.dumps({name: one(array) for name, array in arrays.items()}))

def make(dtypes):
    """Arrays of all kinds of shapes and byte orders, of many bit patterns."""
    random = np.random.default_rng(7)
    def values(dtype, *shape):
        size = np.dtype(dtype).itemsize
        count = int(np.prod(shape, dtype=int))
        return np.frombuffer(random.bytes(count * size), dtype=dtype).reshape(shape)
    arrays = {}
    for name in dtypes:
        arrays[name + ".matrix"] = values(name, 7, 5)
        arrays[name + ".scalar"] = values(name)
        arrays[name + ".empty"] = values(name, 3, 0, 2)
        arrays[name + ".vector"] = values(name, 1)
        arrays[name + ".large"] = values(name, 3, 100, 401)
        arrays[name + ".fortran"] = np.asfortranarray(values(name, 2, 3, 4, 5))
        arrays[name + ".fortran_large"] = np.asfortranarray(values(name, 301, 200))
        big = np.dtype(name).newbyteorder(">")
        arrays[name + ".big_endian"] = values(name, 4, 9).astype(big)
        arrays[name + ".big_fortran"] = np.asfortranarray(values(name, 4, 9).astype(big))
        arrays[name + ".sliced"] = values(name, 8, 8)[::2, ::-1]
    return arrays

ALL = ["float64", "float32", "float16", "int64", "uint32", "uint8"]
"#;

fn description(parameters: &Parameters) -> Value {
    let describe = |tensor: &fedwit_tensor::TensorType| {
        let values: String = values(parameters, &tensor.name).iter().map(|byte| format!("{byte:02x}")).collect();
        let dtype = tensor.dtype.name();
        (tensor.name.clone(), serde_json::json!({ "dtype": dtype, "shape": tensor.shape, "values": values }))
    };
    Value::Object(parameters.layout().tensors().iter().map(describe).collect())
}

fn seed(path: &Path) -> Parameters {
    formats::read(path, &Expected::Seed(Limits::default()), None).expect("reads").parameters
}

#[track_caller]
fn assert_same(parameters: &Parameters, expected: &Value) {
    let found = description(parameters);
    let (Value::Object(found), Value::Object(expected)) = (&found, expected) else { panic!("two objects") };
    for (name, expected) in expected {
        let found = found.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(found == expected, "{name} differs");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn what_numpy_writes_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    for save in ["savez", "savez_compressed"] {
        let script = format!("arrays = make(ALL); np.{save}(sys.argv[1], **arrays); describe(arrays)");
        let expected = run(&script, &[&path]);
        let read = seed(&path);
        assert_same(&read, &expected);
        assert_eq!(read.layout().tensors().len(), 60);
        assert_eq!(read.layout().tensors()[0].name, "float64.matrix", "in the order in which they were given");
        let update = formats::read(&path, &Expected::Layout(read.layout()), None).expect("reads").parameters;
        assert_same(&update, &expected);
    }
}

#[test]
fn what_numpy_writes_to_a_stream_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    // Where the writer cannot go back, sizes and checksums follow the data.
    let script = r#"
class Stream(io.RawIOBase):
    def __init__(self, file): self.file = file
    def writable(self): return True
    def seekable(self): return False
    def write(self, data): return self.file.write(data)
arrays = make(["float32", "uint8"])
with open(sys.argv[1], "wb") as file:
    np.savez_compressed(Stream(file), **arrays)
describe(arrays)
"#;
    let expected = run(script, &[&path]);
    assert_same(&seed(&path), &expected);
}

#[test]
fn what_numpy_writes_in_every_version_of_its_format_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    let script = r#"
import zipfile
arrays = {str(version[0]): make(["float32"])["float32.fortran"] for version in [(1, 0), (2, 0), (3, 0)]}
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for name, array in arrays.items():
        with archive.open(name + ".npy", "w") as entry:
            np.lib.format.write_array(entry, array, version=(int(name), 0))
describe(arrays)
"#;
    let expected = run(script, &[&path]);
    assert_same(&seed(&path), &expected);
}

#[test]
fn what_numpy_writes_without_counterpart_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    for (array, descr) in [
        ("np.zeros(2, np.int32)", "<i4"),
        ("np.zeros(2, bool)", "|b1"),
        ("np.zeros(2, np.complex64)", "<c8"),
        ("np.array([{}], object)", "|O"),
        ("np.array(['abc'])", "<U3"),
        ("np.zeros(2, np.int16)", "<i2"),
        ("np.zeros(2, '>u8')", ">u8"),
        ("np.zeros(2, 'datetime64[s]')", "<M8[s]"),
        ("np.zeros(2, [('x', '<f4')])", "[(\\'x\\', \\'<f4\\')], \\'fortran_order\\': False, \\'shape\\': (2,), }"),
    ] {
        run(&format!("np.savez(sys.argv[1], w=np.zeros(2), bad={array}); print(0)"), &[&path]);
        let refused = formats::read(&path, &Expected::Seed(Limits::default()), None).expect_err("no counterpart");
        let refused = refused.to_string();
        let expected = format!("{}: entry `bad.npy`: dtype `{descr}", path.display());
        assert!(refused.starts_with(&expected) && refused.ends_with("has no counterpart here"), "{refused}");
    }
}

#[test]
fn numpy_reads_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    let model = model(&numpy_dtypes());
    formats::write(&path, &model, Format::Npz, &BTreeMap::new()).expect("writes");
    let script = r#"
import zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
with np.load(sys.argv[1], allow_pickle=False) as archive:
    assert all(array.flags.c_contiguous for array in archive.values())
    describe(archive)
"#;
    let read = run(script, &[&path]);
    assert_same(&model, &read);
}

#[test]
fn a_list_of_weights_goes_there_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (there, back) = (folder.path().join("there.npz"), folder.path().join("back.npz"));
    // As clients have it: a list of arrays, by their number.
    let save = r#"
weights = [np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4) for _ in range(12)]
np.savez_compressed(sys.argv[1], **{str(i): w for i, w in enumerate(weights)})
describe({str(i): w for i, w in enumerate(weights)})
"#;
    let expected = run(save, &[&there]);
    let read = seed(&there);
    assert_same(&read, &expected);
    formats::write(&back, &read, Format::Npz, &BTreeMap::new()).expect("writes");
    let load = "
with np.load(sys.argv[1]) as archive:
    weights = [archive[str(i)] for i in range(len(archive.files))]
    describe({str(i): w for i, w in enumerate(weights)})
";
    assert_same(&read, &run(load, &[&back]));
}

#[test]
fn flat_files_go_there_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.bin");
    for (format, name, dtype) in
        [(Format::FlatFloat64, "float64", DType::F64), (Format::FlatFloat32, "float32", DType::F32)]
    {
        let script =
            format!("w = np.linspace(-1, 1, 10007, dtype='{name}'); w.tofile(sys.argv[1]); describe({{'0': w}})");
        let expected = run(&script, &[&path]);
        let seed = Expected::Seed(Limits::default());
        let read = formats::read(&path, &seed, Some(format)).expect("reads").parameters;
        assert_eq!(read.layout().tensors()[0].dtype, dtype);
        assert_same(&read, &expected);
        formats::write(&path, &read.cast(DType::F64).expect("widens"), format, &BTreeMap::new()).expect("writes");
        assert_same(&read, &run(&format!("describe({{'0': np.fromfile(sys.argv[1], '{name}')}})"), &[&path]));
    }
}

#[test]
fn what_safetensors_writes_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let script = r#"
from safetensors.numpy import save_file
arrays = {name: np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))) for name, array in make(ALL).items()}
# A scalar that was made contiguous has one dimension.
arrays = {name: array.reshape(()) if name.endswith("scalar") else array for name, array in arrays.items()}
save_file(arrays, sys.argv[1], metadata={"format": "np"})
describe(arrays)
"#;
    let expected = run(script, &[&path]);
    let read = formats::read(&path, &Expected::Seed(Limits::default()), None).expect("reads");
    assert_same(&read.parameters, &expected);
    assert_eq!(read.metadata, BTreeMap::from([("format".to_owned(), "np".to_owned())]));
}

#[test]
fn safetensors_reads_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let model = model(&numpy_dtypes());
    let metadata = BTreeMap::from([("round".to_owned(), "3".to_owned())]);
    formats::write(&path, &model, Format::Safetensors, &metadata).expect("writes");
    let script = r#"
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as file:
    assert file.metadata() == {"round": "3"}
    describe({name: file.get_tensor(name) for name in file.keys()})
"#;
    assert_same(&model, &run(script, &[&path]));
}
