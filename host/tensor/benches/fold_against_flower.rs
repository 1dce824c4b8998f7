//! FedAvg over ten waiting updates of ten million float32 parameters, against Flower's.
//!
//! Compared is CPU time: that of our fold of the updates' differences to the global model, mapped from safetensors files,
//! and of the new model from their mean, and that of Flower's strategy over replies that are in memory as they came, with
//! the Python that `FEDWIT_BENCH_PYTHON` names. In turns. Prints the medians of 5 runs and their ratio.

mod peers;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tensor::{Accumulator, Parameters};
use peers::Peer;

const ELEMENTS: usize = 10_000_000;
const UPDATES: usize = 10;
const RUNS: usize = 5;

fn main() -> Result<()> {
    if peers::asked_for_tests() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let read = |shift: usize| {
        let path = folder.path().join(format!("{shift}.safetensors"));
        peers::mapped(&path, &peers::model(ELEMENTS, peers::made_up(shift))?)
    };
    let updates = (0..UPDATES).map(read).collect::<Result<Vec<_>>>()?;
    let global = read(UPDATES)?;
    let python = std::env::var_os("FEDWIT_BENCH_PYTHON");
    let mut flower = Command::new(python.context("FEDWIT_BENCH_PYTHON is what `cargo xtask bench` sets")?);
    flower.arg(peers::source("fedavg.py")).args([ELEMENTS.to_string(), UPDATES.to_string()]);
    let mut flower = Peer::start(flower)?;

    let (_, expected) = flower.work()?;
    fedavg(&updates, &global, expected)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(flower.work()?.0);
        ours.push(fedavg(&updates, &global, expected)?);
    }

    let (ours, theirs) = (peers::median(&mut ours), peers::median(&mut theirs));
    println!("FedAvg of {UPDATES} float32 updates of {ELEMENTS} parameters, CPU time, median of {RUNS}:");
    println!("  fold, mapped files     {:8.1} ms", ours.as_secs_f64() * 1e3);
    println!("  Flower's FedAvg        {:8.1} ms", theirs.as_secs_f64() * 1e3);
    println!("  ratio                  {:8.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    Ok(())
}

fn fedavg(updates: &[Parameters], global: &Parameters, expected: f64) -> Result<Duration> {
    let start = peers::cpu_time()?;
    let mut accumulator = Accumulator::new(global.layout())?;
    for (update, parameters) in updates.iter().enumerate() {
        accumulator.add(&parameters.delta_from(global)?, (update + 1) as f64)?;
    }
    let model = global.plus(&accumulator.mean()?)?.outcome(global.layout())?;
    let taken = peers::cpu_time()? - start;
    let element = peers::element(&model, ELEMENTS / 3)?;
    ensure!((element - expected).abs() < 1e-6, "the means differ: {element} here and {expected} in Flower");
    Ok(taken)
}
