//! What WASI's functions do with an instance: handles, and output to the plugin's log.

use wasmtime::component::Resource;

use super::HostState;
use crate::log::Level;
use crate::wasi::{Wait, WasiHandle};

impl HostState {
    pub(crate) fn give(&mut self, handle: WasiHandle) -> wasmtime::Result<Resource<WasiHandle>> {
        self.push(handle)
    }

    pub(crate) fn forget(&mut self, handle: Resource<WasiHandle>) -> wasmtime::Result<()> {
        self.delete(handle)?;
        Ok(())
    }

    pub(crate) fn wait(&self, handle: &Resource<WasiHandle>) -> wasmtime::Result<Wait> {
        match self.table.get(handle)? {
            WasiHandle::Wait(wait) => Ok(*wait),
            _ => Err(wasmtime::Error::msg("it waits for what is nothing to wait for")),
        }
    }

    /// Output, of which every line is one of the plugin's log.
    pub(crate) fn print(&mut self, handle: &Resource<WasiHandle>, bytes: &[u8]) -> wasmtime::Result<()> {
        match self.table.get(handle)? {
            WasiHandle::Output => self.wasi.output.write(bytes, |line| self.log.write(Level::Info, line)),
            WasiHandle::Errors => self.wasi.errors.write(bytes, |line| self.log.write(Level::Warn, line)),
            _ => return Err(wasmtime::Error::msg("it writes to what is no output")),
        }
        Ok(())
    }

    /// What was written to the log, lines that have not ended included.
    pub(crate) fn take_log(&mut self) -> Vec<crate::LogLine> {
        self.wasi.output.flush(|line| self.log.write(Level::Info, line));
        self.wasi.errors.flush(|line| self.log.write(Level::Warn, line));
        self.log.take()
    }

    pub(crate) fn bytes_per_host_call(&self) -> usize {
        self.limits.bytes_per_host_call
    }
}
