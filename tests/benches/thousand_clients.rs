//! A thousand clients for a minute: whether all of them are heard, a round over all of them, and the memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fedwit_tests::load::{Constant, Latencies, Options, check_all_alive, start_all};
use fedwit_tests::server::Server;
use fedwit_tests::{benchmark, npz};
use serde_json::json;

const CLIENTS: usize = 1000;
const MINUTE: Duration = Duration::from_secs(60);

/// Where FEDn 0.33.0 stops.
const FEDN: usize = 350;

#[tokio::main]
async fn main() -> Result<()> {
    if !benchmark::is_asked_for("thousand_clients") {
        return Ok(());
    }
    println!("a thousand clients: {CLIENTS} for a minute, on the machine that the server is on");
    let server = Server::start().await?;
    let api = server.api();
    let file = npz::stored(&[(&[32, 32], &[0.5; 1024])])?;
    let seed = api.add_seed(file.clone()).await?;
    let memory = server.watch_memory()?;
    let beats = Arc::new(Latencies::default());
    let began = Instant::now();
    let client = |index: usize| {
        let options = Options::new(Constant { file: file.clone(), examples: 1 + index as u64 });
        (format!("client-{index}"), Options { latencies: Arc::clone(&beats), ..options })
    };
    let clients = start_all(server.address(), (0..CLIENTS).map(client).collect()).await?;
    println!("  all are there after {:.1?}", began.elapsed());

    let minute = Instant::now();
    let config = json!({ "clientsRequired": CLIENTS, "validate": false, "roundTimeoutS": 60 });
    let session = api.run_session(&seed, config, 1).await?;
    api.wait_for_end(&session, MINUTE).await?;
    let round = api.round(&session, 1).await?;
    let accepted = round.participants.iter().filter(|participant| participant.status == "ACCEPTED").count();
    ensure!(accepted == CLIENTS, "{accepted} updates count");
    println!("  a round over all of them took {} ms; FEDn stops at {FEDN}", round.duration_ms.unwrap_or_default());
    tokio::time::sleep(MINUTE.saturating_sub(minute.elapsed())).await;

    let (memory, beats) = (memory.seen()?, beats.take());
    check_all_alive(&clients)?;
    println!(
        "  heartbeats: {} answered, {} failed, median {:.1?}, 99 of 100 within {:.1?}; wanted: none failed",
        beats.count, beats.failures, beats.median, beats.p99
    );
    println!("  private memory: {} MB at most; wanted: below 300 MB", memory.peak_bytes / 1_000_000);
    Ok(())
}
