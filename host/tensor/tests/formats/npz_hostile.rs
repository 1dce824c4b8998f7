//! npz files that lie. Each refusal names the entry, unless the archive has none to name.

use fedwit_tensor::DType;

use crate::archive::{Archive, Entry, array, array_with_header, deflate};
use crate::models::{layout, refusal, tensor};

/// Two honest entries, the second of which is given a fault.
fn archive(fault: impl FnOnce(&mut Entry)) -> Archive {
    let mut archive = Archive::of(["a.npy", "b.npy"].map(|name| Entry::deflated(name, &array("<f4", "(2,)", &[0; 8]))));
    fault(&mut archive.entries[1]);
    archive
}

/// How that archive is refused, whether or not its tensors are what is expected.
fn refused(fault: impl Fn(&mut Entry)) -> String {
    let file = archive(fault).bytes();
    let expected = layout(["a", "b"].map(|name| tensor(name, DType::F32, &[2])));
    let refused = refusal(&file, Some(&expected));
    assert_eq!(refused, refusal(&file, None), "as an update and as a seed");
    refused
}

#[track_caller]
fn assert_refused(fault: impl Fn(&mut Entry), expected: &str) {
    assert_eq!(refused(fault), expected);
}

/// How an archive whose only entry has this array is refused.
fn refused_array(array: &[u8]) -> String {
    refusal(&Archive::of([Entry::stored("w.npy", array)]).bytes(), None)
}

fn refused_header(text: &str) -> String {
    refused_array(&array_with_header(text, &[0; 8]))
}

#[test]
fn names() {
    let rename = |name: &'static [u8]| {
        move |entry: &mut Entry| {
            entry.name = name.to_vec();
            entry.local_name = name.to_vec();
        }
    };
    assert_refused(rename(b"../../etc/b.npy"), "entry `../../etc/b.npy`: the name is a path");
    assert_refused(rename(b"c:\\b.npy"), "entry `c:\\\\b.npy`: the name is a path");
    assert_refused(rename(b"b/"), "entry `b/`: the name is a path");
    assert_refused(rename(b"b.txt"), "entry `b.txt`: the name does not end with .npy");
    assert_refused(rename(b".npy"), "a tensor has an empty name");
    assert_refused(rename(b"b\xff.npy"), "entry `b\u{fffd}.npy`: the name is not UTF-8");
    assert_refused(rename(b"b\n.npy"), "the name `b\\n` has a control character");
    assert_refused(rename(b"a.npy"), "entry `a.npy`: there are two of this name");
    let long = refused(|entry| {
        entry.name = [&[b'x'; 513][..], b".npy"].concat();
        entry.local_name.clone_from(&entry.name);
    });
    assert_eq!(long, format!("the name `{}…` has 513 bytes, more than 512", "x".repeat(64)));
}

#[test]
fn packing() {
    let packed = archive(|_| ()).entries[1].packed;
    assert_refused(|entry| entry.flags |= 1, "entry `b.npy`: it is encrypted");
    assert_refused(
        |entry| entry.method = 12,
        "entry `b.npy`: it is compressed with Bzip2, neither stored nor deflated",
    );
    let refused = refused(|entry| entry.method = 99);
    assert!(refused.starts_with("entry `b.npy`: it is compressed with "), "{refused}");
    assert_refused(
        |entry| entry.method = 0,
        &format!("entry `b.npy`: it claims to unpack {packed} bytes to 76, which no such compression does"),
    );
}

#[test]
fn checksum_and_sizes() {
    assert_refused(|entry| entry.checksum ^= 1, "entry `b.npy`: it cannot be unpacked: Invalid checksum");
    assert_refused(
        |entry| entry.unpacked += 1,
        "entry `b.npy`: it has 9 bytes of values, but its shape and dtype make 8",
    );
    assert_refused(
        |entry| entry.unpacked -= 1,
        "entry `b.npy`: it has 7 bytes of values, but its shape and dtype make 8",
    );
    assert_refused(
        |entry| {
            let array = array("<f4", "(2,)", &[0; 8]);
            entry.data = deflate(&[&array[..], b"more"].concat());
            entry.packed = entry.data.len() as u64;
        },
        "entry `b.npy`: it cannot be unpacked: File is larger than its declared uncompressed size",
    );
    assert_refused(
        |entry| {
            let array = array("<f4", "(2,)", &[0; 8]);
            entry.data = deflate(&array[..array.len() - 1]);
            entry.packed = entry.data.len() as u64;
        },
        "entry `b.npy`: it cannot be unpacked: Invalid checksum",
    );
    let cut = refused(|entry| {
        entry.data.truncate(20);
        entry.packed = 20;
    });
    assert!(cut.starts_with("entry `b.npy`: it cannot be unpacked: "), "{cut}");
    let garbage = refused(|entry| entry.data.fill(0xff));
    assert!(garbage.starts_with("entry `b.npy`: it cannot be unpacked: "), "{garbage}");
}

