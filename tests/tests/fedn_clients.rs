//! FEDn's own clients and tools, unmodified, as they come from the package index: they train, validate and predict
//! through the server, drop and come back, and outlive it.
//!
//! Where FEDn cannot be installed these tests fail.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::python::{Process, numpy_client, program, script};
use fedwit_tests::server::{Options, Server};
use fedwit_tests::wait::{self, PATIENCE};
use serde_json::Value;

/// Five rounds of processes that start interpreters, on a machine that does other things as well.
const LONG: Duration = Duration::from_secs(240);

/// FEDn's client waits ten seconds before it comes back, then twenty.
const RETURN: Duration = Duration::from_secs(90);

fn three(server: &Server) -> Result<Vec<Process>> {
    [("a", 60), ("b", 100), ("c", 140)].iter().map(|(id, examples)| numpy_client(server, id, *examples, 0.0)).collect()
}

fn session(server: &Server, arguments: &[&str]) -> Result<Process> {
    let port = server.address().port().to_string();
    Process::script("session.py", &[&["--port", &port], arguments].concat())
}

/// What `session.py` found.
fn result(output: &str) -> Result<Value> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT ")).context("no result")?;
    Ok(serde_json::from_str(line)?)
}

/// The mean loss after each round.
fn losses(result: &Value) -> Result<Vec<f64>> {
    let rounds = result["losses"].as_array().context("no losses")?;
    let mean = |round: &Value| {
        let clients: Vec<f64> = round.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        ensure!(!clients.is_empty(), "a round that nobody validated: {result}");
        Ok(clients.iter().sum::<f64>() / clients.len() as f64)
    };
    rounds.iter().map(mean).collect()
}

