//! Programs in other languages that a benchmark is measured against, and what all benchmarks need.
#![allow(dead_code, reason = "each benchmark uses some of it")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tensor::formats::{self, Expected, Format};
use fedwit_tensor::{Builder, DType, Layout, Parameters, TensorType};

/// A program that does its work once for each line, and says how long it took and a number that came of it.
pub(crate) struct Peer {
    process: Child,
    ask: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts a C program of `benches/peers`, compiled for this processor.
    pub(crate) fn in_c(name: &str, folder: &Path, arguments: &[usize]) -> Result<Self> {
        let program = folder.join(name);
        let source = source(&format!("{name}.c"));
        let mut compiler = Command::new("cc");
        compiler.args(["-O3", "-march=native", "-pthread", "-o"]).arg(&program).arg(&source).arg("-lm");
        let compiled = compiler.status().context("running the C compiler `cc`")?;
        ensure!(compiled.success(), "`cc` cannot compile {}", source.display());
        let mut command = Command::new(program);
        command.args(arguments.iter().map(ToString::to_string));
        Self::start(command)
    }

    /// Starts a program that answers.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("the peer's standard output")?).lines();
        Ok(Self { process, ask, answers })
    }

    /// Has it work once.
    pub(crate) fn work(&mut self) -> Result<(Duration, f64)> {
        writeln!(self.ask.as_mut().context("the peer's standard input")?, "work")?;
        let answer = self.answers.next().context("the peer has ended")??;
        let (taken, number) = answer.split_once(' ').context("the peer says something else")?;
        Ok((Duration::from_nanos(taken.parse()?), number.parse()?))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends when there is nothing more to read.
        drop(self.ask.take());
        let _ = self.process.wait();
    }
}

/// A file of `benches/peers`.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name)
}

/// Whether `cargo test --benches` asks to list or run tests, of which a benchmark has none.
pub(crate) fn asked_for_tests() -> bool {
    std::env::args().any(|argument| argument == "--list" || argument == "--test")
}

/// A float32 model of one tensor, `0`.
pub(crate) fn model(elements: usize, value: impl Fn(usize) -> f32) -> Result<Parameters> {
    let tensor = TensorType { name: "0".to_owned(), dtype: DType::F32, shape: vec![elements] };
    let bytes: Vec<u8> = (0..elements).flat_map(|index| value(index).to_le_bytes()).collect();
    let mut builder = Builder::zeros(&Layout::new(vec![tensor])?);
    builder.write("0", 0, &bytes)?;
    Ok(builder.build())
}

/// The numbers that the C programs make up, too.
pub(crate) fn made_up(shift: usize) -> impl Fn(usize) -> f32 {
    move |index| ((index * 31 + shift * 17) % 1000) as f32 / 1000.0
}

/// A model that is mapped from a file.
pub(crate) fn mapped(path: &Path, model: &Parameters) -> Result<Parameters> {
    formats::write(path, model, Format::Safetensors, &std::collections::BTreeMap::new())?;
    Ok(formats::read(path, &Expected::Layout(model.layout()), None)?.parameters)
}

/// An element of tensor `0`, in float64.
pub(crate) fn element(model: &Parameters, index: usize) -> Result<f64> {
    let bytes = model.cast(DType::F64)?.read("0", index as u64, 1)?;
    Ok(f64::from_le_bytes(bytes.try_into().map_err(|_| anyhow::anyhow!("not one element"))?))
}

/// CPU time of all threads of this process so far.
pub(crate) fn cpu_time() -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += stat.split(' ').next().context("no CPU time")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
