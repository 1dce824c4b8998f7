//! What there is.

use super::{Shelf, put};
use crate::Verdict;
use crate::rule::{Broken, Scene, broken};

pub(super) fn pages(scene: &Scene) -> Result<Verdict, Broken> {
    let shelf = Shelf::new()?;
    let mut storage = scene.open(&shelf)?;
    let mut keys: Vec<String> = (0..25_u32).map(|index| format!("kept/{}/{}", index % 3, index * 7 % 25)).collect();
    keys.extend(["kept-not/0", "kept/10", "other/A", "other/a"].map(str::to_owned));
    for key in &keys {
        put(&mut storage, key, key.as_bytes())?;
    }
    keys.sort_unstable();
    for prefix in ["", "k", "kept/", "kept/1", "kept/1/", "other/a", "none/"] {
        let expected: Vec<&String> = keys.iter().filter(|key| key.starts_with(prefix)).collect();
        for most in [1, 4, 1000] {
            // An adapter may give fewer than are asked for, but none only in the end.
            let mut found: Vec<String> = Vec::new();
            loop {
                let page = storage.keys(prefix, found.last().map(String::as_str), most)?;
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            if !found.iter().eq(expected.iter().copied()) {
                let (found, expected) = (found.len(), expected.len());
                return broken(format!(
                    "under `{prefix}`, in pages of {most}, it lists {found} keys, which are not the {expected} that were put"
                ));
            }
        }
    }
    Ok(Verdict::Passed)
}
