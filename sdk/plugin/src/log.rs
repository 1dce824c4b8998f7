//! The plugin's own log, which the host keeps beside the round.

pub use crate::bindings::fedwit::plugin::log::Level;

/// Writes one line. Natively there is no host to keep it: it goes to standard error.
pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::fedwit::plugin::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}
