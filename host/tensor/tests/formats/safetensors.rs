//! safetensors files: our own, those of the crate of that name, and hostile ones put together byte by byte.

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;

use fedwit_tensor::formats::{self, Expected, Format, Limits};
use fedwit_tensor::{DType, Layout, Parameters};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use crate::models::{assert_same, layout, model, read_as, read_seed, refusal, tensor, values, written};

/// A file with any header, and this many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

/// How a file with these members in its header is refused, as a seed and as an update of `w` and `x`.
fn refused(members: &str, data: usize) -> String {
    let file = file(&format!("{{{members}}}"), data);
    let refused = refusal(&file, None);
    let expected = layout([tensor("w", DType::F32, &[2]), tensor("x", DType::F32, &[1])]);
    assert_eq!(refused, refusal(&file, Some(&expected)), "as a seed and as an update");
    refused
}

fn invalid(members: &str) -> String {
    let refused = refused(members, 12);
    refused.strip_prefix("the header is not valid: ").expect(&refused).to_owned()
}

/// Members for `w`, of two float32, and `x`, of one.
const W: &str = r#""w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
const X: &str = r#""x":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}"#;

fn dtype_of(dtype: DType) -> Dtype {
    match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::U32 => Dtype::U32,
        DType::U8 => Dtype::U8,
    }
}

fn by_the_crate(model: &Parameters, metadata: Option<HashMap<String, String>>) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = model.layout().tensors().iter().map(|tensor| values(model, &tensor.name)).collect();
    let views = model.layout().tensors().iter().zip(&bytes).map(|(tensor, bytes)| {
        let view = TensorView::new(dtype_of(tensor.dtype), tensor.shape.clone(), bytes).expect("a view");
        (tensor.name.clone(), view)
    });
    serialize(views, metadata).expect("serializes")
}

#[test]
fn the_crate_reads_what_is_written() {
    let model = model(&DType::ALL);
    let file = written(&model, Format::Safetensors);
    let read = SafeTensors::deserialize(&file).expect("a valid file");
    assert_eq!(read.len(), model.layout().tensors().len());
    for tensor in model.layout().tensors() {
        let view = read.tensor(&tensor.name).expect("there");
        assert_eq!((view.dtype(), view.shape()), (dtype_of(tensor.dtype), &tensor.shape[..]));
        assert_eq!(view.data(), values(&model, &tensor.name));
    }
}

#[test]
fn what_the_crate_writes_is_read() {
    let model = model(&DType::ALL);
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let file = by_the_crate(&model, Some(metadata));
    let read = read_as(&file, model.layout()).expect("reads");
    assert_same(&read.parameters, &model);
    assert_eq!(read.metadata, BTreeMap::from([("format".to_owned(), "pt".to_owned())]));
    let seed = read_seed(&file).expect("reads").parameters;
    assert_same(&seed.ordered_as(model.layout()).expect("the same tensors"), &model);
}

#[test]
fn the_order_of_the_model_survives_and_every_tensor_is_aligned() {
    let mixed = layout([
        tensor("byte", DType::U8, &[3]),
        tensor("größe\n\"".trim_end_matches(['\n', '"']), DType::F16, &[1]),
        tensor("double", DType::F64, &[1]),
        tensor("single", DType::F32, &[1]),
    ]);
    let model = fedwit_tensor::Builder::zeros(&mixed).build();
    let file = written(&model, Format::Safetensors);
    assert_eq!(*read_seed(&file).expect("reads").parameters.layout(), mixed);
    let read = SafeTensors::deserialize(&file).expect("a valid file");
    for tensor in mixed.tensors() {
        let place = read.tensor(&tensor.name).expect("there").data().as_ptr() as usize - file.as_ptr() as usize;
        assert!(place.is_multiple_of(tensor.dtype.size()), "{} lies at {place}", tensor.name);
    }
}

