//! How long a round takes in which there is nothing to do: two clients, a tiny model, no validation.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Constant, Options, Spread, check_all_alive, start_all};
use fedwit_tests::server::Server;
use fedwit_tests::{benchmark, npz};
use serde_json::json;

const ROUNDS: u64 = 200;

/// Of FEDn 0.33.0, by the same measure.
const FEDN: Duration = Duration::from_millis(1500);

#[tokio::main]
async fn main() -> Result<()> {
    if !benchmark::is_asked_for("small_rounds") {
        return Ok(());
    }
    let server = Server::start().await?;
    let api = server.api();
    let file = npz::stored(&[(&[8], &[0.5; 8])])?;
    let seed = api.add_seed(file.clone()).await?;
    let client = |name: &str| (name.to_owned(), Options::new(Constant { file: file.clone(), examples: 10 }));
    let clients = start_all(server.address(), vec![client("a"), client("b")]).await?;
    let mark = server.log().mark();
    let config = json!({ "clientsRequired": 2, "validate": false });
    let session = api.run_session(&seed, config, ROUNDS).await?;
    api.wait_for_end(&session, Duration::from_secs(600)).await?;
    check_all_alive(&clients)?;

    let commits = server.log().lines(mark).into_iter().filter(|line| line.message().contains(" ended with model "));
    let times = commits.map(|line| line.time()).collect::<Result<Vec<_>>>()?;
    ensure!(times.len() as u64 == ROUNDS, "{} commits in the log", times.len());
    let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).to_std().context("time runs backwards"));
    let spread = Spread::of(gaps.collect::<Result<_>>()?);
    println!("small rounds: two clients, a tiny model, no validation; from commit to commit, {ROUNDS} rounds");
    println!(
        "  median {:.1?}, 99 of 100 within {:.1?}; FEDn {FEDN:?}: {:.0} times as long; wanted: below 50 ms",
        spread.median,
        spread.p99,
        FEDN.as_secs_f64() / spread.median.as_secs_f64(),
    );
    Ok(())
}
