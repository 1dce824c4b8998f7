//! One instance of a plugin: its store, and calls that are bounded and whose errors have a type.

use wasmtime::component::Resource;
use wasmtime::{CallHook, Store, Trap, UpdateDeadline};

use crate::bindings::{AggregatorPlugin, aggregator, types};
use crate::host::{HostState, ParametersHandle, UpdateHandle};
use crate::log::shown;
use crate::plugin::Inner;
use crate::ticker::Watch;
use crate::{Fault, Limit, Limits, PluginError};

/// An instance, and what names it in errors. After anything but `rejected` it is never entered again.
pub(crate) struct Instance {
    store: Store<HostState>,
    bindings: AggregatorPlugin,
    plugin: String,
    version: String,
    limits: Limits,
    ended: bool,
    runtime: crate::Runtime,
}

/// What a call of an exported function gives: the plugin's own answer, or a trap.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

impl Instance {
    /// Instantiates a plugin in order to call `function`.
    pub(crate) fn new(plugin: &Inner, function: &'static str) -> Result<Self, PluginError> {
        let shared = &plugin.runtime.shared;
        let limits = &shared.limits;
        let mut store = Store::new(&shared.engine, HostState::new(limits));
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits.bytes_per_host_call);
        store.set_max_component_handles(limits.handles);
        store.epoch_deadline_callback(|context| {
            context.data().clock.check().map_err(wasmtime::Error::new)?;
            Ok(UpdateDeadline::Continue(1))
        });
        store.call_hook(|mut context, transition| {
            let clock = &mut context.data_mut().clock;
            match transition {
                CallHook::CallingWasm | CallHook::ReturningFromHost => {
                    clock.enter_guest();
                    // A guest that waits in host functions, one after the other, is not interrupted by epochs.
                    clock.check().map_err(wasmtime::Error::new)
                }
                CallHook::ReturningFromWasm | CallHook::CallingHost => {
                    clock.leave_guest();
                    Ok(())
                }
            }
        });
        let error =
            |fault| PluginError { plugin: plugin.name.clone(), version: plugin.version.clone(), function, fault };
        let _watch = start(&mut store, &plugin.runtime);
        let bindings = plugin.pre.instantiate(&mut store).map_err(|trap| error(fault(&trap, limits)))?;
        Ok(Self {
            store,
            bindings,
            plugin: plugin.name.clone(),
            version: plugin.version.clone(),
            limits: limits.clone(),
            ended: false,
            runtime: plugin.runtime.clone(),
        })
    }

    pub(crate) fn describe(&mut self) -> Result<types::Description, PluginError> {
        self.call("describe", |plugin, store| plugin.call_describe(store).map(Ok))
    }

    pub(crate) fn mergeable(&mut self) -> Result<bool, PluginError> {
        self.call("mergeable", |plugin, store| plugin.call_mergeable(store).map(Ok))
    }

    pub(crate) fn begin(&mut self, context: &aggregator::Context) -> Result<(), PluginError> {
        self.call("begin", |plugin, store| plugin.call_begin(store, context))
    }

    pub(crate) fn add(&mut self, update: Resource<UpdateHandle>) -> Result<(), PluginError> {
        self.call("add", |plugin, store| plugin.call_add(store, update))
    }

    /// The instance's last call.
    pub(crate) fn partial(&mut self) -> Result<aggregator::PartialAggregate, PluginError> {
        let part = self.call("partial", |plugin, store| plugin.call_partial(store));
        self.ended = true;
        part
    }

    pub(crate) fn merge(&mut self, part: &aggregator::PartialAggregate) -> Result<(), PluginError> {
        self.call("merge", |plugin, store| plugin.call_merge(store, part))
    }

    /// The instance's last call.
    pub(crate) fn finish(&mut self) -> Result<aggregator::Outcome, PluginError> {
        let outcome = self.call("finish", |plugin, store| plugin.call_finish(store));
        self.ended = true;
        outcome
    }

    fn call<T>(
        &mut self,
        function: &'static str,
        enter: impl FnOnce(&aggregator::Guest, &mut Store<HostState>) -> Answer<T>,
    ) -> Result<T, PluginError> {
        if self.ended {
            return Err(self.error(function, Fault::Ended));
        }
        let _watch = start(&mut self.store, &self.runtime);
        let answer = enter(self.bindings.fedwit_plugin_aggregator(), &mut self.store);
        let fault = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(types::Error::Rejected(why))) => Fault::Rejected(self.shown(&why)),
            Ok(Err(types::Error::InvalidConfig(why))) => Fault::InvalidConfig(self.shown(&why)),
            Ok(Err(types::Error::Failed(why))) => Fault::Failed(self.shown(&why)),
            Err(trap) => fault(&trap, &self.limits),
        };
        // Only `rejected` promises that nothing has changed.
        self.ended = !matches!(fault, Fault::Rejected(_));
        Err(self.error(function, fault))
    }

    /// The plugin's words end up in logs and on terminals, like lines of its log.
    fn shown(&self, why: &str) -> String {
        shown(why, self.limits.log_line_bytes)
    }

    /// An error that names this plugin.
    pub(crate) fn error(&self, function: &'static str, fault: Fault) -> PluginError {
        PluginError { plugin: self.plugin.clone(), version: self.version.clone(), function, fault }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Lets the host use the handles between calls.
    pub(crate) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    /// Runs what the host does with handles for a call, whose limits count as the call's own.
    pub(crate) fn with_handles<T>(
        &mut self,
        function: &'static str,
        work: impl FnOnce(&mut HostState) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        work(self.store.data_mut()).map_err(|trap| {
            self.ended = true;
            self.error(function, fault(&trap, &self.limits))
        })
    }

    pub(crate) fn lend(
        &mut self,
        function: &'static str,
        parameters: fedwit_tensor::Parameters,
    ) -> Result<Resource<ParametersHandle>, PluginError> {
        self.with_handles(function, |state| state.lend_parameters(parameters))
    }
}

/// Starts the time of a call, and the ticks that look at it.
fn start(store: &mut Store<HostState>, runtime: &crate::Runtime) -> Watch {
    store.data_mut().clock.start_call();
    store.set_epoch_deadline(1);
    runtime.shared.ticker.watch()
}

/// What ended a call.
fn fault(trap: &wasmtime::Error, limits: &Limits) -> Fault {
    if let Some(limit) = trap.downcast_ref::<Limit>() {
        return Fault::Limit(*limit);
    }
    if trap.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Fault::Limit(Limit::Stack);
    }
    let text = trap.root_cause().to_string();
    // wasmtime has no public types for these two; the tests of limits fail should it change their words.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return Fault::Limit(Limit::HostCallBytes { limit: limits.bytes_per_host_call });
    }
    if text.contains("store handle limit exceeded") {
        return Fault::Limit(Limit::Handles { limit: limits.handles });
    }
    Fault::Trap(text)
}
