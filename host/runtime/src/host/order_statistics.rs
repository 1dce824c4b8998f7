//! The functions of `tensors` that take many models at once.

use fedwit_tensor::{Layout, Parameters, TensorError};
use wasmtime::component::Resource;

use super::{Failure, HostState, ParametersHandle};
use crate::Limit;
use crate::bindings::tensors;

type Handles = Vec<Resource<ParametersHandle>>;

impl tensors::Host for HostState {
    fn median(&mut self, models: Handles) -> Result<Resource<ParametersHandle>, Failure> {
        self.over_all(&models, fedwit_tensor::median)
    }

    fn trimmed_mean(&mut self, models: Handles, trim: f64) -> Result<Resource<ParametersHandle>, Failure> {
        self.over_all(&models, |models| fedwit_tensor::trimmed_mean(models, trim))
    }

    fn mean_around_median(&mut self, models: Handles, keep: u32) -> Result<Resource<ParametersHandle>, Failure> {
        self.over_all(&models, |models| fedwit_tensor::mean_around_median(models, keep as usize))
    }

    fn squared_norms(&mut self, models: Handles) -> Result<Vec<f64>, Failure> {
        let models: Vec<Parameters> = self.all(&models)?.into_iter().cloned().collect();
        Ok(self.squared_norms_of(&models))
    }

    fn squared_distances(&mut self, models: Handles) -> Result<Vec<f64>, Failure> {
        // As many numbers as there are pairs, and a list may name one handle again and again.
        let limit = self.limits.bytes_per_host_call;
        if models.len().saturating_mul(models.len()).saturating_mul(size_of::<f64>()) > limit {
            return Err(Limit::HostCallBytes { limit }.into());
        }
        Ok(fedwit_tensor::squared_distances(&self.all(&models)?)?)
    }
}

impl HostState {
    fn over_all(
        &mut self,
        models: &Handles,
        of: impl FnOnce(&[&Parameters]) -> Result<Parameters, TensorError>,
    ) -> Result<Resource<ParametersHandle>, Failure> {
        let bytes = self.all(models)?.first().map_or(0, |model| Layout::widened_bytes(model.layout()));
        self.afford(bytes)?;
        let result = of(&self.all(models)?)?;
        self.keep(result)
    }

    /// The models of a list. It may name one handle again and again, and a block of each is held at a time: there may
    /// be no more of them than handles.
    fn all(&self, models: &Handles) -> wasmtime::Result<Vec<&Parameters>> {
        let limit = self.limits.handles;
        if models.len() > limit {
            return Err(wasmtime::Error::new(Limit::Handles { limit }));
        }
        models.iter().map(|handle| self.parameters(handle)).collect()
    }
}