#[test]
fn metadata_and_quoted_names_are_kept() {
    let layout = layout([tensor(r#"a"b\c/d ü"#, DType::U8, &[1])]);
    let model = fedwit_tensor::Builder::zeros(&layout).build();
    let metadata = BTreeMap::from([("kéy\"".to_owned(), "line\nline".to_owned()), (String::new(), String::new())]);
    let mut out = Cursor::new(Vec::new());
    formats::write_to(&mut out, &model, Format::Safetensors, &metadata).expect("writes");
    let read = read_as(&out.into_inner(), &layout).expect("reads");
    assert_eq!(read.metadata, metadata);
    assert_same(&read.parameters, &model);
}

#[test]
fn a_file_without_tensors_is_a_model_without_any() {
    let read = read_seed(&file("{}", 0)).expect("reads");
    assert_eq!((read.format, read.parameters.layout().tensors()), (Format::Safetensors, &[][..]));
    let none = read_seed(&written(&read.parameters, Format::Safetensors)).expect("reads");
    assert_eq!(none.parameters.layout().tensors(), []);
}

#[test]
fn white_space_around_the_members_is_read() {
    let file = file(&format!("{{ {W},\n\t{X} }}   \n"), 12);
    let read = read_seed(&file).expect("reads").parameters;
    assert_eq!(read.layout().tensors(), [tensor("w", DType::F32, &[2]), tensor("x", DType::F32, &[1])]);
}

#[test]
fn lengths_of_headers() {
    let header = format!("{{{W},{X}}}");
    let mut long = file(&header, 12);
    long[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    let present = header.len() + 12;
    let expected = format!("the header claims {} bytes, but {present} follow", 1_u64 << 40);
    assert_eq!(refusal(&long, None), expected);
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(refusal(&long, None), format!("the header claims {} bytes, but {present} follow", u64::MAX));
    let whole = file(&header, 12);
    for length in 10..whole.len() {
        let refused = refusal(&whole[..length], None);
        assert!(refused.starts_with("the header claims") || refused.contains("`x`") || refused.contains("`w`"));
    }
    let spaces = " ".repeat(2 << 20);
    let padded = file(&format!("{{{W},{X}{spaces}}}"), 12);
    assert!(read_seed(&padded).is_ok(), "a seed's header has a limit of its own");
    let expected = layout([tensor("w", DType::F32, &[2]), tensor("x", DType::F32, &[1])]);
    let refused = refusal(&padded, Some(&expected));
    assert!(refused.starts_with("the header claims 2097") && refused.ends_with(" allowed"), "{refused}");
    let spaces = " ".repeat(17 << 20);
    let refused = refusal(&file(&format!("{{{W},{X}{spaces}}}"), 12), None);
    assert!(refused.ends_with("more than the 16777216 allowed"), "{refused}");
}

#[test]
fn dtypes_without_counterpart() {
    for dtype in ["BOOL", "F8_E4M3", "F8_E5M2", "I32", "I16", "I8", "U16", "U64", "C64", "f32", "", "F32 "] {
        let member = format!(r#""x":{{"dtype":"{dtype}","shape":[1],"data_offsets":[8,12]}}"#);
        let expected = format!("tensor `x` has dtype `{dtype}`, which has no counterpart here");
        assert_eq!(refused(&format!("{W},{member}"), 12), expected);
    }
}

#[test]
fn places_of_tensors() {
    let x = |shape: &str, begin: u64, end: u64| {
        format!(r#"{W},"x":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    assert_eq!(refused(&x("[1]", 8, 16), 12), "tensor `x` claims bytes 8 to 16 of 12");
    assert_eq!(refused(&x("[1]", 12, 8), 12), "tensor `x` claims bytes 12 to 8 of 12");
    let far = u64::MAX - 3;
    assert_eq!(refused(&x("[1]", far, u64::MAX), 12), format!("tensor `x` claims bytes {far} to {} of 12", u64::MAX));
    assert_eq!(refused(&x("[2]", 8, 12), 12), "tensor `x` has 4 bytes, but its shape and dtype make 8");
    assert_eq!(refused(&x("[]", 8, 16), 16), "tensor `x` has 8 bytes, but its shape and dtype make 4");
    assert_eq!(refused(&x("[1]", 4, 8), 8), "tensors `w` and `x` overlap");
    assert_eq!(refused(&x("[2]", 0, 8), 8), "tensors `w` and `x` overlap");
    assert_eq!(refused(&x("[0]", 4, 4), 8), "tensors `w` and `x` overlap");
    assert_eq!(refused(&x("[1]", 12, 16), 16), "4 bytes before tensor `x` belong to no tensor");
    assert_eq!(refused(&x("[1]", 8, 12), 13), "the last 1 bytes belong to no tensor");
    let late = r#""w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}"#;
    assert_eq!(refused(late, 12), "4 bytes before tensor `w` belong to no tensor");
}

#[test]
fn shapes_beyond_counting() {
    let x = |shape: &str| format!(r#"{W},"x":{{"dtype":"F32","shape":{shape},"data_offsets":[8,12]}}"#);
    assert_eq!(
        refused(&x("[4294967296,4294967296]"), 12),
        "tensor `x` of shape [4294967296, 4294967296] is too large to be counted"
    );
    assert_eq!(
        refused(&x("[0,9223372036854775807,3]"), 12),
        "tensor `x` of shape [0, 9223372036854775807, 3] is too large to be counted"
    );
    let deep = format!("[{}1]", "1,".repeat(64));
    assert!(invalid(&x(&deep)).starts_with("tensor `x`: more than 64 dimensions"));
    for shape in ["[-1]", "[1.0]", "[18446744073709551616]", "1", "null", "[[1]]", "[\"1\"]"] {
        let refused = invalid(&x(shape));
        assert!(refused.starts_with("tensor `x`: invalid "), "{shape}: {refused}");
    }
}

#[test]
fn headers_that_are_not_what_they_should_be() {
    assert!(invalid(&format!("{W},{X},{X}")).starts_with("tensor `x` is there twice"));
    assert!(invalid(&format!("{W},{}", r#""w":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}"#)).contains("`w`"));
    let x = |members: &str| invalid(&format!("{W},\"x\":{members}"));
    let rest = r#""shape":[1],"data_offsets":[8,12]"#;
    assert!(x(&format!(r#"{{"dtype":"F32","dtype":"F32",{rest}}}"#)).starts_with("tensor `x`: duplicate field"));
    assert!(x(&format!(r#"{{"dtype":"F32","more":1,{rest}}}"#)).starts_with("tensor `x`: unknown field `more`"));
    assert!(x(&format!("{{{rest}}}")).starts_with("tensor `x`: missing field `dtype`"));
    assert!(x(r#"["F32",[1],[8,12]]"#).starts_with("tensor `x`: invalid type: sequence"));
    assert!(x(r#"{"dtype":"F32","shape":[1],"data_offsets":[8]}"#).starts_with("tensor `x`: invalid length"));
    assert!(x(r#"{"dtype":"F32","shape":[1],"data_offsets":[8,12,16]}"#).starts_with("tensor `x`: "));
    assert!(x("null").starts_with("tensor `x`: invalid type"));
    assert!(invalid(&format!("{W},\"\":{}", "{}")).starts_with("a tensor has an empty name"));
    assert!(invalid(&format!(r#"{W},"x\n":{{}}"#)).starts_with(r"the name `x\n` has a control character"));
    let long = "x".repeat(513);
    assert!(invalid(&format!("{W},\"{long}\":{}", "{}")).contains("has 513 bytes, more than 512"));
    for header in ["{\"w\"", "{\"w\":}", "{} {}", "{}x", "{\"a\":[[[[[[[["] {
        let refused = refusal(&file(header, 12), None);
        assert!(refused.starts_with("the header is not valid: "), "{header}: {refused}");
    }
    let nested = refusal(&file(&format!("{{\"w\":{}", "[".repeat(1 << 20)), 0), None);
    assert!(nested.starts_with("the header is not valid: tensor `w`: "), "{nested}");
    let mut not_text = file(&format!("{{{W},{X}}}"), 12);
    not_text[10] = 0xff;
    assert!(refusal(&not_text, None).starts_with("the header is not valid: "));
}

#[test]
fn metadata() {
    let with = |metadata: &str| invalid(&format!("\"__metadata__\":{metadata},{W},{X}"));
    assert!(with(r#"{"k":"v","k":"v"}"#).starts_with("metadata `k` is there twice"));
    assert!(with(r#"{"k":1}"#).starts_with("invalid type"));
    assert!(with("[]").starts_with("invalid type"));
    assert!(with(r#"{},"__metadata__":{}"#).starts_with("tensor `__metadata__` is there twice"));
    let much = format!(r#"{{"k":"{}"}}"#, "v".repeat(1 << 20));
    let refused = refusal(&file(&format!("{{\"__metadata__\":{much},{W},{X}}}"), 12), None);
    assert!(refused.contains("more than 1048576 bytes of metadata"), "{refused}");

    let model = model(&[DType::F32]);
    let write = |parameters: &Parameters, metadata: &BTreeMap<String, String>| {
        let mut out = Cursor::new(Vec::new());
        formats::write_to(&mut out, parameters, Format::Safetensors, metadata).expect_err("refused").to_string()
    };
    let much = BTreeMap::from([("k".to_owned(), "v".repeat(1 << 20))]);
    assert_eq!(write(&model, &much), "1048577 bytes of metadata are more than the 1048576 allowed");
    let reserved = fedwit_tensor::Builder::zeros(&layout([tensor("__metadata__", DType::U8, &[1])])).build();
    assert_eq!(write(&reserved, &BTreeMap::new()), "the name `__metadata__` means something else in this format");
}

#[test]
fn tensors_of_another_model() {
    let found = file(&format!("{{{W},{X}}}"), 12);
    let refused = |expected: Layout| refusal(&found, Some(&expected));
    let (w, x) = (tensor("w", DType::F32, &[2]), tensor("x", DType::F32, &[1]));
    assert_eq!(refused(layout([w.clone(), tensor("y", DType::F32, &[1])])), "tensor `y` is missing");
    assert!(refused(layout([w.clone()])).contains("tensor `x` is one more than 1"));
    assert_eq!(refused(layout([w.clone(), x.clone(), tensor("y", DType::F32, &[1])])), "tensor `y` is missing");
    assert_eq!(refused(layout([tensor("w", DType::F32, &[1, 2]), x])), "tensor `w` has shape [2] instead of [1, 2]");
    assert_eq!(refused(layout([w, tensor("x", DType::U32, &[1])])), "tensor `x` has dtype float32 instead of uint32");
}

#[test]
fn a_seed_may_be_as_large_as_the_limit_and_no_larger() {
    let found = file(&format!("{{{W},{X}}}"), 12);
    let read = |max_model_size, max_tensors| {
        let limits = Limits { max_model_size, max_tensors };
        formats::read_bytes(found.clone(), &Expected::Seed(limits), None)
    };
    assert!(read(12, 2).is_ok());
    assert_eq!(read(11, 2).expect_err("large").to_string(), "12 bytes of values are more than the 11 allowed");
    assert!(read(12, 1).expect_err("many").to_string().contains("tensor `x` is one more than 1"));
}

#[test]
fn an_update_may_be_of_floats_of_another_width() {
    let model = layout([tensor("w", DType::F16, &[2]), tensor("x", DType::F32, &[1])]);
    let found = file(&format!("{{{W},{X}}}"), 12);
    let read = formats::read_bytes(found.clone(), &Expected::Update(&model), None).expect("reads").parameters;
    assert_eq!(read.layout(), &model);
    assert_eq!((values(&read, "w").len(), values(&read, "x").len()), (4, 4));
    assert!(formats::read_bytes(found, &Expected::Layout(&model), None).is_err());
    let integer = layout([tensor("w", DType::F16, &[2]), tensor("x", DType::U32, &[1])]);
    let found = file(&format!("{{{W},{X}}}"), 12);
    let refused = formats::read_bytes(found, &Expected::Update(&integer), None).expect_err("a float is no integer");
    assert_eq!(refused.to_string(), "tensor `x` has dtype float32 instead of uint32");
}
