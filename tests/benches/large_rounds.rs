//! Ten clients with ten million parameters each: how long a round takes and how much memory, whether folding waits for
//! anybody, and whether heartbeats wait for folding.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use fedwit_tests::load::{Answer, Behaviour, Client, Heartbeats, Latencies, Options, Task, check_all_alive, start_all};
use fedwit_tests::server::{Line, Mark, Server};
use fedwit_tests::{benchmark, npz};
use serde_json::json;

const CLIENTS: usize = 10;
const PARAMETERS: usize = 10_000_000;
const MODEL_BYTES: f64 = PARAMETERS as f64 * 4.0;
const ROUNDS: u64 = 6;
const PATIENCE: Duration = Duration::from_secs(300);

/// Of FEDn 0.33.0, on a quiet machine.
const FEDN_ROUND: Duration = Duration::from_secs(8);
const FEDN_MODELS: f64 = 17.0;

/// Sends one of its files after the other, each a moment after it could.
struct Uploader {
    files: [Bytes; 2],
    delay: Duration,
}

#[async_trait]
impl Behaviour for Uploader {
    fn reads_models(&self) -> bool {
        false
    }

    async fn train(&self, task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        tokio::time::sleep(self.delay).await;
        let round: usize = task.round().rsplit('.').next().context("the round")?.parse()?;
        // Never the file of the round before, which the server may still have.
        Ok(vec![Answer::honest(task, self.files[round % 2].clone(), 100)])
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    if !benchmark::is_asked_for("large_rounds") {
        return Ok(());
    }
    println!("large rounds: {CLIENTS} clients, {PARAMETERS} float32 parameters each, uncompressed npz");
    let files: Vec<[Bytes; 2]> =
        (0..CLIENTS as u32).map(|client| Ok([file(2 * client)?, file(2 * client + 1)?])).collect::<Result<_>>()?;
    at_once(&files).await?;
    spaced(&files).await
}

/// Different numbers for each seed, in a file.
fn file(seed: u32) -> Result<Bytes> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let values: Vec<f32> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(state >> 9 | 0x3f80_0000) - 1.5
    })
    .take(PARAMETERS)
    .collect();
    npz::stored(&[(&[PARAMETERS as u64], &values)])
}

struct Run {
    server: Server,
    clients: Vec<Client>,
    hearts: Heartbeats,
    own_beats: Arc<Latencies>,
    seed: String,
}

/// A server with its clients, and with others beside them that only say that they are there: each ten times a second.
async fn run(files: &[[Bytes; 2]], delay: impl Fn(usize) -> Duration) -> Result<Run> {
    let server = Server::start().await?;
    let seed = server.api().add_seed(files[0][0].clone()).await?;
    let own_beats = Arc::new(Latencies::default());
    let often = Duration::from_millis(100);
    let client = |(index, files): (usize, &[Bytes; 2])| {
        let uploader = Uploader { files: files.clone(), delay: delay(index) };
        let (heartbeat, latencies) = (often, Arc::clone(&own_beats));
        (format!("client-{index}"), Options { heartbeat, latencies, ..Options::new(uploader) })
    };
    let clients = start_all(server.address(), files.iter().enumerate().map(client).collect()).await?;
    let hearts = Heartbeats::start(server.address(), CLIENTS, often)?;
    Ok(Run { server, clients, hearts, own_beats, seed })
}

async fn at_once(files: &[[Bytes; 2]]) -> Result<()> {
    let run = run(files, |_| Duration::ZERO).await?;
    let (api, mark) = (run.server.api(), run.server.log().mark());
    // Idle: what it took to take the seed is given back.
    let memory = run.server.watch_memory()?;
    let config = json!({ "clientsRequired": CLIENTS, "validate": false });
    let session = api.run_session(&run.seed, config, ROUNDS).await?;
    api.wait_for_end(&session, PATIENCE).await?;
    let (memory, beats, own) = (memory.seen()?, run.hearts.seen()?, run.own_beats.take());
    check_all_alive(&run.clients)?;

    let commits = times(&run.server, mark, " ended with model ", |_| Some(String::new()))?;
    ensure!(commits.len() as u64 == ROUNDS, "{} commits in the log", commits.len());
    let mut rounds: Vec<f64> = commits.windows(2).map(|pair| seconds(pair[0].1, pair[1].1)).collect();
    rounds.sort_by(f64::total_cmp);
    let (median, longest) = (rounds[rounds.len() / 2], rounds[rounds.len() - 1]);
    println!("  from commit to commit: median {median:.2} s, longest {longest:.2} s; wanted: below 2 s");
    println!("    FEDn {FEDN_ROUND:?}: {:.1} times as long", FEDN_ROUND.as_secs_f64() / median);
    let models = memory.above_first() as f64 / MODEL_BYTES;
    println!("  private memory above idle: {models:.2} models at most, in {} samples; wanted: below 6", memory.samples);
    println!("    idle: {} MB; FEDn {FEDN_MODELS} models", memory.first_bytes / 1_000_000);
    println!(
        "  heartbeats meanwhile: {} answered, {} failed, median {:.1?}, 99 of 100 within {:.1?}; wanted: below 50 ms",
        beats.count, beats.failures, beats.median, beats.p99
    );
    println!(
        "    of the uploading clients, on the connections that they upload on: {} failed, median {:.1?}, 99 of 100 within {:.1?}",
        own.failures, own.median, own.p99
    );
    Ok(())
}

async fn spaced(files: &[[Bytes; 2]]) -> Result<()> {
    let run = run(files, |index| Duration::from_secs(index as u64)).await?;
    let (api, mark) = (run.server.api(), run.server.log().mark());
    let config = json!({ "clientsRequired": CLIENTS, "validate": false });
    let session = api.run_session(&run.seed, config, 1).await?;
    api.wait_for_end(&session, PATIENCE).await?;
    let beats = run.hearts.seen()?;
    check_all_alive(&run.clients)?;

    let update = |line: &Line| line.text("update.id").map(str::to_owned);
    let uploads = times(&run.server, mark, " is uploaded", update)?;
    let begun: HashMap<_, _> = times(&run.server, mark, " begins", update)?.into_iter().collect();
    let commits = times(&run.server, mark, " ended with model ", |_| Some(String::new()))?;
    ensure!(uploads.len() == CLIENTS && commits.len() == 1, "{} uploads, {} commits", uploads.len(), commits.len());
    let mut in_time = 0;
    for pair in uploads.windows(2) {
        let begins = begun.get(&pair[0].0).context("an update that is never folded")?;
        in_time += usize::from(*begins < pair[1].1);
    }
    let last = uploads.last().context("no upload")?.1;
    println!("  with uploads a second apart:");
    println!("    {in_time} of {} folds begin before the next upload ends; wanted: all", CLIENTS - 1);
    println!("    committed {:.3} s after the last upload; wanted: within 0.3 s", seconds(last, commits[0].1));
    println!("    heartbeats: 99 of 100 within {:.1?}, {} failed", beats.p99, beats.failures);
    Ok(())
}

/// The log lines that say something, each by what it is about, with its time.
fn times(
    server: &Server,
    since: Mark,
    said: &str,
    about: impl Fn(&Line) -> Option<String>,
) -> Result<Vec<(String, DateTime<Utc>)>> {
    let lines = server.log().lines(since).into_iter().filter(|line| line.message().contains(said));
    lines.map(|line| Ok((about(&line).with_context(|| format!("nothing in {line}"))?, line.time()?))).collect()
}

fn seconds(from: DateTime<Utc>, until: DateTime<Utc>) -> f64 {
    (until - from).as_seconds_f64()
}
