//! A fold of ten waiting updates of ten million float32 parameters, against a blocked loop in C.
//!
//! Both fold the differences to the global model into the same running mean in float64 on as many threads, in turns, so
//! that whatever else the machine does meets both. The updates are mapped from safetensors files, and the fold's
//! accumulator is new each time, as in a round; the C loop's memory is there already. Prints the medians of 20 runs, their
//! ratio, and the most private memory that was seen while folding.

mod peers;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fedwit_tensor::{Accumulator, Parameters};
use peers::Peer;

const ELEMENTS: usize = 10_000_000;
const UPDATES: usize = 10;
const RUNS: usize = 20;
const MODEL_BYTES: usize = ELEMENTS * 4;

fn main() -> Result<()> {
    if peers::asked_for_tests() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let threads = rayon::current_num_threads();
    let read = |shift: usize| {
        let path = folder.path().join(format!("{shift}.safetensors"));
        peers::mapped(&path, &peers::model(ELEMENTS, peers::made_up(shift))?)
    };
    let updates = (0..UPDATES).map(read).collect::<Result<Vec<_>>>()?;
    let global = read(UPDATES)?;
    let mut loop_in_c = Peer::in_c("fold", folder.path(), &[ELEMENTS, UPDATES, threads])?;

    // Once each to touch all memory.
    let (_, expected) = loop_in_c.work()?;
    let peak = private_peak(|| fold(&updates, &global, expected))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(loop_in_c.work()?.0);
        ours.push(fold(&updates, &global, expected)?);
    }

    let (ours, theirs) = (peers::median(&mut ours), peers::median(&mut theirs));
    println!("{UPDATES} float32 updates of {ELEMENTS} parameters, {threads} threads, median of {RUNS}:");
    println!("  fold, mapped files     {:8.1} ms", ours.as_secs_f64() * 1e3);
    println!("  blocked loop in C      {:8.1} ms", theirs.as_secs_f64() * 1e3);
    println!("  speed                  {:8.2} of C's", theirs.as_secs_f64() / ours.as_secs_f64());
    println!("  private memory, peak   {:8.2} models", peak as f64 / MODEL_BYTES as f64);
    Ok(())
}

fn fold(updates: &[Parameters], global: &Parameters, expected: f64) -> Result<Duration> {
    let start = Instant::now();
    let mut accumulator = Accumulator::new(global.layout())?;
    for (update, parameters) in updates.iter().enumerate() {
        accumulator.add(&parameters.delta_from(global)?, (update + 1) as f64)?;
    }
    let mean = accumulator.mean()?;
    let taken = start.elapsed();
    let element = peers::element(&mean, ELEMENTS / 3)?;
    ensure!((element - expected).abs() < 1e-12, "the sums differ: {element} here and {expected} in C");
    Ok(taken)
}

/// The most anonymous memory that this process had beyond what it has now, looked at while `work` runs.
fn private_peak(work: impl FnOnce() -> Result<Duration>) -> Result<u64> {
    let before = anonymous_bytes()?;
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(before));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if let Ok(bytes) = anonymous_bytes() {
                    peak.fetch_max(bytes, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        worked
    })?;
    Ok(peak.into_inner() - before)
}

fn anonymous_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading how much memory is used")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no line `RssAnon`")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}
