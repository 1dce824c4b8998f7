//! Killing a server when it is at something, and making sure that it was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::load::{Client, Event};
use fedwit_tests::server::{Line, Log, Mark, Server};
use fedwit_tests::wait;

use super::lock::Lock;
use super::trainer::{Stage, Trainer, round};

/// A round of ten clients, with others before it.
const PATIENCE: Duration = Duration::from_secs(60);

/// One `kill -9`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// In this round.
    pub(crate) round: u64,
    /// Then.
    pub(crate) moment: Moment,
    /// The client that stops, where one has to.
    pub(crate) client: usize,
}

/// When it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A part of a file has come in.
    InUpload,
    /// A file is uploaded, and nothing has been said of it.
    AfterUpload,
    /// An update counts, and is not in the fold yet.
    BeforeFold,
    /// The plugin is making the model.
    InFinish,
    /// The model's file is durable, and no record names it.
    BeforeCommit,
}

impl Moment {
    pub(crate) const ALL: [Self; 5] =
        [Self::InUpload, Self::AfterUpload, Self::BeforeFold, Self::InFinish, Self::BeforeCommit];
}

/// A server's life up to now, and a round in it.
struct Life<'a> {
    log: &'a Log,
    since: Mark,
    round: u64,
}

impl Kill {
    /// Waits for the moment, kills the server, and starts it again. Says what proves that this was the moment: facts of
    /// the killed server's log, read after its end.
    pub(crate) async fn carry_out(
        &self,
        server: &mut Server,
        session: &str,
        stage: &Arc<Stage>,
        clients: &[Client],
    ) -> Result<String> {
        // All that is logged from here on is of this round, which nobody trains before it is open.
        stage.open(self.round - 1);
        server.api().wait_for_round(session, self.round - 1, PATIENCE).await?;
        let since = server.log().mark();
        stage.open(self.round);
        let proof = match self.moment {
            Moment::InUpload | Moment::AfterUpload => self.kill_at_pause(server, stage, clients, since).await?,
            Moment::BeforeFold => self.kill_before_fold(server, since).await?,
            Moment::InFinish => self.kill_in_finish(server, since).await?,
            Moment::BeforeCommit => self.kill_before_commit(server, since).await?,
        };
        if let Some(pause) = stage.pause(self.round, self.client) {
            pause.over.notify_one();
        }
        Ok(proof)
    }

    async fn kill_at_pause(
        &self,
        server: &mut Server,
        stage: &Arc<Stage>,
        clients: &[Client],
        since: Mark,
    ) -> Result<String> {
        let pause = stage.pause(self.round, self.client).context("a client that stops")?;
        tokio::time::timeout(PATIENCE, pause.reached.notified()).await.context("the client does not stop")?;
        // All others are through, so that what is still coming in can only be this client's.
        for client in clients.iter().filter(|client| client.record().client() != Trainer::id(self.client)) {
            let sent = |event: &Event| match event {
                Event::Sent(sent) => (round(&sent.task) == self.round).then_some(()),
                _ => None,
            };
            client.record().wait_for("sent its update", PATIENCE, sent).await?;
        }
        if self.moment == Moment::InUpload {
            let spool = server.data().join("spool");
            wait::until("a part of a file", PATIENCE, async || {
                Ok(std::fs::read_dir(&spool)?.next().is_some().then_some(()))
            })
            .await?;
        }
        server.kill()?;
        let log = server.log();
        let life = Life { log, since, round: self.round };
        let uploaded = life.updates("is uploaded");
        let counted = life.updates("counts");
        let proof = match self.moment {
            Moment::InUpload => {
                ensure!(uploaded.len() == clients.len() - 1, "{uploaded:?} were uploaded");
                let parts = std::fs::read_dir(server.data().join("spool"))?.count();
                ensure!(parts > 0, "nothing had come in");
                format!("{} of {} files were uploaded, and a part of one more", uploaded.len(), clients.len())
            }
            _ => {
                let waiting: Vec<_> = uploaded.difference(&counted).collect();
                ensure!(waiting.len() == 1, "{waiting:?} were uploaded and did not count");
                format!("update {} was uploaded and did not count", waiting[0])
            }
        };
        server.restart().await?;
        Ok(proof)
    }

    async fn kill_before_fold(&self, server: &mut Server, since: Mark) -> Result<String> {
        let waiting = |log: &Log| {
            let life = Life { log, since, round: self.round };
            let folded = life.updates("ends");
            life.updates("counts").into_iter().find(|update| !folded.contains(update))
        };
        let log = server.log();
        wait::until("an update that is not folded", PATIENCE, async || Ok(waiting(log).map(|_| ()))).await?;
        server.kill()?;
        let update = waiting(server.log()).context("every update that counted was folded")?;
        server.restart().await?;
        Ok(format!("update {update} counted, and its fold had not ended"))
    }

    async fn kill_in_finish(&self, server: &mut Server, since: Mark) -> Result<String> {
        Life { log: server.log(), since, round: self.round }.wait_for("is being made").await?;
        server.kill()?;
        let life = Life { log: server.log(), since, round: self.round };
        ensure!(life.find("is durable").is_none(), "the model was made already");
        server.restart().await?;
        Ok("the model was being made, and was not".to_owned())
    }

    async fn kill_before_commit(&self, server: &mut Server, since: Mark) -> Result<String> {
        let mut lock = Lock::new(&server.data().join("fedwit.sqlite")).await?;
        let life = Life { log: server.log(), since, round: self.round };
        life.wait_for("is being made").await?;
        lock.take().await?;
        let durable = life.wait_for("is durable").await?;
        server.kill()?;
        let life = Life { log: server.log(), since, round: self.round };
        ensure!(life.find("ended with model").is_none(), "the model was on record already");
        let digest = durable.text("blob.digest").context("the model's digest")?;
        let blob = server.data().join("blobs").join(&digest[..2]).join(digest);
        ensure!(blob.exists(), "{} is not there", blob.display());
        lock.release().await?;
        server.restart().await?;
        Ok(format!("blob {digest} was there, and no record named it"))
    }
}

impl Life<'_> {
    /// The updates of which it says this.
    fn updates(&self, said: &str) -> BTreeSet<String> {
        let lines = self.log.lines(self.since);
        let said = lines.iter().filter(|line| line.message().ends_with(said));
        said.filter_map(|line| line.text("update.id")).map(str::to_owned).collect()
    }

    fn says(&self, line: &Line, said: &str) -> bool {
        line.message().contains(said) && line.message().contains(&format!("round {} ", self.round))
    }

    fn find(&self, said: &str) -> Option<Line> {
        self.log.find(self.since, |line| self.says(line, said))
    }

    async fn wait_for(&self, said: &str) -> Result<Line> {
        self.log.wait_for(self.since, said, PATIENCE, |line| self.says(line, said)).await
    }
}
