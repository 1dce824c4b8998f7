//! When expressions are computed, and what that costs the plugin.
//!
//! Arithmetic gives expressions, which take no memory but that of their graph. They are computed when something asks for
//! their values, when they have too many operations, or when what they keep alive leaves no room for anything else. The
//! call that has it come to that pays: with its time, and with the bytes of the result.

use std::any::Any;
use std::sync::Arc;

use fedwit_tensor::Parameters;
use wasmtime::component::Resource;

use super::{AccumulatorHandle, Failure, HostState, ParametersHandle};
use crate::Limit;
use crate::ledger::Claim;

impl HostState {
    /// Refuses work whose result would be too much to keep, before it is done.
    pub(crate) fn afford(&mut self, bytes: usize) -> Result<(), Limit> {
        if self.ledger.afford(bytes).is_err() {
            self.relieve(bytes);
        }
        self.ledger.afford(bytes)
    }

    pub(super) fn claim(&mut self, bytes: usize) -> Result<Claim, Limit> {
        self.afford(bytes)?;
        Ok(self.ledger.claim(bytes))
    }

    /// A handle to a result, whose memory is charged for as long as anything keeps it alive.
    pub(super) fn keep(&mut self, parameters: Parameters) -> Result<Resource<ParametersHandle>, Failure> {
        let parameters = if parameters.nodes() > self.limits.expression_nodes {
            self.afford(parameters.layout().widened_bytes())?;
            parameters.evaluated()
        } else {
            parameters
        };
        let parameters = self.charged(parameters);
        let graph = match parameters.graph_bytes() {
            0 => None,
            bytes => Some(self.claim(bytes)?),
        };
        Ok(self.push(ParametersHandle { parameters, _graph: graph })?)
    }

    /// The same parameters, and whatever of them is new in memory charged.
    fn charged(&self, parameters: Parameters) -> Parameters {
        parameters.guarded(|bytes| Arc::new(self.ledger.claim(bytes)))
    }

    /// The sum of the squares of all elements of each model.
    ///
    /// Plugins show norms of what they are about to return. What other handles hold of the same computation is kept in
    /// the same pass, if there is room for it, or it would have to be computed once more.
    pub(super) fn squared_norms_of(&mut self, models: &[Parameters]) -> Vec<f64> {
        // Each has its sums in every piece of work: a list may name one handle again and again.
        const AT_ONCE: usize = 64;
        models.chunks(AT_ONCE).flat_map(|models| self.some_squared_norms_of(models)).collect()
    }

    fn some_squared_norms_of(&mut self, models: &[Parameters]) -> Vec<f64> {
        let mut others: Vec<Parameters> = Vec::new();
        if models.iter().any(|model| model.nodes() > 0) {
            let expressions = self.all_parameters().map(|handle| &handle.parameters);
            let expressions =
                expressions.filter(|other| other.nodes() > 0 && !models.iter().any(|model| model.is(other)));
            others = Parameters::sharing(models, expressions).into_iter().cloned().collect();
        }
        let bytes = others.iter().map(|other| other.layout().widened_bytes()).fold(0, usize::saturating_add);
        if self.ledger.afford(bytes).is_err() {
            others.clear();
        }
        let (kept, norms) = Parameters::evaluate_with_norms(&refs(&others), &refs(models));
        for (expression, kept) in others.iter().zip(kept) {
            let kept = self.charged(kept);
            self.replace(expression, &kept);
        }
        norms
    }

    /// Has every handle to an expression hold what was computed of it.
    fn replace(&mut self, expression: &Parameters, kept: &Parameters) {
        for handle in self.all_parameters_mut().filter(|handle| handle.parameters.is(expression)) {
            *handle = ParametersHandle { parameters: kept.clone(), _graph: None };
        }
    }

    /// Computes expressions that keep more alive than they would take themselves, one after the other, until there is
    /// room for so many bytes or it is no use. At most one result is made beyond the limit.
    fn relieve(&mut self, bytes: usize) {
        self.flush_accumulators();
        let greedy = |parameters: &Parameters| {
            parameters.nodes() > 0 && parameters.pinned_bytes() > parameters.layout().widened_bytes()
        };
        let expressions: Vec<Parameters> = self
            .all_parameters()
            .map(|handle| &handle.parameters)
            .filter(|parameters| greedy(parameters))
            .cloned()
            .collect();
        for expression in expressions {
            let before = self.ledger.used();
            let kept = self.charged(expression.evaluated());
            self.replace(&expression, &kept);
            // What it was made of goes with the last expression that needs it.
            drop(expression);
            if self.ledger.afford(bytes).is_ok() || self.ledger.used() >= before {
                return;
            }
        }
    }

    /// Folds what waits in accumulators: nothing is kept alive for it after a call.
    pub(crate) fn flush_accumulators(&mut self) {
        for entry in self.table.iter_mut() {
            if let Some(handle) = (entry as &mut dyn Any).downcast_mut::<AccumulatorHandle>() {
                handle.accumulator.flush();
                handle.waiting.clear();
            }
        }
    }

    fn all_parameters(&mut self) -> impl Iterator<Item = &ParametersHandle> {
        self.all_parameters_mut().map(|handle| &*handle)
    }

    fn all_parameters_mut(&mut self) -> impl Iterator<Item = &mut ParametersHandle> {
        self.table.iter_mut().filter_map(|entry| (entry as &mut dyn Any).downcast_mut())
    }
}

fn refs(models: &[Parameters]) -> Vec<&Parameters> {
    models.iter().collect()
}
