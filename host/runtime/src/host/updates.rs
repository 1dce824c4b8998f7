//! `updates`: what clients send.

use wasmtime::component::Resource;

use super::{Failure, HostState, ParametersHandle, UpdateHandle};
use crate::bindings::{types, updates};

impl updates::Host for HostState {}

impl updates::HostUpdate for HostState {
    fn info(&mut self, handle: Resource<UpdateHandle>) -> wasmtime::Result<updates::UpdateInfo> {
        let UpdateHandle { update, staleness } = self.table.get(&handle)?;
        let metrics = &update.info.metrics;
        Ok(updates::UpdateInfo {
            client: update.info.client.clone(),
            num_examples: update.info.num_examples,
            staleness: *staleness,
            metrics: metrics
                .iter()
                .map(|metric| types::Metric { name: metric.name.clone(), value: metric.value })
                .collect(),
        })
    }

    fn parameters(&mut self, handle: Resource<UpdateHandle>) -> Result<Resource<ParametersHandle>, Failure> {
        let parameters = self.table.get(&handle).map_err(wasmtime::Error::from)?.update.parameters.clone();
        Ok(self.lend_parameters(parameters)?)
    }

    fn delta(&mut self, handle: Resource<UpdateHandle>) -> Result<Resource<ParametersHandle>, Failure> {
        let update = &self.table.get(&handle).map_err(wasmtime::Error::from)?.update;
        let delta = update.parameters.delta_from(&update.base)?;
        self.keep(delta)
    }

    fn drop(&mut self, handle: Resource<UpdateHandle>) -> wasmtime::Result<()> {
        self.delete(handle)?;
        Ok(())
    }
}
