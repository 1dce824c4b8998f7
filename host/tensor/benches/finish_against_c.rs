//! What FedAdam's `finish` computes for ten million float32 parameters, against one pass in C.
//!
//! The pass reads the global model, the mean of the deltas (float64), the momentum and the second moment, and writes the
//! new model, momentum and second moment into memory that is fresh from the system. Both sides have their results'
//! memory mapped within the time that is measured, and compute on as many threads, in turns. Ours also gives the two norms
//! that the plugin shows, and looks whether all values are finite. Prints the medians of 20 runs and their ratio.

mod peers;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fedwit_tensor::{Accumulator, Parameters};
use peers::Peer;

const ELEMENTS: usize = 10_000_000;
const RUNS: usize = 20;

fn main() -> Result<()> {
    if peers::asked_for_tests() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let threads = rayon::current_num_threads();
    let made_up = |shift| peers::model(ELEMENTS, peers::made_up(shift));
    let mut accumulator = Accumulator::new(made_up(0)?.layout())?;
    accumulator.add(&made_up(1)?, 1.0)?;
    let round = Round { global: made_up(0)?, mean: accumulator.mean()?, momentum: made_up(2)?, moment: made_up(3)? };
    let mut pass_in_c = Peer::in_c("finish", folder.path(), &[ELEMENTS, threads])?;

    let (_, expected) = pass_in_c.work()?;
    round.finish(expected)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(pass_in_c.work()?.0);
        ours.push(round.finish(expected)?);
    }

    let (ours, theirs) = (peers::median(&mut ours), peers::median(&mut theirs));
    println!("FedAdam's finish over {ELEMENTS} parameters, {threads} threads, median of {RUNS}:");
    println!("  expressions            {:8.1} ms", ours.as_secs_f64() * 1e3);
    println!("  one pass in C          {:8.1} ms", theirs.as_secs_f64() * 1e3);
    println!("  ratio                  {:8.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    Ok(())
}

struct Round {
    global: Parameters,
    mean: Parameters,
    momentum: Parameters,
    moment: Parameters,
}

impl Round {
    /// As the plugin and the host do it between them.
    fn finish(&self, expected: f64) -> Result<Duration> {
        let start = Instant::now();
        let momentum = self.momentum.scaled(0.9)?.plus(&self.mean.scaled(1.0 - 0.9)?)?;
        let moment = self.moment.scaled(0.99)?.plus(&self.mean.square()?.scaled(1.0 - 0.99)?)?;
        let step = momentum.divided_by(&moment.root()?.shifted(1e-3)?)?.scaled(0.1)?;
        let model = self.global.plus(&step)?;
        let (kept, norms) = Parameters::evaluate_with_norms(&[&model, &momentum, &moment], &[&self.mean, &step]);
        for settled in Parameters::settle_all(&kept.iter().collect::<Vec<_>>()) {
            settled?.check_finite()?;
        }
        let taken = start.elapsed();
        ensure!(norms.iter().all(|norm| *norm > 0.0), "there is no step");
        let element = peers::element(&kept[0], ELEMENTS / 3)?;
        ensure!((element - expected).abs() < 1e-6, "the steps differ: {element} here and {expected} in C");
        Ok(taken)
    }
}
