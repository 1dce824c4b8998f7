//! `log`: the plugin's own log.

use super::HostState;
use crate::bindings::log;

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.log.write(level.into(), &message);
        Ok(())
    }
}
