//! The engine that all plugins share.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine};

use crate::bindings::EveryPlugin;
use crate::host::HostState;
use crate::ticker::Ticker;
use crate::{Limits, LoadError, Plugin};

/// Compiles components and gives them the host's functions. One a process; cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<HostState>,
    pub(crate) ticker: Ticker,
    pub(crate) limits: Limits,
}

/// Why plugins cannot be run on this machine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The engine does not start.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Engine(wasmtime::Error),
    /// The folder for compiled plugins cannot be used.
    #[error("the cache of compiled plugins cannot be used: {0:#}")]
    Cache(wasmtime::Error),
    /// The thread that watches the time does not start.
    #[error("the thread that limits plugins' time does not start: {0}")]
    Ticker(std::io::Error),
}

impl Runtime {
    /// An engine whose plugins each have these limits. Compiled plugins are kept in `cache`, if there is one; it is
    /// made if it is missing.
    ///
    /// # Errors
    /// [`RuntimeError`] says what this machine lacks.
    pub fn new(limits: Limits, cache: Option<&Path>) -> Result<Self, RuntimeError> {
        let mut config = Config::new();
        config.epoch_interruption(true);
        config.max_wasm_stack(limits.stack_bytes);
        // No function of these interfaces is asynchronous, and what is not there cannot go wrong.
        config.concurrency_support(false);
        if let Some(folder) = cache {
            let mut settings = CacheConfig::new();
            settings.with_directory(folder);
            config.cache(Some(Cache::new(settings).map_err(RuntimeError::Cache)?));
        }
        let engine = Engine::new(&config).map_err(RuntimeError::Engine)?;
        let mut linker = Linker::new(&engine);
        EveryPlugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state).map_err(RuntimeError::Engine)?;
        let ticker = Ticker::start(&engine).map_err(RuntimeError::Ticker)?;
        Ok(Self { shared: Arc::new(Shared { engine, linker, ticker, limits }) })
    }

    /// What its plugins may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Compiles a component, checks that it is a plugin, and asks it what it is. `file` names it in errors until it
    /// has said its own name. What it declares to want it has to be [granted](Plugin::granted) before it runs.
    ///
    /// Takes a tenth of a second for a plugin written in Rust and half a minute for one in Python or JavaScript, unless
    /// it is in the cache.
    ///
    /// # Errors
    /// [`LoadError`] says why it is no plugin.
    pub fn load(&self, file: &str, component: &[u8]) -> Result<Plugin, LoadError> {
        Plugin::load(self, file, component)
    }
}
