//! What was changed in the store, behind the adapter's back.
//!
//! An adapter that hands blobs on as they are cannot know what they were: the server does, by their digests. So what is
//! not detected is told and not held against it. An adapter with keys of its own is meant to detect everything.

use std::sync::Arc;

use super::memory::Kept;
use super::{Shelf, content, put, read};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

/// A way to change what is kept. False if there is nothing to change in this way.
type Change = fn(&mut Kept) -> bool;

const CHANGES: [(&str, Change); 6] = [
    ("a changed first byte", |kept| each(kept, |bytes| flip(bytes, |_| 0))),
    ("a changed byte in the middle", |kept| each(kept, |bytes| flip(bytes, |length| length / 2))),
    ("a changed last byte", |kept| each(kept, |bytes| flip(bytes, |length| length.saturating_sub(1)))),
    ("a cut end", |kept| each(kept, |bytes| bytes.pop().is_some())),
    ("an appended byte", |kept| {
        each(kept, |bytes| {
            bytes.push(0);
            true
        })
    }),
    ("blobs that change places", swap),
];

pub(super) fn changes(scene: &Scene) -> Result<Verdict, Broken> {
    let blobs = [("kept/a", content(5, 150_000)), ("kept/b", content(6, 150_000))];
    let shelf = Shelf::new()?;
    let mut storage = scene.open(&shelf)?;
    for (key, bytes) in &blobs {
        put(&mut storage, key, bytes)?;
    }
    let whole = shelf.store.kept().clone();
    let mut missed = Vec::new();
    for (what, change) in CHANGES {
        shelf.store.kept().clone_from(&whole);
        if !change(&mut shelf.store.kept()) {
            return broken("nothing of two blobs is in the store");
        }
        for (key, bytes) in &blobs {
            // Whatever the error is: the adapter may have broken on what it found.
            let found = scene.open(&shelf)?.get(key);
            let other = match found {
                Ok(Some(blob)) => read(blob.as_ref())? != *bytes,
                // Not to be there is no error, and a server takes it at its word.
                Ok(None) => true,
                Err(_) => false,
            };
            if other && missed.last() != Some(&what) {
                missed.push(what);
            }
        }
    }
    if missed.is_empty() {
        Ok(Verdict::Passed)
    } else {
        Ok(Verdict::Noted(format!("it does not detect {}", missed.join(", "))))
    }
}

/// Changes every blob. False if there was none to change.
fn each(kept: &mut Kept, change: impl Fn(&mut Vec<u8>) -> bool) -> bool {
    let mut changed = false;
    for bytes in kept.values_mut() {
        let mut other = bytes.to_vec();
        changed |= change(&mut other);
        *bytes = other.into();
    }
    changed
}

/// Changes one byte, where there is any.
fn flip(bytes: &mut [u8], at: impl Fn(usize) -> usize) -> bool {
    let index = at(bytes.len());
    bytes.get_mut(index).map(|byte| *byte ^= 1).is_some()
}

/// Those that are of one size, so that nothing but their content tells them apart.
fn swap(kept: &mut Kept) -> bool {
    let keys: Vec<String> = kept.keys().cloned().collect();
    for (index, key) in keys.iter().enumerate() {
        for other in &keys[index + 1..] {
            let (left, right): (Arc<[u8]>, Arc<[u8]>) = (Arc::clone(&kept[key]), Arc::clone(&kept[other]));
            if left.len() == right.len() && left != right {
                kept.insert(key.clone(), right);
                kept.insert(other.clone(), left);
                return true;
            }
        }
    }
    // It keeps blobs in pieces of its own, or all in one.
    true
}
