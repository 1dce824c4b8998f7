//! One instance of a plugin: its store, and calls that are bounded and whose errors have a type.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::component::Resource;
use wasmtime::{CallHook, Store, Trap, UpdateDeadline};

use crate::bindings::types;
use crate::host::{HostState, ParametersHandle};
use crate::log::shown;
use crate::metrics::Call;
use crate::plugin::Inner;
use crate::ticker::Watch;
use crate::wasi::Denied;
use crate::world::Exports;
use crate::{Fault, Limit, Limits, LogLine, PluginError};

/// An instance of a plugin of the world whose exports are `E`. After anything but `rejected` it is never entered again.
pub(crate) struct Instance<E> {
    store: Store<HostState>,
    exports: E,
    plugin: Arc<Inner>,
    ended: bool,
    _living: Living,
}

/// What a call of an exported function gives: the plugin's own answer, or a trap.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

impl<E: Exports> Instance<E> {
    /// Instantiates a plugin in order to call `function`. Random numbers follow from `seed`.
    pub(crate) fn new(plugin: &Arc<Inner>, function: &'static str, seed: u64) -> Result<Self, PluginError> {
        Self::start(plugin, seed).map_err(|fault| plugin.error(function, fault))
    }

    fn start(plugin: &Arc<Inner>, seed: u64) -> Result<Self, Fault> {
        if plugin.world != E::WORLD {
            return Err(Fault::OtherWorld { is: plugin.world, wanted: E::WORLD });
        }
        let shared = &plugin.runtime.shared;
        let limits = &shared.limits;
        let living = Living::one_more(&plugin.instances, limits.instances).map_err(Fault::Limit)?;
        let mut store = Store::new(&shared.engine, HostState::new(limits, &plugin.grants, seed));
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
        plugin.counters.count_instance();
        let _watch = watch(&mut store, plugin);
        let instance = plugin.pre.instantiate(&mut store).map_err(|trap| fault(&trap, limits))?;
        let exports = E::load(&plugin.pre, &mut store, &instance);
        let exports = exports.map_err(|error| Fault::Mismatch(format!("{error:#}")))?;
        Ok(Self { store, exports, plugin: Arc::clone(plugin), ended: false, _living: living })
    }

    pub(crate) fn describe(&mut self) -> Result<types::Description, PluginError> {
        self.call("describe", |exports, store| exports.describe(store).map(Ok))
    }

    /// Calls an exported function. Every error but `rejected` ends the instance.
    pub(crate) fn call<T>(
        &mut self,
        function: &'static str,
        enter: impl FnOnce(&E, &mut Store<HostState>) -> Answer<T>,
    ) -> Result<T, PluginError> {
        if self.ended {
            return Err(self.error(function, Fault::Ended));
        }
        let watch = watch(&mut self.store, &self.plugin);
        let answer = enter(&self.exports, &mut self.store);
        drop(watch);
        let result = match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(types::Error::Rejected(why))) => Err(Fault::Rejected(self.shown(&why))),
            Ok(Err(types::Error::InvalidConfig(why))) => Err(Fault::InvalidConfig(self.shown(&why))),
            Ok(Err(types::Error::Failed(why))) => Err(Fault::Failed(self.shown(&why))),
            Err(trap) => Err(fault(&trap, self.limits())),
        };
        let state = self.store.data();
        self.plugin.counters.count(&Call {
            function,
            duration: state.clock.call_time(),
            fault: result.as_ref().err(),
            memory_bytes: state.memory_bytes(),
            tensor_bytes: state.peak_tensor_bytes(),
            handles: state.peak_handles(),
        });
        // Only `rejected` promises that nothing has changed.
        self.ended = !matches!(result, Ok(_) | Err(Fault::Rejected(_)));
        result.map_err(|fault| self.error(function, fault))
    }

    /// The call before was the last.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether it can be called no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The plugin's words end up in logs and on terminals, like lines of its log.
    fn shown(&self, why: &str) -> String {
        shown(why, self.limits().log_line_bytes)
    }

    /// An error that names this plugin.
    pub(crate) fn error(&self, function: &'static str, fault: Fault) -> PluginError {
        self.plugin.error(function, fault)
    }

    /// The plugin returned something that cannot be used.
    pub(crate) fn answer(&mut self, function: &'static str, why: &str) -> PluginError {
        self.ended = true;
        self.error(function, Fault::Answer(self.shown(why)))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.plugin.runtime.shared.limits
    }

    /// Lets the host use the handles between calls.
    pub(crate) fn state(&mut self) -> &mut HostState {
        self.store.data_mut()
    }

    /// What the plugin wrote to its log since the last time this was asked.
    pub(crate) fn log(&mut self) -> Vec<LogLine> {
        self.store.data_mut().take_log()
    }

    /// Runs what the host does with handles for a call, whose limits count as the call's own.
    pub(crate) fn with_handles<T>(
        &mut self,
        function: &'static str,
        work: impl FnOnce(&mut HostState) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        work(self.store.data_mut()).map_err(|trap| {
            self.ended = true;
            self.error(function, fault(&trap, self.limits()))
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
fn watch(store: &mut Store<HostState>, plugin: &Inner) -> Watch {
    store.data_mut().start_call();
    store.set_epoch_deadline(1);
    plugin.runtime.shared.ticker.watch()
}

/// One of the instances of a plugin that may live at one time.
struct Living {
    count: Arc<AtomicUsize>,
}

impl Living {
    fn one_more(count: &Arc<AtomicUsize>, limit: usize) -> Result<Self, Limit> {
        let more = |living: usize| (living < limit).then_some(living + 1);
        match count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Self { count: Arc::clone(count) }),
            Err(_) => Err(Limit::Instances { limit }),
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What ended a call.
fn fault(trap: &wasmtime::Error, limits: &Limits) -> Fault {
    if let Some(limit) = trap.downcast_ref::<Limit>() {
        return Fault::Limit(*limit);
    }
    if let Some(Denied(function)) = trap.downcast_ref::<Denied>() {
        return Fault::Denied(shown(function, limits.log_line_bytes));
    }
    if trap.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Fault::Limit(Limit::Stack { limit: limits.stack_bytes });
    }
    let text = trap.root_cause().to_string();
    // wasmtime has no public types for these; the tests of limits fail should it change their words.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return Fault::Limit(Limit::HostCallBytes { limit: limits.bytes_per_host_call });
    }
    if text.contains("store handle limit exceeded") {
        return Fault::Limit(Limit::Handles { limit: limits.handles });
    }
    if text.starts_with("resource limit exceeded") {
        return Fault::Limit(Limit::Parts { limit: limits.parts });
    }
    Fault::Trap(shown(&text, limits.log_line_bytes))
}
