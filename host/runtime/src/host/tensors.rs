//! The resources of `tensors`: parameters, builders and accumulators.

use std::sync::Arc;

use fedwit_tensor::{Accumulator, Builder, Parameters, TensorError};
use wasmtime::component::Resource;

use super::{AccumulatorHandle, BuilderHandle, Failure, HostState, ParametersHandle};
use crate::bindings::{tensors, types};

type Handle = Resource<ParametersHandle>;
type Made = Result<Handle, Failure>;

impl HostState {
    /// A new model made of one.
    fn made_of(&mut self, of: &Handle, make: impl FnOnce(&Parameters) -> Result<Parameters, TensorError>) -> Made {
        let made = make(self.parameters(of)?)?;
        self.keep(made)
    }

    /// A new model made of two.
    fn made_of_both(
        &mut self,
        left: &Handle,
        right: &Handle,
        make: impl FnOnce(&Parameters, &Parameters) -> Result<Parameters, TensorError>,
    ) -> Made {
        let made = make(self.parameters(left)?, self.parameters(right)?)?;
        self.keep(made)
    }
}

impl tensors::HostParameters for HostState {
    fn layout(&mut self, of: Handle) -> wasmtime::Result<Vec<types::TensorType>> {
        Ok(self.parameters(&of)?.layout().tensors().iter().map(Into::into).collect())
    }

    fn plus(&mut self, of: Handle, other: Handle) -> Made {
        self.made_of_both(&of, &other, Parameters::plus)
    }

    fn minus(&mut self, of: Handle, other: Handle) -> Made {
        self.made_of_both(&of, &other, Parameters::minus)
    }

    fn times(&mut self, of: Handle, other: Handle) -> Made {
        self.made_of_both(&of, &other, Parameters::times)
    }

    fn divided_by(&mut self, of: Handle, other: Handle) -> Made {
        self.made_of_both(&of, &other, Parameters::divided_by)
    }

    fn maximum(&mut self, of: Handle, other: Handle) -> Made {
        self.made_of_both(&of, &other, Parameters::maximum)
    }

    fn minimum(&mut self, of: Handle, other: Handle) -> Made {
        self.made_of_both(&of, &other, Parameters::minimum)
    }

    fn scaled(&mut self, of: Handle, factor: f64) -> Made {
        self.made_of(&of, |parameters| parameters.scaled(factor))
    }

    fn shifted(&mut self, of: Handle, offset: f64) -> Made {
        self.made_of(&of, |parameters| parameters.shifted(offset))
    }

    fn power(&mut self, of: Handle, exponent: f64) -> Made {
        self.made_of(&of, |parameters| parameters.power(exponent))
    }

    fn clamped(&mut self, of: Handle, low: f64, high: f64) -> Made {
        self.made_of(&of, |parameters| parameters.clamped(low, high))
    }

    fn filled(&mut self, of: Handle, value: f64) -> Made {
        self.made_of(&of, |parameters| parameters.filled(value))
    }

    fn square(&mut self, of: Handle) -> Made {
        self.made_of(&of, Parameters::square)
    }

    fn root(&mut self, of: Handle) -> Made {
        self.made_of(&of, Parameters::root)
    }

    fn magnitude(&mut self, of: Handle) -> Made {
        self.made_of(&of, Parameters::magnitude)
    }

    fn sign(&mut self, of: Handle) -> Made {
        self.made_of(&of, Parameters::sign)
    }

    fn cast(&mut self, of: Handle, to: types::Dtype) -> Made {
        let to = fedwit_tensor::DType::from(to);
        if !to.is_float() {
            // Whether an integer can hold every value is to be known now.
            let bytes = self.parameters(&of)?.layout().elements().saturating_mul(to.size());
            self.afford(bytes)?;
        }
        self.made_of(&of, |parameters| parameters.cast(to))
    }

    fn widened(&mut self, of: Handle) -> Made {
        self.made_of(&of, Parameters::widened)
    }

    fn sum(&mut self, of: Handle) -> Result<f64, Failure> {
        Ok(self.parameters(&of)?.sum())
    }

    fn squared_norm(&mut self, of: Handle) -> Result<f64, Failure> {
        let of = self.parameters(&of)?.clone();
        Ok(self.squared_norms_of(&[of]).into_iter().sum())
    }

    fn dot(&mut self, of: Handle, other: Handle) -> Result<f64, Failure> {
        Ok(self.parameters(&of)?.dot(self.parameters(&other)?)?)
    }