fn check_trained(output: &str, rounds: usize) -> Result<()> {
    let result = result(output)?;
    ensure!(result["status"] == "Finished" && result["finite"] == true, "{result}");
    let losses = losses(&result)?;
    ensure!(losses.len() == rounds, "{rounds} rounds, but {losses:?}");
    ensure!(losses[rounds - 1] < losses[0] / 2.0, "the loss does not fall: {losses:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_numpy_clients_train_validate_and_predict() -> Result<()> {
    let server = Server::start().await?;
    let mut clients = three(&server)?;
    let output = session(&server, &["--clients", "3", "--rounds", "5"])?.succeed(LONG).await?;
    check_trained(&output, 5)?;
    ensure!(result(&output)?["shapes"] == serde_json::json!({ "0": [12], "1": [] }), "{output}");

    let port = server.address().port().to_string();
    let predicted = Process::script("predict.py", &["--port", &port, "--clients", "3"])?.succeed(PATIENCE).await?;
    ensure!(predicted.contains("PREDICTED 3"), "{predicted}");
    clients.iter_mut().try_for_each(Process::check_alive)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_train_side_by_side() -> Result<()> {
    let server = Server::start().await?;
    let mut clients = three(&server)?;
    let averaged = session(&server, &["--clients", "3", "--rounds", "5", "--name", "averaged"])?;
    let adapted = ["--clients", "3", "--rounds", "10", "--name", "adapted", "--aggregator", "fedadam"];
    let adapted = session(&server, &adapted)?;
    let (averaged, adapted) = tokio::try_join!(averaged.succeed(LONG), adapted.succeed(LONG))?;
    check_trained(&averaged, 5)?;
    let (of_averaged, of_adapted) = (result(&averaged)?, result(&adapted)?);
    ensure!(of_adapted["status"] == "Finished" && of_averaged["session"] != of_adapted["session"], "{adapted}");
    ensure!(losses(&of_adapted)?.len() == 10, "{adapted}");
    clients.iter_mut().try_for_each(Process::check_alive)
}

/// `fedn client start`, in a folder that has the package in it if it is to bring its own.
fn fedn_client(server: &Server, id: &str, own_package: bool) -> Result<Process> {
    let url = server.api().url("");
    let mut arguments = vec!["client", "start", "--api-url", &url, "--name", id, "--client-id", id];
    if own_package {
        arguments.push("--local-package");
    }
    let arguments: Vec<_> = arguments.iter().map(std::ffi::OsStr::new).collect();
    Process::start("fedn client", &program("fedn")?, &arguments, |folder| {
        if own_package { copy(&script("package/client"), &folder.join("client")) } else { Ok(()) }
    })
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

async fn upload_package(server: &Server) -> Result<()> {
    let port = server.address().port().to_string();
    Process::script("package.py", &["--port", &port])?.succeed(PATIENCE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fedn_client_start_takes_the_servers_package() -> Result<()> {
    let server = Server::start().await?;
    // The first is there before there is a package: it asks again until there is one.
    let mut early = fedn_client(&server, "early", false)?;
    early.wait_for("Remote compute package missing", PATIENCE).await?;
    upload_package(&server).await?;
    let mut late = fedn_client(&server, "late", false)?;
    let output = session(&server, &["--clients", "2", "--rounds", "5"])?.succeed(LONG).await?;
    check_trained(&output, 5)?;
    early.check_alive()?;
    late.check_alive()
}

#[tokio::test(flavor = "multi_thread")]
async fn fedn_client_start_brings_its_own_package() -> Result<()> {
    let server = Server::start().await?;
    let mut clients = [fedn_client(&server, "a", true)?, fedn_client(&server, "b", true)?];
    let output = session(&server, &["--clients", "2", "--rounds", "5"])?.succeed(LONG).await?;
    check_trained(&output, 5)?;
    clients.iter_mut().try_for_each(Process::check_alive)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_refused_at_once_with_the_reason() -> Result<()> {
    let server = Server::start().await?;
    let port = server.address().port().to_string();
    let output = Process::script("requests_refused.py", &["--port", &port])?.succeed(PATIENCE).await?;
    let answers: Vec<(String, Value)> = output
        .lines()
        .filter(|line| line.starts_with("[\""))
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .with_context(|| output.clone())?;
    // What the answer has to speak of, for each wish.
    let said = [
        ("server_functions", "plugin"),
        ("aggregator", "fedmagic"),
        ("aggregator_kwargs", "learning_rate"),
        ("min_clients", "clients_required"),
        ("clients_online", "lower than the required minimum of 3"),
        ("round_timeout", "round_timeout"),
        ("helper", "picklehelper"),
    ];
    ensure!(answers.len() == said.len(), "{output}");
    for ((wish, answer), (expected, said)) in answers.iter().zip(said) {
        let message = answer["message"].as_str().unwrap_or_default();
        ensure!(wish == expected && message.contains(said), "{wish}: `{said}` is not in {answer}");
        ensure!(!message.contains("Session started"), "{wish} is not refused: {answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_drops_in_a_round_is_handed_its_task_again() -> Result<()> {
    let server = Server::start().await?;
    let mut clients = [numpy_client(&server, "a", 60, 0.0)?, numpy_client(&server, "b", 100, 0.0)?];
    let mut dropping = numpy_client(&server, "c", 140, 3600.0)?;
    let running = session(&server, &["--clients", "3", "--rounds", "2"])?;
    // It trains for ever, and loses its power meanwhile.
    dropping.wait_for("TRAINS", PATIENCE).await?;
    dropping.kill()?;
    let mut returned = numpy_client(&server, "c", 140, 0.0)?;
    let output = running.succeed(LONG).await?;
    ensure!(losses(&result(&output)?)?.len() == 2, "{output}");
    returned.check_alive()?;
    clients.iter_mut().try_for_each(Process::check_alive)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_is_waited_for() -> Result<()> {
    let server = Server::start().await?;
    let mut clients = [numpy_client(&server, "quick", 60, 0.0)?, numpy_client(&server, "slow", 100, 3.0)?];
    let output = session(&server, &["--clients", "2", "--rounds", "2"])?.succeed(LONG).await?;
    let result = result(&output)?;
    let id = result["session"].as_str().context("its id")?;
    for number in 1..=2 {
        let round = server.api().round(id, number).await?;
        let all = round.participants.len() == 2 && round.participants.iter().all(|part| part.status == "ACCEPTED");
        ensure!(all && round.duration_ms >= Some(3000), "{round:?}");
    }
    clients.iter_mut().try_for_each(Process::check_alive)
}

/// One of the demo's clients, with its share of the digits.
fn digits_client(server: &Server, index: usize, seconds: f64) -> Result<Process> {
    let (url, index, seconds) = (server.api().url("/"), index.to_string(), seconds.to_string());
    let arguments = ["--server", &url, "--client", &index, "--seconds", &seconds];
    Process::script("../../demo/client.py", &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffered_session_learns_the_digits_from_clients_of_different_speed() -> Result<()> {
    let server = Server::start().await?;
    // Each has a share of its own, so that what the slow ones know is known from them alone.
    let seconds = [0.2, 0.2, 0.2, 0.6, 1.2];
    let clients = seconds.iter().enumerate().map(|(index, seconds)| digits_client(&server, index, *seconds));
    let mut clients = clients.collect::<Result<Vec<_>>>()?;
    let port = server.address().port().to_string();
    let (models, size) = (60, 5);
    let (models_text, size_text) = (models.to_string(), size.to_string());
    let arguments = ["--port", &port, "--clients", "5", "--models", &models_text, "--size", &size_text];
    let arguments = [&arguments[..], &["--aggregator", "fedbuff"]].concat();
    let output = Process::script("digits_buffered.py", &arguments)?.succeed(LONG).await?;
    let result = result(&output)?;
    ensure!(result["status"] == "FINISHED" && result["updates"] == models * size, "{result}");
    ensure!(result["accuracy"].as_f64() >= Some(0.93), "{result}");
    ensure!(result["stale"].as_u64() > Some(0), "no update was stale: {result}");
    ensure!(result["clients"].as_array().map(Vec::len) == Some(5), "some never counted: {result}");
    ensure!(result["validated"].as_u64() > Some(0), "no model was measured: {result}");
    clients.iter_mut().try_for_each(Process::check_alive)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_outlive_a_server_that_is_stopped_and_one_that_is_killed() -> Result<()> {
    let mut server = Server::start_with(Options::default().with(&["--drain-seconds", "2"])).await?;
    let mut clients = three(&server)?;
    let online = async |server: &Server| {
        let api = server.api();
        wait::until("three clients to be online", RETURN, async || {
            let answer = api.rest(reqwest::Method::GET, "clients/?status=online", None).await?;
            Ok((answer.body["count"] == 3).then_some(()))
        })
        .await
    };
    online(&server).await?;
    let ended = server.stop().await?;
    ensure!(ended.success(), "the server ended with {ended}");
    server.restart().await?;
    online(&server).await?;
    let output = session(&server, &["--clients", "3", "--rounds", "2"])?.succeed(LONG).await?;
    ensure!(losses(&result(&output)?)?.len() == 2, "{output}");

    server.kill()?;
    server.restart().await?;
    online(&server).await?;
    let output = session(&server, &["--clients", "3", "--rounds", "2"])?.succeed(LONG).await?;
    ensure!(losses(&result(&output)?)?.len() == 2, "{output}");
    clients.iter_mut().try_for_each(Process::check_alive)
}
