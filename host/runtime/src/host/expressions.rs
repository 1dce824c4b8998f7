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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fedwit_tensor::{Builder, DType, Layout, TensorType};

    use super::*;
    use crate::Limits;
    use crate::bindings::tensors::{HostAccumulator, HostBuilder, HostParameters};

    type Handle = Resource<ParametersHandle>;

    const ELEMENTS: usize = 1000;
    /// Bytes of a float32 model.
    const MODEL: usize = ELEMENTS * 4;

    fn host(models: usize) -> HostState {
        // Some room for graphs.
        let limits = Limits { tensor_bytes: models * MODEL + 2000, expression_nodes: 8, ..Limits::default() };
        HostState::new(&limits, &Arc::default(), 0)
    }

    fn lent(host: &mut HostState) -> Handle {
        let tensor = TensorType { name: "w".to_owned(), dtype: DType::F32, shape: vec![ELEMENTS] };
        let model = Builder::zeros(&Layout::new(vec![tensor]).unwrap()).build();
        host.lend_parameters(model.shifted(1.0).unwrap().evaluated()).unwrap()
    }

    /// A handle that can be used while the plugin keeps its own.
    fn borrowed(handle: &Handle) -> Handle {
        Resource::new_borrow(handle.rep())
    }

    /// What the plugin built itself, and so is charged with.
    fn built(host: &mut HostState, like: &Handle) -> Handle {
        let builder = HostBuilder::new(host, borrowed(like)).unwrap();
        HostBuilder::build(host, builder).unwrap()
    }

    fn sum(host: &mut HostState, of: &Handle) -> f64 {
        HostParameters::sum(host, borrowed(of)).unwrap()
    }

    #[test]
    fn an_expression_is_computed_when_it_has_too_many_operations() {
        let mut host = host(3);
        let mut chain = lent(&mut host);
        for _ in 0..100 {
            let next = host.plus(borrowed(&chain), borrowed(&chain)).unwrap();
            HostParameters::drop(&mut host, chain).unwrap();
            chain = next;
            assert!(host.parameters(&chain).unwrap().nodes() <= 8);
        }
        assert_eq!(sum(&mut host, &chain), ELEMENTS as f64 * 2.0_f64.powi(100));
        HostParameters::drop(&mut host, chain).unwrap();
        assert_eq!(host.ledger.used(), 0, "nothing is left");
    }

    #[test]
    fn what_an_expression_needs_is_charged_without_a_handle() {
        let mut host = host(2);
        let like = lent(&mut host);
        let own = built(&mut host, &like);
        let expression = host.scaled(borrowed(&own), 2.0).unwrap();
        HostParameters::drop(&mut host, own).unwrap();
        assert!(host.ledger.used() > MODEL, "the model and a graph");
        HostParameters::drop(&mut host, expression).unwrap();
        assert_eq!(host.ledger.used(), 0);
    }

    #[test]
    fn expressions_make_room_when_memory_runs_out() {
        // Five operands would be kept alive, which is more than there is room for; the sum takes one.
        let mut host = host(4);
        let like = lent(&mut host);
        let mut total = built(&mut host, &like);
        for _ in 0..5 {
            let part = built(&mut host, &like);
            let next = host.plus(borrowed(&total), borrowed(&part)).unwrap();
            HostParameters::drop(&mut host, part).unwrap();
            HostParameters::drop(&mut host, total).unwrap();
            total = next;
        }
        assert_eq!(sum(&mut host, &total), 0.0);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let mut host = host(2);
        let like = lent(&mut host);
        let _kept = [built(&mut host, &like), built(&mut host, &like)];
        let refused = HostBuilder::new(&mut host, borrowed(&like)).unwrap_err();
        assert!(matches!(refused.downcast_ref(), Some(Limit::TensorBytes { .. })), "{refused}");
    }

    #[test]
    fn norms_have_what_shares_their_expression_kept_in_the_same_pass() {
        let mut host = host(4);
        let like = lent(&mut host);
        let momentum = host.scaled(borrowed(&like), 0.5).unwrap();
        let step = host.square(borrowed(&momentum)).unwrap();
        let other = host.shifted(borrowed(&like), 1.0).unwrap();
        let norm = host.squared_norm(borrowed(&step)).unwrap();
        assert_eq!(norm, ELEMENTS as f64 * 0.0625);
        let nodes = |host: &HostState, handle: &Handle| host.parameters(handle).unwrap().nodes();
        assert_eq!([nodes(&host, &momentum), nodes(&host, &step), nodes(&host, &other)], [0, 2, 1]);
        assert_eq!(sum(&mut host, &momentum), ELEMENTS as f64 * 0.5);
    }

    #[test]
    fn nothing_waits_in_an_accumulator_after_a_call() {
        let mut host = host(4);
        let like = lent(&mut host);
        let accumulator = HostAccumulator::new(&mut host, borrowed(&like)).unwrap();
        let empty = host.ledger.used();
        let own = built(&mut host, &like);
        let value = host.shifted(borrowed(&own), 3.0).unwrap();
        HostAccumulator::add(&mut host, Resource::new_borrow(accumulator.rep()), borrowed(&value), 1.0).unwrap();
        HostParameters::drop(&mut host, own).unwrap();
        HostParameters::drop(&mut host, value).unwrap();
        assert!(host.ledger.used() >= empty + MODEL, "it waits");
        host.flush_accumulators();
        assert_eq!(host.ledger.used(), empty);
        let mean = HostAccumulator::mean(&mut host, accumulator).unwrap();
        assert_eq!(sum(&mut host, &mean), ELEMENTS as f64 * 3.0);
    }
}
