//! Flat files, which have nothing but their length to be checked by.

use fedwit_tensor::formats::{self, Expected, Format, Limits};
use fedwit_tensor::{Builder, DType, Layout, Parameters};

use crate::models::{assert_same, layout, model, read_as, refusal, tensor, values, written};

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn singles(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn mixed() -> Layout {
    layout([
        tensor("weight", DType::F32, &[2, 1]),
        tensor("steps", DType::I64, &[]),
        tensor("none", DType::U8, &[0]),
        tensor("half", DType::F16, &[1]),
    ])
}

#[test]
fn the_length_tells_float64_from_float32() {
    let numbers = [0.5, -1.5, 3.0, 0.25];
    for (file, format) in
        [(doubles(&numbers), Format::FlatFloat64), (singles(&numbers.map(|number| number as f32)), Format::FlatFloat32)]
    {
        let read = read_as(&file, &mixed()).expect("reads");
        assert_eq!(read.format, format);
        assert_eq!(values(&read.parameters, "weight"), singles(&[0.5, -1.5]));
        assert_eq!(values(&read.parameters, "steps"), 3_i64.to_le_bytes());
        assert!(values(&read.parameters, "none").is_empty());
        assert_eq!(values(&read.parameters, "half"), half::f16::from_f32(0.25).to_le_bytes());
        assert_eq!(written(&read.parameters, format), file);
    }
}

#[test]
fn values_that_fit_the_dtype_stay_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.bin");
    std::fs::write(&path, doubles(&[1.0, 2.0])).expect("writes");
    let layout = layout([tensor("0", DType::F64, &[2])]);
    let read = formats::read(&path, &Expected::Layout(&layout), None).expect("reads");
    assert_eq!(read.parameters.heap_bytes(), 0);
}

#[test]
fn a_seed_is_one_tensor_of_the_format_that_is_said() {
    let seed = |bytes: &[u8], flat| formats::read_bytes(bytes.to_vec(), &Expected::Seed(Limits::default()), flat);
    let read = seed(&singles(&[1.0, 2.0, 3.0]), Some(Format::FlatFloat32)).expect("reads").parameters;
    assert_eq!(read.layout().tensors(), [tensor("0", DType::F32, &[3])]);
    let refused = seed(&[0; 12], Some(Format::FlatFloat64)).expect_err("no whole values").to_string();
    assert_eq!(refused, "12 bytes are not whole values of flat float64");
    let refused = seed(&[0; 12], Some(Format::Npz)).expect_err("not a flat format").to_string();
    assert_eq!(refused, "neither safetensors nor npz, and nothing says which flat format it is");
    let limits = Limits { max_model_size: 11, ..Limits::default() };
    let refused = formats::read_bytes(vec![0; 12], &Expected::Seed(limits), Some(Format::FlatFloat32));
    assert_eq!(refused.expect_err("too large").to_string(), "12 bytes of values are more than the 11 allowed");
}

#[test]
fn what_is_said_must_fit_the_layout() {
    let model = layout([tensor("0", DType::F32, &[3])]);
    let read = formats::read_bytes(vec![0; 12], &Expected::Layout(&model), Some(Format::FlatFloat64));
    assert_eq!(read.expect_err("another format").to_string(), "12 bytes of flat float64 are not the model's 3 values");
    for length in [0, 11, 13, 23, 25, 1000] {
        let refused = refusal(&vec![0; length], Some(&model));
        let expected = "are not the model's 3 values as float64 or float32";
        assert!(refused.ends_with(expected) && refused.contains(&length.to_string()), "{refused}");
    }
}

#[test]
fn a_value_that_an_integer_cannot_hold_is_refused_by_name() {
    for value in [f64::NAN, f64::INFINITY, 1e300, -9.3e18] {
        let refused = refusal(&doubles(&[0.0, 0.0, value, 0.0]), Some(&mixed()));
        assert_eq!(refused, format!("tensor `steps` has the value {value}, which int64 cannot hold"));
    }
}

fn single<const N: usize>(dtype: DType, value: [u8; N]) -> Parameters {
    let mut builder = Builder::zeros(&layout([tensor("w", dtype, &[])]));
    builder.write("w", 0, &value).expect("fits");
    builder.build()
}

#[test]
fn a_value_that_the_format_cannot_hold_is_refused_by_name() {
    let refused = |parameters: &Parameters, format| {
        let mut out = std::io::Cursor::new(Vec::new());
        formats::write_to(&mut out, parameters, format, &Default::default()).map_err(|fault| fault.to_string())
    };
    let large = single(DType::F64, 1e300_f64.to_le_bytes());
    assert!(refused(&large, Format::FlatFloat64).is_ok());
    let expected = format!("tensor `w` has the value {}, which float32 cannot hold", 1e300);
    assert_eq!(refused(&large, Format::FlatFloat32), Err(expected));
    let odd = single(DType::I64, ((1_i64 << 53) + 1).to_le_bytes());
    let expected = "tensor `w` has the value 9007199254740992, which float64 cannot hold";
    assert_eq!(refused(&odd, Format::FlatFloat64), Err(expected.to_owned()));
    assert!(refused(&single(DType::I64, i64::MAX.to_le_bytes()), Format::FlatFloat64).is_err());
    assert!(refused(&single(DType::I64, i64::MIN.to_le_bytes()), Format::FlatFloat32).is_ok());
    assert!(refused(&single(DType::U32, u32::MAX.to_le_bytes()), Format::FlatFloat32).is_err());
    assert!(refused(&single(DType::F64, f64::INFINITY.to_le_bytes()), Format::FlatFloat32).is_ok());
}

#[test]
fn models_of_every_float_are_read_back_from_float64() {
    for dtype in DType::ALL.into_iter().filter(|dtype| *dtype != DType::I64) {
        let model = finite(&model(&[dtype]));
        assert_same(&read_as(&written(&model, Format::FlatFloat64), model.layout()).expect("reads").parameters, &model);
    }
}

/// The same model without the not-a-numbers among its bit patterns, whose payload a conversion need not keep.
fn finite(model: &Parameters) -> Parameters {
    model.clamped(-60_000.0, 60_000.0).and_then(|clamped| clamped.settled()).expect("clamps")
}

#[test]
fn numbers_that_look_like_a_header_are_numbers() {
    // A float32 file whose first eight bytes are a plausible length, and whose third value begins with `{"`.
    let mut file = singles(&[1e-40, 0.0, 0.0, 1.0]);
    file[8] = b'{';
    file[9] = b'"';
    let layout = layout([tensor("0", DType::F32, &[4])]);
    assert_eq!(values(&read_as(&file, &layout).expect("reads").parameters, "0"), file);
}
