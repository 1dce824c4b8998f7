//! A fold of ten updates of ten million float32 parameters, against ten passes of a blocked C loop.
//!
//! Both compute the same running mean in float64 on as many threads, in turns, so that whatever else the machine does
//! meets both. The fold's accumulator is new each time, as in a round; the C loop's memory is there already. Prints the
//! medians of 20 runs, their ratio, and the most private memory that was seen while folding.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fedwit_tensor::{Accumulator, Builder, DType, Layout, Parameters, TensorType};

const ELEMENTS: usize = 10_000_000;
const UPDATES: usize = 10;
const RUNS: usize = 20;
const MODEL_BYTES: usize = ELEMENTS * 4;

fn main() -> Result<()> {
    // Asked by `cargo test --benches` to list or run tests: there are none.
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let threads = rayon::current_num_threads();
    let program = folder.path().join("fold");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/fold.c");
    let compiled = Command::new("cc")
        .args(["-O3", "-march=native", "-pthread", "-o"])
        .arg(&program)
        .arg(source)
        .status()
        .context("running the C compiler `cc`")?;
    ensure!(compiled.success(), "`cc` cannot compile {source}");

    let layout = Layout::new(vec![TensorType { name: "0".to_owned(), dtype: DType::F32, shape: vec![ELEMENTS] }])?;
    let mapped = (0..UPDATES)
        .map(|update| {
            let path = folder.path().join(format!("{update}.safetensors"));
            fedwit_tensor::formats::write(
                &path,
                &model(&layout, update)?,
                fedwit_tensor::formats::Format::Safetensors,
                &std::collections::BTreeMap::new(),
            )?;
            let expected = fedwit_tensor::formats::Expected::Layout(&layout);
            Ok(fedwit_tensor::formats::read(&path, &expected, None)?.parameters)
        })
        .collect::<Result<Vec<_>>>()?;

    let mut peer = Command::new(&program)
        .args([ELEMENTS.to_string(), UPDATES.to_string(), threads.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ask = peer.stdin.take().context("the peer's standard input")?;
    let mut answers = BufReader::new(peer.stdout.take().context("the peer's standard output")?).lines();
    let mut loop_in_c = || -> Result<(Duration, f64)> {
        writeln!(ask, "fold")?;
        let answer = answers.next().context("the peer has ended")??;
        let (taken, element) = answer.split_once(' ').context("the peer says something else")?;
        Ok((Duration::from_nanos(taken.parse()?), element.parse()?))
    };

    // Once each to touch all memory.
    let (_, expected) = loop_in_c()?;
    let peak = private_peak(|| fold(&mapped, expected))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(loop_in_c()?.0);
        ours.push(fold(&mapped, expected)?);
    }
    drop(ask);
    peer.wait()?;

    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("{UPDATES} float32 updates of {ELEMENTS} parameters, {threads} threads, median of {RUNS}:");
    println!("  fold, mapped files     {:8.1} ms", ours.as_secs_f64() * 1e3);
    println!("  blocked loop in C      {:8.1} ms", theirs.as_secs_f64() * 1e3);
    println!("  ratio                  {:8.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    println!("  private memory, peak   {:8.2} models", peak as f64 / MODEL_BYTES as f64);
    Ok(())
}

fn model(layout: &Layout, update: usize) -> Result<Parameters> {
    let value = |index: usize| ((index * 31 + update * 17) % 1000) as f32 / 1000.0;
    let bytes: Vec<u8> = (0..ELEMENTS).flat_map(|index| value(index).to_le_bytes()).collect();
    let mut builder = Builder::zeros(layout);
    builder.write("0", 0, &bytes)?;
    Ok(builder.build())
}

fn fold(updates: &[Parameters], expected: f64) -> Result<Duration> {
    let start = Instant::now();
    let mut accumulator = Accumulator::new(updates[0].layout())?;
    for (update, parameters) in updates.iter().enumerate() {
        accumulator.add(parameters, (update + 1) as f64)?;
    }
    let mean = accumulator.mean()?;
    let taken = start.elapsed();
    let element = mean.cast(DType::F64)?.read("0", (ELEMENTS / 3) as u64, 1)?;
    let element = f64::from_le_bytes(element.try_into().map_err(|_| anyhow::anyhow!("not one element"))?);
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

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
