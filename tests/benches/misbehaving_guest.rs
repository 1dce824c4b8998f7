//! How soon a plugin that misbehaves is stopped, and whether it leaves anything behind: each mischief a hundred times in
//! a row, with limits of 100 ms. And how soon a plugin that is compiled already is ready.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use fedwit_runtime::{AddError, Limits, Plugin};
use fedwit_tensor::DType;
use fedwit_tests::load::Spread;
use fedwit_tests::server::private_bytes;
use fedwit_tests::{benchmark, model, plugin, round, runtime, target, update};

const TIMES: usize = 100;
const LIMIT: Duration = Duration::from_millis(100);
/// What the allocator may keep for next time.
const KEPT: u64 = 16 << 20;

const MISCHIEFS: [&str; 11] = [
    "spin",
    "busy-host",
    "endless-expression",
    "recurse",
    "allocate",
    "leak-handles",
    "hoard-tensors",
    "trap",
    "big-log",
    "huge-call",
    "many-pairs",
];

fn main() -> Result<()> {
    if !benchmark::is_asked_for("misbehaving_guest") {
        return Ok(());
    }
    println!("misbehaving guest: {TIMES} times each, limits of {LIMIT:?}; stopped within, and private memory then");
    let limits = Limits {
        memory_bytes: 32 << 20,
        handles: 500,
        tensor_bytes: 1 << 20,
        bytes_per_host_call: 4 << 20,
        guest_time: LIMIT,
        call_time: LIMIT,
        ..Limits::default()
    };
    let misbehaving = plugin(&runtime(limits), "misbehaving");
    for mischief in MISCHIEFS {
        misbehave(&misbehaving, mischief)?;
    }
    ready_from_the_cache()
}

fn misbehave(plugin: &Plugin, mischief: &str) -> Result<()> {
    let mut times = Vec::with_capacity(TIMES);
    times.push(stopped(plugin, mischief)?);
    let after_the_first = private_bytes(std::process::id())?;
    for _ in 1..TIMES {
        times.push(stopped(plugin, mischief)?);
    }
    let grown = private_bytes(std::process::id())?.saturating_sub(after_the_first);
    let slowest = times.iter().max().copied().unwrap_or_default();
    println!("  {mischief:14} {slowest:9.1?}, {:.1} MB more", grown as f64 / 1e6);
    ensure!(grown <= KEPT, "{mischief}: {grown} bytes more than after the first time");
    ensure!(slowest <= 2 * LIMIT, "{mischief}: stopped after {slowest:?} only");
    Ok(())
}

/// How long the call takes in which it is done.
fn stopped(plugin: &Plugin, mischief: &str) -> Result<Duration> {
    let global = model(DType::F32, &[0.0; 1000]);
    let config = format!(r#"{{"mischief": "{mischief}", "in": "add"}}"#);
    let mut aggregation = plugin.begin(round(&global, &config))?;
    let sent = update("a", 1, &global, &global);
    let start = Instant::now();
    match aggregation.add(sent) {
        Err(AddError::Plugin(_)) => Ok(start.elapsed()),
        other => Err(anyhow!("{mischief} went well: {other:?}")),
    }
}

fn ready_from_the_cache() -> Result<()> {
    let component = std::fs::read(target::component("fedavg")?)?;
    let global = model(DType::F32, &[0.0]);
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        // A runtime of its own has nothing in memory.
        let runtime = runtime(Limits::default());
        let start = Instant::now();
        let plugin = runtime.load("fedavg", &component)?;
        plugin.begin(round(&global, "{}"))?;
        times.push(start.elapsed());
    }
    let spread = Spread::of(times);
    println!("  fedavg, compiled before: ready and begun in {:.1?} (median); wanted: below 5 ms", spread.median);
    ensure!(spread.median < Duration::from_millis(5), "a compiled plugin takes {:?}", spread.median);
    Ok(())
}
