//! A session that is well, beside one that is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use fedwit_runtime::Limits;
use fedwit_tensor::DType;
use fedwit_tests::{model, plugin, round, runtime, update, values};

/// Far more than anything here takes on the slowest machine.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Does something while another plugin aggregates, and sees to it that it ends and that the other goes on.
pub(crate) fn watched<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let healthy = Healthy::start();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || sender.send(work()).is_ok());
    match receiver.recv_timeout(WATCHDOG) {
        Ok(result) => {
            healthy.end();
            result
        }
        Err(RecvTimeoutError::Timeout) => panic!("it was not stopped within {WATCHDOG:?}"),
        Err(RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("only a panic sends nothing"))
        }
    }
}

/// Aggregates one round after the other.
struct Healthy {
    ended: Arc<AtomicBool>,
    rounds: Arc<AtomicU32>,
    thread: thread::JoinHandle<()>,
}

impl Healthy {
    fn start() -> Self {
        let (ended, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (until, done) = (Arc::clone(&ended), Arc::clone(&rounds));
        let thread = thread::spawn(move || {
            let fedavg = plugin(&runtime(Limits::default()), "fedavg");
            let global = model(DType::F32, &[0.0; 1000]);
            while !until.load(Ordering::Relaxed) {
                let mut aggregation = fedavg.begin(round(&global, "{}")).expect("a round");
                for (client, value) in [("a", 1.0), ("b", 2.0), ("c", 6.0)] {
                    let sent = model(DType::F32, &[value; 1000]);
                    aggregation.add(update(client, 1, &sent, &global)).expect("an update");
                }
                assert_eq!(values(&aggregation.finish().expect("a model").model), [3.0; 1000]);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { ended, rounds, thread }
    }

    /// Lets a whole round go by, and ends.
    fn end(self) {
        let (before, start) = (self.rounds.load(Ordering::Relaxed), Instant::now());
        while self.rounds.load(Ordering::Relaxed) < before + 2 {
            assert!(!self.thread.is_finished() && start.elapsed() < WATCHDOG, "the healthy session does not go on");
            thread::sleep(Duration::from_millis(1));
        }
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("the healthy session is well");
    }
}