    fn largest(&mut self, of: Handle) -> Result<f64, Failure> {
        Ok(self.parameters(&of)?.largest())
    }

    fn smallest(&mut self, of: Handle) -> Result<f64, Failure> {
        Ok(self.parameters(&of)?.smallest())
    }

    fn all_finite(&mut self, of: Handle) -> Result<bool, Failure> {
        Ok(self.parameters(&of)?.check_finite().is_ok())
    }

    fn elements(&mut self, of: Handle) -> wasmtime::Result<u64> {
        Ok(self.parameters(&of)?.layout().elements() as u64)
    }

    fn only(&mut self, of: Handle, names: Vec<String>) -> Made {
        // Shares what it is made of, but must be charged with it: it outlives the handle it was made from.
        let part = self.parameters(&of)?.only(&names)?;
        self.keep(part)
    }

    fn replaced(&mut self, of: Handle, part: Handle) -> Made {
        let replaced = self.parameters(&of)?.replaced(self.parameters(&part)?)?;
        self.keep(replaced)
    }

    fn read(&mut self, of: Handle, name: String, first: u64, count: u64) -> Result<Vec<u8>, Failure> {
        let parameters = self.parameters(&of)?;
        // The bytes lie in the host's memory before they lie in the guest's.
        let limit = self.limits.bytes_per_host_call;
        if count.saturating_mul(8) > limit as u64 {
            return Err(crate::Limit::HostCallBytes { limit }.into());
        }
        Ok(parameters.read(&name, first, count)?)
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.take_parameters(handle)?;
        Ok(())
    }
}

impl tensors::HostBuilder for HostState {
    fn new(&mut self, like: Handle) -> wasmtime::Result<Resource<BuilderHandle>> {
        let layout = self.parameters(&like)?.layout().clone();
        let claim = self.claim(layout.bytes()).map_err(wasmtime::Error::new)?;
        self.push(BuilderHandle { builder: Builder::zeros(&layout), claim })
    }

    fn write(
        &mut self,
        handle: Resource<BuilderHandle>,
        name: String,
        first: u64,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        let handle = self.table.get_mut(&handle).map_err(wasmtime::Error::from)?;
        Ok(handle.builder.write(&name, first, &bytes)?)
    }

    fn build(&mut self, handle: Resource<BuilderHandle>) -> Made {
        let BuilderHandle { builder, claim } = self.delete(handle).map_err(wasmtime::Error::from)?;
        drop(claim);
        self.keep(builder.build())
    }

    fn drop(&mut self, handle: Resource<BuilderHandle>) -> wasmtime::Result<()> {
        self.delete(handle)?;
        Ok(())
    }
}

impl tensors::HostAccumulator for HostState {
    fn new(&mut self, like: Handle) -> wasmtime::Result<Resource<AccumulatorHandle>> {
        let layout = self.parameters(&like)?.layout().clone();
        let claim = self.claim(Accumulator::bytes_for(&layout)).map_err(wasmtime::Error::new)?;
        // A constructor has no error to give: this ends the call.
        let accumulator = Accumulator::new(&layout).map_err(wasmtime::Error::new)?;
        self.push(AccumulatorHandle { accumulator, claim, waiting: Vec::new() })
    }

    fn add(&mut self, handle: Resource<AccumulatorHandle>, value: Handle, weight: f64) -> Result<(), Failure> {
        let value = self.parameters(&value)?.clone();
        let graph = self.claim(value.graph_bytes())?;
        let handle = self.table.get_mut(&handle).map_err(wasmtime::Error::from)?;
        handle.accumulator.add(&value, weight)?;
        handle.waiting.push(graph);
        if handle.accumulator.waiting() == 0 {
            handle.waiting.clear();
        }
        Ok(())
    }

    fn total_weight(&mut self, handle: Resource<AccumulatorHandle>) -> wasmtime::Result<f64> {
        Ok(self.table.get(&handle)?.accumulator.total_weight())
    }

    fn mean(&mut self, handle: Resource<AccumulatorHandle>) -> Made {
        let AccumulatorHandle { accumulator, claim, .. } = self.delete(handle).map_err(wasmtime::Error::from)?;
        // One piece of memory for all tensors, which is there until the last of them goes.
        let claim = Arc::new(claim);
        let mean = accumulator.mean()?.guarded(|_| Arc::clone(&claim) as _);
        self.keep(mean)
    }

    fn drop(&mut self, handle: Resource<AccumulatorHandle>) -> wasmtime::Result<()> {
        self.delete(handle)?;
        Ok(())
    }
}