#[test]
fn places() {
    let overlap = |archive: &Archive| refusal(&archive.bytes(), None);
    let mut twice = archive(|_| ());
    twice.entries[1].start = Some(0);
    assert_eq!(overlap(&twice), "entry `b.npy`: the header in front of it is not its own: it has another name");
    // One name for both headers would be a duplicate, so the overlap is one of data: the first claims to reach into
    // the second, as many entries do that share the data of one to unpack to the square of the archive's size.
    let mut into = archive(|_| ());
    into.entries[0].packed += 20;
    assert_eq!(overlap(&into), "entry `b.npy`: it overlaps entry `a.npy`");
    assert_refused(
        |entry| entry.packed += 20,
        "entry `b.npy`: it reaches beyond the part of the archive that holds entries",
    );
    let far = refused(|entry| entry.start = Some(1 << 30));
    assert_eq!(far, "entry `b.npy`: it cannot be unpacked: failed to fill whole buffer");
    let wrong = refused(|entry| entry.start = Some(4));
    assert_eq!(wrong, "entry `b.npy`: the header in front of it is not its own: there is none");
    assert_refused(
        |entry| entry.local_name = b"x.npy".to_vec(),
        "entry `b.npy`: the header in front of it is not its own: it has another name",
    );
    let endless = refused(|entry| {
        entry.zip64 = true;
        entry.packed = u64::MAX;
    });
    assert_eq!(endless, "entry `b.npy`: it reaches beyond the part of the archive that holds entries");
}

#[test]
fn bombs() {
    let packed = archive(|_| ()).entries[1].packed;
    assert_refused(
        |entry| entry.unpacked = 1 << 31,
        &format!("entry `b.npy`: it claims to unpack {packed} bytes to 2147483648, which no such compression does"),
    );
    let bytes = array("|u1", "(10000000,)", &vec![0; 10_000_000]);
    let zeros = deflate(&bytes);
    let bomb = Entry {
        unpacked: bytes.len() as u64,
        packed: zeros.len() as u64,
        data: zeros,
        ..Entry::deflated("w.npy", &[])
    };
    let file = Archive::of([bomb]).bytes();
    assert_eq!(
        refusal(&file, None),
        "entry `w.npy`: its 10000000 bytes of values are more than the 1048576 that are left of the model size allowed"
    );
    let small = layout([tensor("w", DType::U8, &[10])]);
    assert_eq!(refusal(&file, Some(&small)), "tensor `w` has shape [10000000] instead of [10]");
    let many = Archive::of((0..101).map(|index| Entry::stored(&format!("{index}.npy"), &array("|u1", "()", &[0]))));
    assert_eq!(refusal(&many.bytes(), None), "101 tensors are more than the 100 allowed");
    assert_eq!(refusal(&many.bytes(), Some(&small)), "101 tensors are more than the 1 allowed");
}

#[test]
fn directories() {
    let refused = |change: fn(&mut Archive)| {
        let mut archive = archive(|_| ());
        change(&mut archive);
        refusal(&archive.bytes(), None)
    };
    let lies: [fn(&mut Archive); 6] = [
        |archive| archive.count = Some(3),
        |archive| archive.count = Some(65_534),
        |archive| archive.directory_start = Some(0),
        |archive| archive.directory_start = Some(u32::MAX - 1),
        |archive| archive.zip64_end = Some((u64::MAX, u64::MAX, 0)),
        |archive| archive.prefix = b"PK\x03\x04 in front".to_vec(),
    ];
    for (index, lie) in lies.into_iter().enumerate() {
        // One lie is seen through: without a sign of zip64 in the plain end, no other end is looked for.
        let accepted = index == 4;
        let mut archive = archive(|_| ());
        lie(&mut archive);
        if accepted {
            assert!(crate::models::read_seed(&archive.bytes()).is_ok());
        } else {
            let refused = refused(lie);
            assert!(refused.starts_with("not a valid archive: ") || refused.contains("allowed"), "{index}: {refused}");
        }
    }
    let whole = archive(|_| ()).bytes();
    for length in 4..whole.len() {
        refusal(&whole[..length], None);
    }
}

