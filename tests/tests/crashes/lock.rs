//! Holds a database's write lock from outside, as a backup might: its server can do everything but record.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fedwit_tests::{python, target};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const PATIENCE: Duration = Duration::from_secs(30);

/// A process that has the database open. Dropped, it lets go of it.
pub(crate) struct Lock {
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Lock {
    /// Opens the database.
    pub(crate) async fn new(database: &Path) -> Result<Self> {
        ensure!(database.exists(), "{} is missing", database.display());
        let mut command = Command::new(target::python()?);
        command.arg(python::script("lock.py")).arg(database);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let orders = process.stdin.take().context("its input")?;
        let answers = BufReader::new(process.stdout.take().context("its output")?).lines();
        let mut lock = Self { _process: process, orders, answers };
        lock.expect("ready").await?;
        Ok(lock)
    }

    /// Takes the lock.
    pub(crate) async fn take(&mut self) -> Result<()> {
        self.orders.write_all(b"take\n").await?;
        self.expect("taken").await
    }

    /// Lets go of it.
    pub(crate) async fn release(&mut self) -> Result<()> {
        self.orders.write_all(b"release\n").await?;
        self.expect("released").await
    }

    async fn expect(&mut self, expected: &str) -> Result<()> {
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await.context("no answer")??;
        ensure!(answer.as_deref() == Some(expected), "the lock is {answer:?}, and not {expected}");
        Ok(())
    }
}
