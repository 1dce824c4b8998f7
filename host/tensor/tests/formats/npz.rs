//! npz files that are as they should be, in every way that they may be.

use fedwit_tensor::formats::{self, Expected, Format, Limits, WriteFault};
use fedwit_tensor::{DType, TensorError};

use crate::archive::{Archive, Entry, array, array_with_header};
use crate::models::{assert_same, layout, model, numpy_dtypes, read_as, read_seed, tensor, values, written};

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn stored_deflated_and_zip64_entries_are_read_in_the_archives_order() {
    let array = array("<f4", "(2, 3)", &floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    let file = Archive::of([
        Entry::stored("1.npy", &array),
        Entry::deflated("0.npy", &array),
        Entry { zip64: true, ..Entry::deflated("weight.bias.npy", &array) },
    ]);
    let read = read_seed(&file.bytes()).expect("reads");
    let shape = [2, 3];
    let expected = ["1", "0", "weight.bias"].map(|name| tensor(name, DType::F32, &shape));
    assert_eq!(*read.parameters.layout(), layout(expected));
    assert_eq!(read.format, Format::Npz);
    for name in ["0", "1", "weight.bias"] {
        assert_eq!(values(&read.parameters, name), floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    }
}

#[test]
fn an_archive_with_a_zip64_end_is_read() {
    let entries = [Entry { zip64: true, ..Entry::stored("0.npy", &array("|u1", "(2,)", &[7, 9])) }];
    let plain = Archive::of(entries.clone()).bytes();
    let end = plain.len() - 22;
    let start = u32::from_le_bytes(plain[end + 16..end + 20].try_into().expect("four bytes"));
    let file = Archive {
        count: Some(u16::MAX),
        directory_start: Some(u32::MAX),
        directory_size: Some(u32::MAX),
        zip64_end: Some((1, end as u64 - u64::from(start), u64::from(start))),
        ..Archive::of(entries)
    };
    assert_eq!(values(&read_seed(&file.bytes()).expect("reads").parameters, "0"), [7, 9]);
}

#[test]
fn an_update_is_read_in_the_order_of_the_model() {
    let file = Archive::of([
        Entry::stored("b.npy", &array("|u1", "(1,)", &[2])),
        Entry::stored("a.npy", &array("|u1", "(1,)", &[1])),
    ]);
    let model = layout([tensor("a", DType::U8, &[1]), tensor("b", DType::U8, &[1])]);
    let read = read_as(&file.bytes(), &model).expect("reads").parameters;
    assert_eq!(*read.layout(), model);
    assert_eq!((values(&read, "a"), values(&read, "b")), (vec![1], vec![2]));
}

#[test]
fn headers_of_all_versions_and_in_any_order_of_members_are_read() {
    let text = "{\"shape\":(3 ,),'fortran_order':False,'descr':'|u1'}   ";
    let mut second = b"\x93NUMPY\x02\x00".to_vec();
    second.extend(u32::try_from(text.len()).expect("short").to_le_bytes());
    second.extend(text.as_bytes());
    second.extend([1, 2, 3]);
    let mut third = second.clone();
    third[6] = 3;
    for array in [array_with_header(text, &[1, 2, 3]), second, third] {
        let file = Archive::of([Entry::stored("x.npy", &array)]).bytes();
        let read = read_seed(&file).expect("reads").parameters;
        assert_eq!(read.layout().tensors(), [tensor("x", DType::U8, &[3])]);
        assert_eq!(values(&read, "x"), [1, 2, 3]);
    }
}

#[test]
fn column_major_values_are_transposed_and_big_endian_ones_swapped() {
    let text = "{'descr': '>u4', 'fortran_order': True, 'shape': (2, 3, 2), }";
    // Element (i, j, k) is 100 i + 10 j + k, and i varies fastest.
    let mut bytes = Vec::new();
    let mut expected = vec![0; 12];
    for (k, j, i) in (0..2).flat_map(|k| (0..3).flat_map(move |j| (0..2).map(move |i| (k, j, i)))) {
        let value = u32::try_from(100 * i + 10 * j + k).expect("small");
        bytes.extend(value.to_be_bytes());
        expected[(i * 3 + j) * 2 + k] = value;
    }
    let file = Archive::of([Entry::deflated("0.npy", &array_with_header(text, &bytes))]).bytes();
    let read = read_seed(&file).expect("reads").parameters;
    assert_eq!(values(&read, "0"), expected.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>());
}

#[test]
fn an_archive_without_entries_is_a_model_without_tensors() {
    let file = Archive::default().bytes();
    assert_eq!(read_seed(&file).expect("reads").parameters.layout().tensors(), []);
    let missing = layout([tensor("a", DType::U8, &[1])]);
    let refusal = read_as(&file, &missing).expect_err("a tensor is missing").to_string();
    assert_eq!(refusal, "tensor `a` is missing");
}

#[test]
fn what_is_written_is_read_back_and_is_the_same_file_each_time() {
    let model = model(&numpy_dtypes());
    let file = written(&model, Format::Npz);
    assert_eq!(file, written(&model, Format::Npz), "no time of writing");
    assert_same(&read_as(&file, model.layout()).expect("reads").parameters, &model);
    assert_same(&read_seed(&file).expect("reads").parameters, &model);
}

#[test]
fn a_model_of_more_than_one_chunk_is_written_and_read() {
    let shape = [300, 1111];
    let layout = layout([tensor("big", DType::F32, &shape)]);
    let mut builder = fedwit_tensor::Builder::zeros(&layout);
    let bytes: Vec<u8> = (0..300 * 1111_u32).flat_map(|index| (index as f32 * 0.37).to_le_bytes()).collect();
    builder.write("big", 0, &bytes).expect("fits");
    let model = builder.build();
    for format in [Format::Npz, Format::Safetensors, Format::FlatFloat32, Format::FlatFloat64] {
        let read = read_as(&written(&model, format), &layout).expect("reads");
        assert_eq!(read.format, format);
        assert_same(&read.parameters, &model);
    }
}

#[test]
fn what_npz_cannot_hold_is_refused_by_name_when_written() {
    let refusal = |name: &str, dtype| -> WriteFault {
        let parameters = fedwit_tensor::Builder::zeros(&layout([tensor(name, dtype, &[1])])).build();
        let mut out = std::io::Cursor::new(Vec::new());
        formats::write_to(&mut out, &parameters, Format::Npz, &Default::default()).expect_err("cannot be written")
    };
    assert_eq!(
        refusal("layer.weight", DType::BF16).to_string(),
        "tensor `layer.weight`: npz has no bfloat16; safetensors does"
    );
    assert_eq!(
        refusal("layer/weight", DType::F32).to_string(),
        "tensor `layer/weight`: npz has no names with a slash; safetensors does"
    );
}

#[test]
fn a_seed_may_be_as_large_as_the_limit_and_no_larger() {
    let array = array("|u1", "(100,)", &[1; 100]);
    let file = Archive::of([Entry::deflated("0.npy", &array)]).bytes();
    let read = |max_model_size| {
        let limits = Limits { max_model_size, ..Limits::default() };
        formats::read_bytes(file.clone(), &Expected::Seed(limits), None)
    };
    assert!(read(100).is_ok());
    let refused = read(99).expect_err("too large").to_string();
    let text = "its 100 bytes of values are more than the 99 that are left of the model size allowed";
    assert_eq!(refused, format!("entry `0.npy`: {text}"));
    let two = Archive::of(["0.npy", "1.npy"].map(|name| Entry::deflated(name, &array)));
    let limits = Limits { max_model_size: 199, ..Limits::default() };
    let refused = formats::read_bytes(two.bytes(), &Expected::Seed(limits), None).expect_err("too large").to_string();
    assert_eq!(refused, format!("entry `1.npy`: {text}"));
}

#[test]
fn what_lies_in_the_archive_as_it_is_takes_no_memory() {
    let values = floats(&[1.0, 2.0, 3.0, 4.0]);
    let big = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
    let fortran = |shape| format!("{{'descr': '<f4', 'fortran_order': True, 'shape': {shape}, }}");
    let square = array_with_header(&fortran("(2, 2)"), &floats(&[1.0, 3.0, 2.0, 4.0]));
    let cases = [
        (true, Entry::stored("0.npy", &array("<f4", "(4,)", &values))),
        (true, Entry { zip64: true, ..Entry::stored("0.npy", &array("<f4", "(4,)", &values)) }),
        // A row is the same in either order.
        (true, Entry::stored("0.npy", &array_with_header(&fortran("(4,)"), &values))),
        (false, Entry::deflated("0.npy", &array("<f4", "(4,)", &values))),
        (false, Entry::stored("0.npy", &array(">f4", "(4,)", &big))),
        (false, Entry::stored("0.npy", &square)),
    ];
    for (in_place, entry) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.npz");
        std::fs::write(&path, Archive::of([entry]).bytes()).expect("writes");
        let seed = Expected::Seed(Limits::default());
        let read = formats::read(&path, &seed, None).expect("reads").parameters;
        assert_eq!(read.heap_bytes() == 0, in_place);
        assert_eq!(self::values(&read, "0"), values);
        // And whatever it was, it can be had without.
        let cache = folder.path().join("cache");
        let transcoded = formats::transcode(&path, &cache, &seed, None).expect("transcodes").parameters;
        assert_eq!(cache.exists(), !in_place);
        if cache.exists() {
            std::fs::remove_file(cache).expect("removes");
        }
        assert_eq!(transcoded.heap_bytes(), 0);
        assert_eq!((transcoded.layout(), self::values(&transcoded, "0")), (read.layout(), values.clone()));
    }
}

#[test]
fn values_that_stay_in_the_archive_have_their_checksum_too() {
    let mut entry = Entry::stored("0.npy", &array("<f4", "(2,)", &floats(&[1.0, 2.0])));
    *entry.data.last_mut().expect("values") ^= 1;
    let refused = read_seed(&Archive::of([entry]).bytes()).expect_err("it is damaged").to_string();
    assert!(refused.contains("0.npy") && refused.to_lowercase().contains("checksum"), "{refused}");
}

#[test]
fn an_update_may_be_of_floats_of_another_width_but_of_nothing_else() {
    let model = layout([tensor("0", DType::F32, &[2])]);
    let read = |descr: &str, values: &[u8]| {
        let file = Archive::of([Entry::stored("0.npy", &array(descr, "(2,)", values))]).bytes();
        let strict = formats::read_bytes(file.clone(), &Expected::Layout(&model), None);
        let lenient = formats::read_bytes(file, &Expected::Update(&model), None);
        (strict.is_ok(), lenient.map(|read| read.parameters).map_err(|error| error.to_string()))
    };
    let halves: Vec<u8> = [1.5, 0.25].iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
    for (descr, bytes, expected) in
        [("<f8", doubles(&[1.5, 1e-3]), floats(&[1.5, 1e-3])), ("<f2", halves, floats(&[1.5, 0.25]))]
    {
        let (strict, lenient) = read(descr, &bytes);
        assert!(!strict);
        let lenient = lenient.expect("a float is a float");
        assert_eq!((lenient.layout(), values(&lenient, "0")), (&model, expected));
    }

    // What float32 cannot hold is not finite any more, and so no update.
    let huge = read("<f8", &doubles(&[1.0, 1e300])).1.expect("reads");
    assert_eq!(huge.check_finite(), Err(TensorError::NotFinite { name: "0".to_owned() }));

    let integers: Vec<u8> = [1_i64, 2].iter().flat_map(|value| value.to_le_bytes()).collect();
    let refused = read("<i8", &integers).1.expect_err("an integer is no float");
    assert_eq!(refused, "tensor `0` has dtype int64 instead of float32");
}

#[test]
fn an_update_of_integers_is_of_integers() {
    let model = layout([tensor("steps", DType::I64, &[1])]);
    let file = Archive::of([Entry::stored("steps.npy", &array("<f8", "(1,)", &doubles(&[7.0])))]).bytes();
    let refused = formats::read_bytes(file, &Expected::Update(&model), None).expect_err("a float is no integer");
    assert_eq!(refused.to_string(), "tensor `steps` has dtype float64 instead of int64");
}

#[test]
fn an_update_has_the_shapes_of_the_model_whatever_its_dtype() {
    let model = layout([tensor("0", DType::F32, &[2, 1])]);
    let file = Archive::of([Entry::stored("0.npy", &array("<f8", "(2,)", &doubles(&[1.0, 2.0])))]).bytes();
    let refused = formats::read_bytes(file, &Expected::Update(&model), None).expect_err("another shape");
    assert_eq!(refused.to_string(), "tensor `0` has shape [2] instead of [2, 1]");
}

#[test]
fn what_is_written_is_aligned_and_stays_in_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.npz");
    let model = model(&numpy_dtypes());
    let file = written(&model, Format::Npz);
    std::fs::write(&path, &file).expect("writes");
    let read = formats::read(&path, &Expected::Layout(model.layout()), None).expect("reads").parameters;
    assert_eq!(read.heap_bytes(), 0);
    assert_same(&read, &model);
    let arrays: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(b"\x93NUMPY")).collect();
    assert_eq!(arrays.len(), model.layout().tensors().len());
    assert!(arrays.iter().all(|at| at.is_multiple_of(64)), "{arrays:?}");
}