#[test]
fn arrays() {
    assert_eq!(refused_array(b""), "entry `w.npy`: it cannot be unpacked: failed to fill whole buffer");
    assert_eq!(
        refused_array(b"\x80\x04pickled data"),
        "entry `w.npy`: it is not a NumPy array: it does not begin with \\x93NUMPY"
    );
    assert_eq!(
        refused_array(b"\x93NUMPY\x04\x00 and so on"),
        "entry `w.npy`: it is not a NumPy array: its version is none of 1.0, 2.0 and 3.0"
    );
    assert_eq!(
        refused_array(b"\x93NUMPY\x01\x00\xff\xff{"),
        "entry `w.npy`: it is not a NumPy array: its header is longer than 4096 bytes"
    );
    assert_eq!(
        refused_array(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
        "entry `w.npy`: it is not a NumPy array: its header is longer than 4096 bytes"
    );
    assert_eq!(
        refused_array(b"\x93NUMPY\x01\x00\x40\x00{'descr'"),
        "entry `w.npy`: it cannot be unpacked: failed to fill whole buffer"
    );
}

#[test]
fn headers() {
    let header = |descr: &str, order: &str, shape: &str| {
        refused_header(&format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"))
    };
    for descr in ["<i4", "|b1", "<c8", "|O", "<U3", "<f16", "<i2", "|i1", "<u8", "=f4", "|f4", "f4", "", "|V2"] {
        let expected = format!("entry `w.npy`: dtype `{descr}` has no counterpart here");
        assert_eq!(header(&format!("'{descr}'"), "False", "(2,)"), expected);
    }
    let records = header("[('x', '<f4'), ('y', '<f4')]", "False", "(1,)");
    assert!(records.starts_with("entry `w.npy`: dtype `[(\\'x\\', \\'<f4\\')"), "{records}");
    let not_an_array = "entry `w.npy`: it is not a NumPy array: ";
    let shapes = ["2", "(2)", "(-2,)", "(2,,)", "(2, 3", "[2]", "(2.0,)", "(2L,)", "(99999999999999999999,)", "('2',)"];
    for shape in shapes {
        let refused = header("'<f4'", "False", shape);
        assert!(refused.starts_with(not_an_array), "{shape}: {refused}");
    }
    for order in ["0", "None", "true", "'False'"] {
        let refused = header("'<f4'", order, "(2,)");
        assert_eq!(refused, format!("{not_an_array}its fortran_order is neither True nor False"));
    }
    for text in [
        "",
        "{",
        "{}",
        "{'descr': '<f4', 'fortran_order': False, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1, }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } + {}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (2,), }",
        "__import__('os')",
    ] {
        let refused = refused_header(text);
        assert!(refused.starts_with(not_an_array), "{text}: {refused}");
    }
}

#[test]
fn brackets_by_the_thousand_do_not_reach_the_end_of_the_stack() {
    for bracket in ["(", "[", "{"] {
        let refused = refused_header(&format!("{{'shape': {}", bracket.repeat(4000)));
        assert!(refused.starts_with("entry `w.npy`: it is not a NumPy array: its shape"), "{refused}");
        let refused = refused_header(&bracket.repeat(4000));
        assert!(refused.starts_with("entry `w.npy`: it is not a NumPy array: its header"), "{refused}");
    }
}

#[test]
fn shapes() {
    let shape = |shape: &str| refused_array(&array("<f4", shape, &[0; 8]));
    assert_eq!(shape("(3,)"), "entry `w.npy`: it has 8 bytes of values, but its shape and dtype make 12");
    assert_eq!(shape("(1,)"), "entry `w.npy`: it has 8 bytes of values, but its shape and dtype make 4");
    assert_eq!(shape("(0,)"), "entry `w.npy`: it has 8 bytes of values, but its shape and dtype make 0");
    assert_eq!(
        shape("(4294967296, 4294967296)"),
        "entry `w.npy`: shape [4294967296, 4294967296] is too large to be counted"
    );
    // Empty, but whoever multiplies the other extents has overflowed by then.
    assert_eq!(
        shape("(0, 4611686018427387904, 4)"),
        "entry `w.npy`: shape [0, 4611686018427387904, 4] is too large to be counted"
    );
    let deep = format!("({})", "1, ".repeat(65));
    assert_eq!(shape(&deep), "entry `w.npy`: it is not a NumPy array: its shape has more than 64 dimensions");
}

#[test]
fn tensors_of_another_model() {
    let expected = layout([tensor("a", DType::F32, &[2]), tensor("b", DType::F32, &[2])]);
    let entry = |name: &str, descr: &str, shape: &str| Entry::stored(name, &array(descr, shape, &[0; 8]));
    let refused =
        |second: Entry| refusal(&Archive::of([entry("a.npy", "<f4", "(2,)"), second]).bytes(), Some(&expected));
    assert_eq!(refused(entry("c.npy", "<f4", "(2,)")), "tensor `c` does not belong to the model");
    assert_eq!(refused(entry("b.npy", "<f4", "(1, 2)")), "tensor `b` has shape [1, 2] instead of [2]");
    assert_eq!(refused(entry("b.npy", "<u4", "(2,)")), "tensor `b` has dtype uint32 instead of float32");
    let one = Archive::of([entry("a.npy", "<f4", "(2,)")]).bytes();
    assert_eq!(refusal(&one, Some(&expected)), "tensor `b` is missing");
}
