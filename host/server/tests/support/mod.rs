//! Runs the real binary, and makes the files that it is given.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fedwit_tensor::formats::{self, Expected, Format, Limits};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};
use tempfile::TempDir;

/// Tensors by name: shape and values.
pub(crate) type Tensors = Vec<(String, Vec<usize>, Vec<f64>)>;

/// A folder of a test's own, and the binary in it.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `fedwit` in the folder, so that arguments may name files shortly.
    pub(crate) fn fedwit<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_fedwit"))
            .args(arguments)
            .current_dir(self.folder.path())
            // One for all tests: a component is compiled once.
            .env("FEDWIT_PLUGIN_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/plugin-cache"))
            .env_remove("FEDWIT_MAX_MODEL_SIZE")
            .output()
            .unwrap();
        Run(output)
    }

    /// Writes a model in the format of the name's ending.
    pub(crate) fn write(&self, name: &str, dtype: DType, tensors: &Tensors) {
        let path = self.path(name);
        formats::write(&path, &parameters(dtype, tensors), Format::from_ending(&path).unwrap(), &BTreeMap::new())
            .unwrap();
    }

    /// The dtypes of a model file, and its values in float64.
    pub(crate) fn read(&self, name: &str) -> (Vec<DType>, Tensors) {
        read(&self.path(name))
    }
}

/// How a run ended.
pub(crate) struct Run(Output);

impl Run {
    #[track_caller]
    pub(crate) fn succeeds(&self) -> String {
        assert_eq!(self.0.status.code(), Some(0), "{}", self.stderr());
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    /// Exits with `code`, and says each of these on standard error.
    #[track_caller]
    pub(crate) fn fails_with(&self, code: i32, said: &[&str]) {
        let stderr = self.stderr();
        assert_eq!(self.0.status.code(), Some(code), "{stderr}");
        for text in said {
            assert!(stderr.contains(text), "no `{text}` in: {stderr}");
        }
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

pub(crate) fn parameters(dtype: DType, tensors: &Tensors) -> Parameters {
    let kinds = tensors.iter().map(|(name, shape, _)| TensorType {
        name: name.clone(),
        dtype: DType::F64,
        shape: shape.clone(),
    });
    let mut builder = Builder::zeros(&Layout::new(kinds.collect()).unwrap());
    for (name, _, values) in tensors {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        builder.write(name, 0, &bytes).unwrap();
    }
    builder.build().cast(dtype).unwrap()
}

fn read(path: &Path) -> (Vec<DType>, Tensors) {
    let parameters = formats::read(path, &Expected::Seed(Limits::default()), None).unwrap().parameters;
    let dtypes = parameters.layout().tensors().iter().map(|tensor| tensor.dtype).collect();
    let wide = parameters.cast(DType::F64).unwrap();
    let tensors = wide.layout().tensors().iter().map(|tensor| {
        let bytes = wide.read(&tensor.name, 0, tensor.elements() as u64).unwrap();
        let values = bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        (tensor.name.clone(), tensor.shape.clone(), values)
    });
    (dtypes, tensors.collect())
}

/// A model of one scalar.
pub(crate) fn scalar(value: f64) -> Tensors {
    vec![("0".to_owned(), vec![], vec![value])]
}
