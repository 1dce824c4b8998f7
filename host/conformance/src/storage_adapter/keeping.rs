//! What is put, and what one gets.

use super::{Shelf, content, expect, get, put};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

/// Sizes around those that adapters read and write at a time: powers of two, and several of them.
const SIZES: [usize; 15] = [
    0,
    1,
    15,
    16,
    17,
    (64 << 10) - 1,
    64 << 10,
    (64 << 10) + 1,
    (1 << 20) - 16,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    2 << 20,
    (4 << 20) + 1,
    5_000_003,
];

pub(super) fn sizes(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let mut storage = scene.open(&shelf)?;
    for (index, size) in SIZES.into_iter().enumerate() {
        // Many segments, and all letters that a key may have.
        let key = format!("kept/{index}/A-z_0.9/{size}");
        let bytes = content(index as u64, size);
        put(&mut storage, &key, &bytes)?;
        expect(&mut storage, &key, &bytes)?;
    }
    let longest = format!("kept/{}", "k".repeat(251));
    put(&mut storage, &longest, b"long")?;
    expect(&mut storage, &longest, b"long")?;
    if get(&mut storage, "kept/nothing")?.is_some() {
        return broken("there is a blob where none was put");
    }
    Ok(Verdict::Passed)
}

pub(super) fn replacing(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let mut storage = scene.open(&shelf)?;
    let beside = content(1, 3000);
    put(&mut storage, "kept/beside", &beside)?;
    for (index, size) in [100, 200_000, 100, 0, 7].into_iter().enumerate() {
        let bytes = content(index as u64, size);
        put(&mut storage, "kept/a", &bytes)?;
        expect(&mut storage, "kept/a", &bytes)?;
    }
    expect(&mut storage, "kept/beside", &beside)?;
    Ok(Verdict::Passed)
}

pub(super) fn removing(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let mut storage = scene.open(&shelf)?;
    for key in ["kept/a", "kept/b"] {
        put(&mut storage, key, &content(2, 70_000))?;
    }
    let both: usize = shelf.store.kept().values().map(|bytes| bytes.len()).sum();
    for _ in 0..2 {
        storage.remove("kept/a")?;
        if get(&mut storage, "kept/a")?.is_some() {
            return broken("what was removed is still there");
        }
    }
    expect(&mut storage, "kept/b", &content(2, 70_000))?;
    storage.remove("kept/b")?;
    let left: usize = shelf.store.kept().values().map(|bytes| bytes.len()).sum();
    // It may keep a list of its own, but not what takes the room.
    if left * 2 > both {
        return broken(format!("of {both} bytes in the store {left} are left when all blobs are removed"));
    }
    Ok(Verdict::Passed)
}

pub(super) fn reopening(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let bytes = content(3, 300_000);
    put(&mut scene.open(&shelf)?, "kept/a", &bytes)?;
    let mut again = scene.open(&shelf)?;
    expect(&mut again, "kept/a", &bytes)?;
    if again.keys("kept/", None, 10)? != ["kept/a"] {
        return broken("opened again, it does not list what was put before");
    }
    again.remove("kept/a")?;
    drop(again);
    match get(&mut scene.open(&shelf)?, "kept/a")? {
        None => Ok(Verdict::Passed),
        Some(_) => broken("opened again, it has what was removed before"),
    }
}

pub(super) fn failing(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let mut storage = scene.open(&shelf)?;
    put(&mut storage, "kept/a", b"a")?;
    // An error ends an adapter, so that each call has one of its own.
    let opened = || scene.open(&shelf);
    let (mut one, mut two, mut three, mut four) = (opened()?, opened()?, opened()?, opened()?);
    shelf.store.fail(true);
    let told = [
        ("put", put(&mut one, "kept/b", b"b").is_err()),
        ("get", two.get("kept/a").is_err()),
        ("remove", three.remove("kept/a").is_err()),
        ("keys", four.keys("kept/", None, 10).is_err()),
    ];
    shelf.store.fail(false);
    match told.iter().find(|(_, told)| !told) {
        Some((function, _)) => broken(format!("`{function}` passes over it, so that a blob is lost without a word")),
        None => Ok(Verdict::Passed),
    }
}
