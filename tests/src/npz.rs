//! npz files, put together byte by byte.
//!
//! What a client sends is not written by the code that reads it in the server: an error in both would pass. Nor are the
//! files that no library would write, which is why every part of them can be told to lie.

mod read;
mod write;

pub use self::read::{Array, read};
pub use self::write::{Entry, Method, archive, stored};
