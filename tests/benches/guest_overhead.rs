//! What a plugin costs beside the arithmetic that it asks for: the CPU time of FedAvg's guest code and of what is handed
//! over between it and the host, against that of the same arithmetic without a plugin.
//!
//! A round is ten updates of ten million float32 parameters, mapped from safetensors files, that wait at the same time.
//! The host computes on threads of its own, so that what the calling thread spends between `begin` and `finish` is the
//! plugin's: guest code, arguments and handles, and the host's bookkeeping around them. The arithmetic alone runs before
//! each round, so that whatever else the machine does meets both. Prints the median of the ratios of 30 pairs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cpu_time::{ProcessTime, ThreadTime};
use fedwit_runtime::{Limits, Plugin};
use fedwit_tensor::formats::{self, Expected, Format};
use fedwit_tensor::{Accumulator, DType, Parameters};
use fedwit_tests::{benchmark, model, plugin, round, runtime, update, values};

const ELEMENTS: usize = 10_000_000;
const UPDATES: usize = 10;
const PAIRS: usize = 30;

fn main() -> Result<()> {
    if !benchmark::is_asked_for("guest_overhead") {
        return Ok(());
    }
    println!("guest overhead: CPU time beside that of the arithmetic, {UPDATES} updates of {ELEMENTS} parameters");
    let folder = tempfile::tempdir()?;
    let mapped = |shift: usize| mapped(&folder.path().join(format!("{shift}.safetensors")), shift);
    let updates = (0..UPDATES).map(mapped).collect::<Result<Vec<_>>>()?;
    let global = mapped(UPDATES)?;
    let runtime = runtime(Limits::default());
    for (name, wanted) in [("fedavg", 0.02), ("fedavg-javascript", 0.10)] {
        let plugin = plugin(&runtime, name);
        let expected = values(&alone(&updates, &global)?.1);
        ensure!(values(&through(&plugin, &updates, &global)?.1) == expected, "{name} computes something else");
        let mut ratios = Vec::with_capacity(PAIRS);
        let (mut guest, mut arithmetic) = (Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS));
        for _ in 0..PAIRS {
            let alone = alone(&updates, &global)?.0;
            let through = through(&plugin, &updates, &global)?.0;
            ratios.push(through.as_secs_f64() / alone.as_secs_f64());
            guest.push(through);
            arithmetic.push(alone);
        }
        ratios.sort_unstable_by(f64::total_cmp);
        guest.sort_unstable();
        arithmetic.sort_unstable();
        let (ratio, guest, arithmetic) = (ratios[PAIRS / 2], guest[PAIRS / 2], arithmetic[PAIRS / 2]);
        println!("  {name:18} {guest:8.2?} beside {arithmetic:8.1?}: {ratio:.4}; wanted: at most {wanted}");
        ensure!(ratio <= wanted, "{name} costs {ratio:.4} of the arithmetic");
    }
    Ok(())
}

/// A model of one tensor, in a file.
fn mapped(path: &Path, shift: usize) -> Result<Parameters> {
    let values: Vec<f64> = (0..ELEMENTS).map(|index| ((index * 31 + shift * 17) % 1000) as f64 / 1000.0).collect();
    let model = model(DType::F32, &values);
    formats::write(path, &model, Format::Safetensors, &std::collections::BTreeMap::new())?;
    Ok(formats::read(path, &Expected::Layout(model.layout()), None)?.parameters)
}

fn examples(index: usize) -> u64 {
    index as u64 + 1
}

/// What FedAvg asks for, without it: the CPU time of all threads.
fn alone(updates: &[Parameters], global: &Parameters) -> Result<(Duration, Parameters)> {
    let start = ProcessTime::now();
    let mut accumulator = Accumulator::new(global.layout())?;
    for (index, parameters) in updates.iter().enumerate() {
        accumulator.add(&parameters.delta_from(global)?, examples(index) as f64)?;
    }
    accumulator.flush();
    let model = global.plus(&accumulator.mean()?)?.outcome(global.layout())?;
    Ok((start.elapsed(), model))
}

/// A round of the plugin: the CPU time of this thread.
fn through(plugin: &Plugin, updates: &[Parameters], global: &Parameters) -> Result<(Duration, Parameters)> {
    // That values are finite is the host's to find out when an update comes, with or without a plugin.
    let checked = |(index, parameters)| update(&format!("update-{index}"), examples(index), parameters, global);
    let updates = updates.iter().enumerate().map(checked).collect();
    let start = ThreadTime::now();
    let mut aggregation = plugin.begin(round(global, "{}"))?;
    aggregation.add_all(updates).into_iter().collect::<Result<(), _>>()?;
    let outcome = aggregation.finish().context("finishing")?;
    Ok((start.elapsed(), outcome.model))
}
