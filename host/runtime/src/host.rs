//! What a plugin's instance has on the host's side: its handles, and what it has used up.
#![allow(unreachable_pub, reason = "the generated bindings re-export the types of handles, in a private module too")]

mod blobs;
mod expressions;
mod log;
mod order_statistics;
mod secrets;
mod tensors;
mod types;
mod updates;
mod wasi;

pub use blobs::{BlobHandle, BlobWriterHandle};

use std::sync::Arc;

use fedwit_tensor::{Accumulator, Builder, Parameters, TensorError};
use wasmtime::ResourceLimiter;
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

use crate::clock::CallClock;
use crate::ledger::{Claim, Ledger};
use crate::log::PluginLog;
use crate::permissions::Grants;
use crate::storage::Backing;
use crate::update::Update;
use crate::wasi::Wasi;
use crate::{Limit, Limits, bindings};

/// Parameters behind a handle. The memory of those that a plugin made is guarded by claims.
pub struct ParametersHandle {
    pub(crate) parameters: Parameters,
    /// The memory of the graph, if they are an expression.
    _graph: Option<Claim>,
}

/// A builder behind a handle.
pub struct BuilderHandle {
    builder: Builder,
    claim: Claim,
}

/// An accumulator behind a handle.
pub struct AccumulatorHandle {
    accumulator: Accumulator,
    claim: Claim,
    /// The memory of the graphs of values that wait to be folded.
    waiting: Vec<Claim>,
}

/// An update behind a handle.
pub struct UpdateHandle {
    update: Update,
    /// How many global models have been made since the one that the client started from.
    staleness: u32,
}

/// Why a host function did not do what it was asked to: the plugin's own mistake, which it is told of, or a limit,
/// which ends the call.
#[derive(Debug)]
pub enum Failure {
    /// Handed to the plugin as an error value.
    Told(bindings::types::Error),
    /// Ends the call.
    Trap(wasmtime::Error),
}

impl From<TensorError> for Failure {
    fn from(error: TensorError) -> Self {
        Self::Told(bindings::types::Error::Failed(error.to_string()))
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<Limit> for Failure {
    fn from(limit: Limit) -> Self {
        Self::Trap(wasmtime::Error::new(limit))
    }
}

/// The data of a plugin's store.
pub(crate) struct HostState {
    table: ResourceTable,
    handles: usize,
    peak_handles: usize,
    limits: Limits,
    memory_bytes: usize,
    table_elements: usize,
    ledger: Ledger,
    blob_bytes: u64,
    grants: Arc<Grants>,
    /// Where a storage adapter's blobs go; none for every other plugin.
    pub(crate) backing: Option<Backing>,
    pub(crate) wasi: Wasi,
    pub(crate) clock: CallClock,
    log: PluginLog,
}

impl HostState {
    pub(crate) fn new(limits: &Limits, grants: &Arc<Grants>, seed: u64) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            table,
            handles: 0,
            peak_handles: 0,
            limits: limits.clone(),
            memory_bytes: 0,
            table_elements: 0,
            ledger: Ledger::new(limits.tensor_bytes),
            blob_bytes: 0,
            grants: Arc::clone(grants),
            backing: None,
            wasi: Wasi::new(grants, seed),
            clock: CallClock::new(limits),
            log: PluginLog::new(limits),
        }
    }

    /// Starts the time of a call, and what else is counted by the call.
    pub(crate) fn start_call(&mut self) {
        self.clock.start_call();
        self.log.start_call();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn peak_tensor_bytes(&self) -> usize {
        self.ledger.peak()
    }

    /// The most handles that there were at a time.
    pub(crate) fn peak_handles(&self) -> usize {
        self.peak_handles
    }

    /// A handle to parameters that the host has made for reasons of its own, and charges nobody with.
    pub(crate) fn lend_parameters(&mut self, parameters: Parameters) -> wasmtime::Result<Resource<ParametersHandle>> {
        self.push(ParametersHandle { parameters, _graph: None })
    }

    /// A handle to an update.
    pub(crate) fn lend_update(&mut self, update: Update, staleness: u32) -> wasmtime::Result<Resource<UpdateHandle>> {
        self.push(UpdateHandle { update, staleness })
    }

    /// Takes parameters back from the plugin.
    pub(crate) fn take_parameters(&mut self, handle: Resource<ParametersHandle>) -> wasmtime::Result<Parameters> {
        Ok(self.delete(handle)?.parameters)
    }

    fn push<T: Send + 'static>(&mut self, value: T) -> wasmtime::Result<Resource<T>> {
        let handle = self.table.push(value).map_err(|error| match error {
            ResourceTableError::Full => wasmtime::Error::new(Limit::Handles { limit: self.limits.handles }),
            other => other.into(),
        })?;
        self.handles += 1;
        self.peak_handles = self.peak_handles.max(self.handles);
        Ok(handle)
    }

    /// Takes what is behind a handle, which is none from now on.
    fn delete<T: Send + 'static>(&mut self, handle: Resource<T>) -> Result<T, ResourceTableError> {
        let value = self.table.delete(handle)?;
        self.handles -= 1;
        Ok(value)
    }

    fn parameters(&self, handle: &Resource<ParametersHandle>) -> wasmtime::Result<&Parameters> {
        Ok(&self.table.get(handle)?.parameters)
    }
}

impl ResourceLimiter for HostState {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let limit = self.limits.memory_bytes;
        if wanted > limit {
            return Err(wasmtime::Error::new(Limit::Memory { wanted, limit }));
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        let limit = self.limits.table_elements;
        if wanted > limit {
            return Err(wasmtime::Error::new(Limit::Table { wanted, limit }));
        }
        self.table_elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        // Core instances: a component's parts, not instances of the plugin.
        let Limits { parts, .. } = self.limits;
        parts
    }

    fn tables(&self) -> usize {
        self.limits.parts
    }

    fn memories(&self) -> usize {
        self.limits.parts
    }
}
