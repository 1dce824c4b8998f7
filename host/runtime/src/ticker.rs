//! Moves the engine's epoch on, so that guest code is interrupted now and then and asked how long it has run.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often running guest code is looked at: well below every limit, and a hundred interruptions a second cost nothing.
const TICK: Duration = Duration::from_millis(10);

/// A thread that ticks while any call runs, and sleeps when none does. It ends with this.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    running_calls: usize,
    ended: bool,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State { running_calls: 0, ended: false }), changed: Condvar::new() });
        let ticker = Self { shared: Arc::clone(&shared) };
        let engine = engine.weak();
        // The thread holds no `Ticker`, or it would keep itself alive.
        thread::Builder::new().name("plugin-epoch".to_owned()).spawn(move || tick(&shared, &engine))?;
        Ok(ticker)
    }

    /// Ticks until the guard is dropped.
    pub(crate) fn watch(&self) -> Watch {
        self.shared.update(|state| state.running_calls += 1);
        Watch { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.update(|state| state.ended = true);
    }
}

/// Keeps the ticker going.
pub(crate) struct Watch {
    shared: Arc<Shared>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.update(|state| state.running_calls -= 1);
    }
}

impl Shared {
    fn update(&self, change: impl FnOnce(&mut State)) {
        // The state is two plain values: it is whole even if a holder panicked.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

fn tick(shared: &Shared, engine: &EngineWeak) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if state.ended {
            return;
        }
        if state.running_calls == 0 {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        (state, _) = shared.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
    }
}
