//! How much memory reading takes, counted by the allocator while it runs: what a model does, whatever a file claims.

use std::path::Path;
use std::sync::Mutex;

use fedwit_tensor::formats::{self, Expected, Format, Limits, ReadFault, ReadModel};
use fedwit_tensor::{Builder, DType, Layout, TensorType};
use peak_alloc::PeakAlloc;

#[path = "formats/archive.rs"]
mod archive;

use archive::{Archive, Entry, array, array_with_header, deflate};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One test at a time: another one's memory would be counted too.
static ALONE: Mutex<()> = Mutex::new(());

/// More than any reading needs beside the values: pieces of 64 KiB, the inflater, a directory's entries.
const WORKSPACE: usize = 1 << 20;

const GIB: u64 = 1 << 30;

/// What reading a file gives, and how many bytes it held at most, short of the file's own.
fn read(bytes: Vec<u8>, expected: &Expected<'_>) -> (Result<ReadModel, ReadFault>, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let read = formats::read_bytes(bytes, expected, None);
    (read, ALLOCATOR.peak_usage() - before)
}

#[track_caller]
fn assert_refused_in_little_memory(file: &[u8], layout: &Layout) -> [String; 2] {
    let seed = Expected::Seed(Limits { max_model_size: 16 * GIB, max_tensors: 1 << 16 });
    [Expected::Layout(layout), seed].map(|expected| {
        let (read, peak) = read(file.to_vec(), &expected);
        let refused = read.expect_err("a hostile file").to_string();
        assert!(peak < WORKSPACE, "{peak} bytes to find out: {refused}");
        refused
    })
}

fn layout(name: &str, dtype: DType, shape: &[usize]) -> Layout {
    Layout::new(vec![TensorType { name: name.to_owned(), dtype, shape: shape.to_vec() }]).expect("a layout")
}

#[test]
fn an_entry_that_claims_a_gigabyte_takes_none_of_it() {
    let _alone = ALONE.lock().expect("no other test failed");
    let expected = layout("0", DType::U8, &[1 << 30]);
    let array = array("|u1", &format!("({GIB},)"), &[0; 1000]);
    for entry in [Entry::stored("0.npy", &array), Entry::deflated("0.npy", &array)] {
        let header = array.len() as u64 - 1000;
        let lie = Entry { unpacked: GIB + header, ..entry };
        for refused in assert_refused_in_little_memory(&Archive::of([lie.clone()]).bytes(), &expected) {
            assert!(refused.starts_with("entry `0.npy`: it claims to unpack"), "{refused}");
        }
        // And where it says that its own bytes are as many.
        let lie = Entry { packed: GIB + header, ..lie };
        for refused in assert_refused_in_little_memory(&Archive::of([lie]).bytes(), &expected) {
            assert!(refused.starts_with("entry `0.npy`: it reaches beyond"), "{refused}");
        }
    }
    // Nothing but the header lies.
    for refused in assert_refused_in_little_memory(&Archive::of([Entry::stored("0.npy", &array)]).bytes(), &expected) {
        assert!(refused.starts_with("entry `0.npy`: it has 1000 bytes of values"), "{refused}");
    }
}

#[test]
fn a_bomb_of_another_shape_than_the_models_is_not_unpacked() {
    let _alone = ALONE.lock().expect("no other test failed");
    let expected = layout("0", DType::U8, &[1000]);
    let zeros = 100_000_000;
    let array = [&array("|u1", &format!("({zeros},)"), &[])[..], &vec![0; zeros]].concat();
    let bomb = Archive::of([Entry::deflated("0.npy", &array)]).bytes();
    assert!(bomb.len() < 200_000, "{} bytes", bomb.len());
    drop(array);
    let (refused, peak) = read(bomb.clone(), &Expected::Layout(&expected));
    assert_eq!(refused.expect_err("too large").to_string(), "tensor `0` has shape [100000000] instead of [1000]");
    assert!(peak < WORKSPACE, "{peak} bytes");
    let seed = Expected::Seed(Limits { max_model_size: 50_000_000, ..Limits::default() });
    let (refused, peak) = read(bomb.clone(), &seed);
    assert!(refused.expect_err("too large").to_string().contains("entry `0.npy`: its 100000000 bytes of values"));
    assert!(peak < WORKSPACE, "{peak} bytes");
    // Asked for, it is what it says, and takes that.
    let (model, peak) = read(bomb, &Expected::Seed(Limits::default()));
    assert_eq!(model.expect("reads").parameters.layout().bytes(), zeros);
    assert!(peak < zeros + WORKSPACE, "{peak} bytes");
}

