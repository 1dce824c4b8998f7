//! Files that a server has to refuse, and one that it takes.

use anyhow::Result;
use bytes::Bytes;
use fedwit_tests::npz::{Entry, Method, archive};

/// The shape of the model's first tensor; the second is a vector of three.
pub(crate) const SHAPE: [u64; 2] = [2, 3];

/// The values of an honest model.
pub(crate) const VALUES: [f32; 6] = [0.5, -1.0, 2.0, 0.25, 0.0, -4.0];
pub(crate) const OFFSETS: [f32; 3] = [1.0, 2.0, 3.0];

fn first(values: &[f32]) -> Entry {
    Entry::float32("0", &SHAPE, values)
}

fn second() -> Entry {
    Entry::float32("1", &[3], &OFFSETS)
}

/// A model of two tensors.
pub(crate) fn honest() -> Result<Bytes> {
    archive(&[first(&VALUES), second()])
}

/// A model that says what it is not, with a first tensor that is told how to lie.
fn lying(lie: impl FnOnce(&mut Entry)) -> Result<Bytes> {
    let mut entry = first(&VALUES);
    lie(&mut entry);
    archive(&[entry, second()])
}

/// A value that is no number.
pub(crate) fn not_finite(value: f32) -> Result<Bytes> {
    archive(&[first(&[0.0, value, 0.0, 0.0, 0.0, 0.0]), second()])
}

/// Its second tensor is missing.
pub(crate) fn missing() -> Result<Bytes> {
    archive(&[first(&VALUES)])
}

/// It has a third tensor.
pub(crate) fn surplus() -> Result<Bytes> {
    archive(&[first(&VALUES), second(), Entry::float32("2", &[1], &[0.0])])
}

/// Its first tensor has another shape.
pub(crate) fn shaped(shape: &[u64], values: &[f32]) -> Result<Bytes> {
    archive(&[Entry::float32("0", shape, values), second()])
}

/// It ends in the middle.
pub(crate) fn truncated() -> Result<Bytes> {
    let whole = honest()?;
    Ok(whole.slice(..whole.len() / 2))
}

/// The array's header promises more than there is.
pub(crate) fn promises_more() -> Result<Bytes> {
    lying(|entry| {
        entry.values.truncate(8);
    })
}

/// The array's header promises more than any machine has.
pub(crate) fn promises_everything() -> Result<Bytes> {
    lying(|entry| entry.shape = vec![1 << 40, 1 << 20])
}

/// The archive says that an array is four gibibytes long.
pub(crate) fn claims_four_gibibytes() -> Result<Bytes> {
    lying(|entry| entry.claimed_size = Some(u32::MAX))
}

/// An array that begins honestly, and goes on for 64 mebibytes of compressed zeros.
pub(crate) fn bomb() -> Result<Bytes> {
    lying(|entry| {
        entry.values = vec![0; 64 << 20];
        entry.method = Method::Deflated;
        entry.claimed_size = Some(152);
    })
}

/// The same, and the header says so.
pub(crate) fn declared_bomb() -> Result<Bytes> {
    lying(|entry| {
        entry.shape = vec![16 << 20];
        entry.values = vec![0; 64 << 20];
        entry.method = Method::Deflated;
    })
}

/// Python objects, which only code could read.
pub(crate) fn pickled() -> Result<Bytes> {
    lying(|entry| entry.descr = "|O".to_owned())
}

/// No archive at all.
pub(crate) fn text() -> Bytes {
    Bytes::from_static(b"this is a text and no model, however long one looks at it")
}

/// Seeds that a server has to refuse, and what it says of each.
pub(crate) fn seeds() -> Result<Vec<(&'static str, Bytes, &'static str)>> {
    Ok(vec![
        ("nan", not_finite(f32::NAN)?, "finite"),
        ("infinity", not_finite(f32::INFINITY)?, "finite"),
        ("truncated", truncated()?, ""),
        ("promises more", promises_more()?, "0"),
        ("promises everything", promises_everything()?, "0"),
        ("claims four gibibytes", claims_four_gibibytes()?, "0"),
        ("bomb", bomb()?, "0"),
        ("pickled", pickled()?, "0"),
        ("text", text(), ""),
        ("nothing", Bytes::new(), ""),
        ("no tensors", archive(&[])?, "tensor"),
        ("path", archive(&[Entry::float32("../../escaped", &[1], &[1.0])])?, "escaped"),
    ])
}
