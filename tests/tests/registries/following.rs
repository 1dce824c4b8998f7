//! Following an installation that takes its time.

use std::sync::Arc;

use anyhow::{Result, ensure};
use fedwit_tests::command_line::{Fedwit, Said};
use fedwit_tests::server::Server;
use fedwit_tests::wait;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::cut::Line;
use super::hostile::{Answer, Hostile, blob_path};
use crate::{Author, PATIENCE, installed, server};

/// An installation of a component of which one half has come.
struct Halfway {
    hostile: Hostile,
    gate: Arc<Semaphore>,
    server: Server,
    line: Line,
    said: JoinHandle<Result<Said>>,
}

async fn halfway() -> Result<Halfway> {
    let (hostile, author) = (Hostile::start().await?, Author::new()?);
    let gate = Arc::new(Semaphore::new(0));
    hostile.has(&author.component(), Answer::Held(author.component(), Arc::clone(&gate)), |_| {});
    let server = server(&[hostile.address().to_string()], &[]).await?;
    let line = Line::to(server.address()).await?;
    let install = Fedwit::plugin(["install", &hostile.reference(), "--server", &line.url()])?;
    let said = tokio::spawn(install.run());
    wait::until("the server to pull", PATIENCE, async || {
        let asked = hostile.asked().contains(&blob_path(&author.component()));
        // One connection asks for the installation, another is told of it.
        Ok((asked && line.connections() >= 2).then_some(()))
    })
    .await?;
    Ok(Halfway { hostile, gate, server, line, said })
}

#[tokio::test]
async fn a_connection_that_breaks_is_opened_anew() -> Result<()> {
    let Halfway { gate, server, line, said, .. } = halfway().await?;
    for _ in 0..3 {
        let before = line.connections();
        line.cut();
        wait::until("another connection", PATIENCE, async || Ok((line.connections() > before).then_some(()))).await?;
    }
    gate.add_permits(1);
    let said = said.await??;
    ensure!(said.code == 0 && said.err.contains("pulling: 0 of "), "{}: {}", said.code, said.err);
    ensure!(said.err.ends_with("installed\n"), "{}", said.err);
    ensure!(installed(&server).await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_gone_is_said_with_the_job_and_has_installed_nothing() -> Result<()> {
    let Halfway { mut server, said, hostile, .. } = halfway().await?;
    server.kill()?;
    let said = said.await??;
    ensure!(said.code == 1 && said.err.contains("the server's job"), "{}: {}", said.code, said.err);
    server.restart().await?;
    ensure!(installed(&server).await?.is_empty());
    drop(hostile);
    Ok(())
}

#[tokio::test]
async fn a_server_that_stops_gives_the_installation_up() -> Result<()> {
    let Halfway { mut server, said, .. } = halfway().await?;
    let ended = server.stop().await?;
    ensure!(ended.success(), "{ended}");
    let said = said.await??;
    ensure!(said.code == 1, "{}: {}", said.code, said.err);
    Ok(())
}
