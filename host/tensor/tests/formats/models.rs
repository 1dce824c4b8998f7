//! Models to read and write, and how they are compared.

use std::collections::BTreeMap;
use std::io::Cursor;

use fedwit_tensor::formats::{self, Expected, Format, Limits, ReadFault, ReadModel};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};

pub(crate) fn tensor(name: &str, dtype: DType, shape: &[usize]) -> TensorType {
    TensorType { name: name.to_owned(), dtype, shape: shape.to_vec() }
}

pub(crate) fn layout(tensors: impl IntoIterator<Item = TensorType>) -> Layout {
    Layout::new(tensors.into_iter().collect()).expect("a layout")
}

/// One tensor each of these dtypes, a scalar and one without elements among them, filled with many bit patterns.
pub(crate) fn model(dtypes: &[DType]) -> Parameters {
    let tensors = dtypes.iter().flat_map(|dtype| {
        [
            tensor(&format!("{dtype}.weight"), *dtype, &[3, 5, 2]),
            tensor(&format!("{dtype}.scalar"), *dtype, &[]),
            tensor(&format!("{dtype}.empty"), *dtype, &[4, 0]),
        ]
    });
    let layout = layout(tensors);
    let mut builder = Builder::zeros(&layout);
    for (seed, tensor) in layout.tensors().iter().enumerate() {
        let bytes: Vec<u8> = (0..tensor.bytes()).map(|index| (index * 89 + seed * 31) as u8).collect();
        builder.write(&tensor.name, 0, &bytes).expect("fits");
    }
    builder.build()
}

/// Every dtype that NumPy has too.
pub(crate) fn numpy_dtypes() -> Vec<DType> {
    DType::ALL.into_iter().filter(|dtype| *dtype != DType::BF16).collect()
}

/// The bytes of all values of a tensor.
pub(crate) fn values(parameters: &Parameters, name: &str) -> Vec<u8> {
    let position = parameters.layout().position(name).expect("there is such a tensor");
    let elements = parameters.layout().tensors()[position].elements() as u64;
    parameters.read(name, 0, elements).expect("reads")
}

pub(crate) fn assert_same(left: &Parameters, right: &Parameters) {
    assert_eq!(left.layout(), right.layout());
    for tensor in left.layout().tensors() {
        assert_eq!(values(left, &tensor.name), values(right, &tensor.name), "values of {}", tensor.name);
    }
}

pub(crate) fn written(parameters: &Parameters, format: Format) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    formats::write_to(&mut file, parameters, format, &BTreeMap::new()).expect("writes");
    file.into_inner()
}

pub(crate) fn read_seed(bytes: &[u8]) -> Result<ReadModel, ReadFault> {
    let limits = Limits { max_model_size: 1 << 20, max_tensors: 100 };
    formats::read_bytes(bytes.to_vec(), &Expected::Seed(limits), None)
}

pub(crate) fn read_as(bytes: &[u8], layout: &Layout) -> Result<ReadModel, ReadFault> {
    formats::read_bytes(bytes.to_vec(), &Expected::Layout(layout), None)
}

/// What is wrong with a file, which something has to be; read as a seed, and as the layout where there is one.
pub(crate) fn refusal(bytes: &[u8], layout: Option<&Layout>) -> String {
    let read = match layout {
        Some(layout) => read_as(bytes, layout),
        None => read_seed(bytes),
    };
    read.expect_err("a hostile file").to_string()
}
