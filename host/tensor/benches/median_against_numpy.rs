//! The median of a hundred updates of ten million float32 parameters, against `numpy.median`.
//!
//! That is what Flower's `aggregate_median` calls, on arrays in memory; both read the same mapped files here. Compared is
//! CPU time a coordinate, of one thread each, in turns. NumPy takes seconds for a million coordinates, and is asked for
//! no more. It is the Python that `FEDWIT_BENCH_PYTHON` names. Prints the medians of 3 runs and their ratio.

mod peers;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tensor::{Parameters, median};
use peers::Peer;

const ELEMENTS: usize = 10_000_000;
const THEIR_ELEMENTS: usize = 1_000_000;
const UPDATES: usize = 100;
const RUNS: usize = 3;

fn main() -> Result<()> {
    if peers::asked_for_tests() {
        return Ok(());
    }
    let python = std::env::var_os("FEDWIT_BENCH_PYTHON");
    let python = python.context("FEDWIT_BENCH_PYTHON is what `cargo xtask bench` sets")?;
    let folder = tempfile::tempdir()?;
    let mut numpy = Command::new(python);
    numpy.arg(peers::source("median.py")).arg(THEIR_ELEMENTS.to_string());
    // One thread is what NumPy's median takes anyway.
    numpy.env("OMP_NUM_THREADS", "1");
    let mut updates = Vec::new();
    for update in 0..UPDATES {
        let path = folder.path().join(format!("{update}.safetensors"));
        // No two coordinates are in the same order: a sort that guesses from the last is not helped.
        let value = |index: usize| {
            let bits = ((index * UPDATES + update) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32
        };
        updates.push(peers::mapped(&path, &peers::model(ELEMENTS, value)?)?);
        numpy.arg(path);
    }
    let mut numpy = Peer::start(numpy)?;
    let updates: Vec<&Parameters> = updates.iter().collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (taken, expected) = numpy.work()?;
        theirs.push(taken);
        ours.push(pool.install(|| of_updates(&updates, expected))?);
    }
    let each = |times: &mut [Duration], elements: usize| peers::median(times).as_secs_f64() * 1e9 / elements as f64;
    let (ours, theirs) = (each(&mut ours, ELEMENTS), each(&mut theirs, THEIR_ELEMENTS));
    println!("median of {UPDATES} float32 updates, CPU time a coordinate, median of {RUNS}:");
    println!("  sorting network        {ours:8.1} ns");
    println!("  numpy.median           {theirs:8.1} ns");
    println!("  speed                  {:8.2} of numpy's", theirs / ours);
    Ok(())
}

fn of_updates(updates: &[&Parameters], expected: f64) -> Result<Duration> {
    let start = peers::cpu_time()?;
    let result = median(updates)?;
    let taken = peers::cpu_time()? - start;
    let element = peers::element(&result, THEIR_ELEMENTS - 1)?;
    ensure!((element - expected).abs() <= 1.0, "the medians differ: {element} here and {expected} in NumPy");
    Ok(taken)
}