#[test]
fn an_entry_that_unpacks_to_more_than_it_claims_is_left_at_once() {
    let _alone = ALONE.lock().expect("no other test failed");
    let expected = layout("0", DType::U8, &[1000]);
    let honest = array("|u1", "(1000,)", &[0; 1000]);
    let data = deflate(&[&honest[..], &vec![0; 100_000_000]].concat());
    let lie = Entry { packed: data.len() as u64, data, ..Entry::deflated("0.npy", &honest) };
    for refused in assert_refused_in_little_memory(&Archive::of([lie]).bytes(), &expected) {
        assert_eq!(refused, "entry `0.npy`: it cannot be unpacked: File is larger than its declared uncompressed size");
    }
}

#[test]
fn entries_are_counted_before_anything_is_kept_of_them() {
    let _alone = ALONE.lock().expect("no other test failed");
    let expected = layout("0", DType::U8, &[1]);
    let scalar = array("|u1", "()", &[0]);
    let many = Archive::of((0..20_000).map(|index| Entry::stored(&format!("{index}.npy"), &scalar))).bytes();
    let (refused, peak) = read(many, &Expected::Layout(&expected));
    assert_eq!(refused.expect_err("too many").to_string(), "20000 tensors are more than the 1 allowed");
    assert!(peak < WORKSPACE, "{peak} bytes");

    // As many as there could be in a file of this length, had its directory their entries.
    let mut ends = Archive::of([Entry::stored("0.npy", &vec![0; 50 << 20])]);
    let (start, size) = (1000, 40 << 20);
    ends.zip64_end = Some((size / 46, size, start));
    ends.count = Some(u16::MAX);
    ends.directory_size = Some(u32::MAX);
    ends.directory_start = Some(u32::MAX);
    assert_refused_in_little_memory(&ends.bytes(), &expected);
    ends.zip64_end = Some((u64::MAX, u64::MAX, 0));
    assert_refused_in_little_memory(&ends.bytes(), &expected);
}

#[test]
fn comments_are_not_kept() {
    let _alone = ALONE.lock().expect("no other test failed");
    let tensors = (0..500).map(|index| TensorType { name: index.to_string(), dtype: DType::U8, shape: vec![] });
    let expected = Layout::new(tensors.collect()).expect("a layout");
    let comment = vec![b'c'; 60_000];
    let entry =
        |index| Entry { comment: comment.clone(), ..Entry::stored(&format!("{index}.npy"), &array("|u1", "()", &[0])) };
    let file = Archive::of((0..500).map(entry)).bytes();
    assert!(file.len() > 30_000_000);
    let (model, peak) = read(file, &Expected::Layout(&expected));
    assert!(model.is_ok());
    assert!(peak < 2 * WORKSPACE, "{peak} bytes");
}

#[test]
fn a_model_is_unpacked_once() {
    let _alone = ALONE.lock().expect("no other test failed");
    let (rows, columns) = (4000, 2500);
    let expected = layout("0", DType::F32, &[rows, columns]);
    let size = expected.bytes();
    for order in ["False", "True"] {
        let text = format!("{{'descr': '>f4', 'fortran_order': {order}, 'shape': ({rows}, {columns}), }}");
        let file = Archive::of([Entry::deflated("0.npy", &array_with_header(&text, &vec![1; size]))]).bytes();
        let (model, peak) = read(file, &Expected::Layout(&expected));
        assert!(model.is_ok());
        assert!(peak < size + WORKSPACE, "{peak} bytes for a model of {size}");
    }
}

#[test]
fn headers_of_safetensors_that_lie_take_no_memory() {
    let _alone = ALONE.lock().expect("no other test failed");
    let expected = layout("w", DType::F32, &[1]);
    let file = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let huge = r#"{"w":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}"#;
    for refused in assert_refused_in_little_memory(&file(huge), &expected) {
        assert_eq!(refused, "tensor `w` claims bytes 0 to 4294967296 of 0");
    }
    let shape = format!(r#"{{"w":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#, "1,".repeat(200_000));
    for refused in assert_refused_in_little_memory(&file(&shape), &expected) {
        assert!(refused.contains("tensor `w`: more than 64 dimensions"), "{refused}");
    }
    let nested = format!(r#"{{"w":{}"#, "[".repeat(500_000));
    for refused in assert_refused_in_little_memory(&file(&nested), &expected) {
        assert!(refused.contains("tensor `w`: "), "{refused}");
    }
    let member = |index| format!(r#""{index}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"#);
    let many = format!("{{{}", (0..15_000).map(member).collect::<String>());
    let (refused, peak) = read(file(&many), &Expected::Layout(&expected));
    assert!(refused.expect_err("many").to_string().contains("tensor `1` is one more than 1"));
    assert!(peak < WORKSPACE, "{peak} bytes");
}

#[test]
fn a_model_is_written_in_pieces() {
    let _alone = ALONE.lock().expect("no other test failed");
    let folder = tempfile::tempdir().expect("a folder");
    let expected = layout("0", DType::F32, &[10_000_000]);
    let model = Builder::zeros(&expected).build();
    for format in [Format::Safetensors, Format::Npz, Format::FlatFloat64, Format::FlatFloat32] {
        let path = folder.path().join("model");
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        formats::write(&path, &model, format, &Default::default()).expect("writes");
        let peak = ALLOCATOR.peak_usage() - before;
        assert!(peak < 4 * WORKSPACE, "{peak} bytes to write {format}");
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let read = formats::read(&path, &Expected::Layout(&expected), None).expect("reads").parameters;
        let peak = ALLOCATOR.peak_usage() - before;
        let most = if format == Format::FlatFloat64 { expected.bytes() } else { 0 };
        assert!(peak < most + WORKSPACE, "{peak} bytes to read {format}");
        assert_eq!(read.heap_bytes(), most);
    }
}

/// Transcodes a file into one beside it, and says how many bytes of memory that took at most.
fn transcode(path: &Path, expected: &Expected<'_>) -> (ReadModel, usize) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let read = formats::transcode(path, &path.with_extension("cache"), expected, None).expect("transcodes");
    assert_eq!(read.parameters.heap_bytes(), 0);
    (read, ALLOCATOR.peak_usage() - before)
}

#[test]
fn a_model_of_any_format_and_width_is_transcoded_in_pieces() {
    let _alone = ALONE.lock().expect("no other test failed");
    let folder = tempfile::tempdir().expect("a folder");
    let (rows, columns) = (1000, 5000);
    let expected = layout("0", DType::F32, &[rows, columns]);
    let values: Vec<f64> = (0..rows * columns).map(|index| (index as f64).sin()).collect();
    let doubles: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let singles: Vec<u8> = values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect();
    let big: Vec<u8> = values.iter().flat_map(|value| (*value as f32).to_be_bytes()).collect();
    let text = |descr: &str, order| {
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({rows}, {columns}), }}")
    };
    let npz = |entry| Archive::of([entry]).bytes();
    let header =
        format!(r#"{{"0":{{"dtype":"F64","shape":[{rows},{columns}],"data_offsets":[0,{}]}}}}"#, doubles.len());
    let safetensors = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &doubles].concat();
    let transposed: Vec<u8> = (0..columns)
        .flat_map(|j| (0..rows).flat_map(move |i| [i * columns + j]))
        .flat_map(|at| singles[at * 4..][..4].to_vec())
        .collect();
    let arrays = |descr, order, bytes: &[u8]| array_with_header(&text(descr, order), bytes);
    for (what, file, most) in [
        ("stored", npz(Entry::stored("0.npy", &arrays("<f4", "False", &singles))), 0),
        ("deflated", npz(Entry::deflated("0.npy", &arrays("<f4", "False", &singles))), 0),
        ("stored float64", npz(Entry::stored("0.npy", &arrays("<f8", "False", &doubles))), 0),
        ("deflated float64", npz(Entry::deflated("0.npy", &arrays("<f8", "False", &doubles))), 0),
        ("stored big endian", npz(Entry::stored("0.npy", &arrays(">f4", "False", &big))), 0),
        ("safetensors of float64", safetensors, 0),
        ("flat float64", doubles.clone(), 0),
        ("column-major", npz(Entry::deflated("0.npy", &arrays("<f4", "True", &transposed))), singles.len()),
    ] {
        let path = folder.path().join("update");
        std::fs::write(&path, file).expect("writes");
        let (read, peak) = transcode(&path, &Expected::Update(&expected));
        assert!(peak < most + WORKSPACE, "{peak} bytes to transcode {what}");
        assert_eq!(path.with_extension("cache").exists(), what != "stored");
        let _ = std::fs::remove_file(path.with_extension("cache"));
        assert_eq!(read.parameters.layout(), &expected);
        let found = read.parameters.read("0", 0, (rows * columns) as u64).expect("reads");
        assert!(found == singles, "{what}");
    }
}

#[test]
fn reading_what_lies_in_an_archive_takes_next_to_nothing() {
    let _alone = ALONE.lock().expect("no other test failed");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("update.npz");
    let expected = layout("0", DType::F32, &[10_000_000]);
    let array = array("<f4", "(10000000,)", &vec![1; expected.bytes()]);
    std::fs::write(&path, Archive::of([Entry::stored("0.npy", &array)]).bytes()).expect("writes");
    drop(array);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let read = formats::read(&path, &Expected::Update(&expected), None).expect("reads");
    let peak = ALLOCATOR.peak_usage() - before;
    assert!(peak < WORKSPACE / 16, "{peak} bytes");
    assert_eq!(read.parameters.heap_bytes(), 0);
}
