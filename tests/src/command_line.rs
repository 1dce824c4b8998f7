//! `fedwit plugin`, as a user runs it.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncWriteExt;

use crate::target;

/// What the command line exits with when the answer is no.
pub const REFUSED: i32 = 3;

/// Nothing that is asked for takes as long.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a command line came to.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// What went to standard output.
    pub out: String,
    /// What went to standard error.
    pub err: String,
}

/// A command line that is not run yet. Of the environment it has nothing that was meant for tests, or for its user.
#[derive(Debug)]
pub struct Fedwit {
    command: tokio::process::Command,
    input: Option<String>,
}

impl Fedwit {
    /// `fedwit plugin` with these arguments.
    ///
    /// # Errors
    /// If it was not built.
    pub fn plugin<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        let mut command = tokio::process::Command::new(target::fedwit()?);
        command.arg("plugin").args(arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FEDWIT_")) {
            command.env_remove(name);
        }
        command.env("DOCKER_CONFIG", "/nowhere");
        Ok(Self { command, input: None })
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With something on standard input.
    #[must_use]
    pub fn hearing(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self.command.stdin(Stdio::piped());
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// If it cannot be run, or does not end.
    pub async fn run(mut self) -> Result<Said> {
        let mut child = self.command.spawn().context("running fedwit")?;
        if let (Some(input), Some(mut pipe)) = (self.input, child.stdin.take()) {
            pipe.write_all(input.as_bytes()).await?;
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.context("the command line does not end")??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) })
    }

    /// Runs it, and gives what it says if it goes well.
    ///
    /// # Errors
    /// If it does not.
    pub async fn succeed(self) -> Result<String> {
        let shown = format!("{:?}", self.command.as_std().get_args().collect::<Vec<_>>());
        let Said { code, out, err } = self.run().await?;
        ensure!(code == 0, "fedwit {shown} exits with {code}: {err}");
        Ok(out)
    }

    /// Runs it, and gives what it says of its refusal with this code of `docs/errors.md`.
    ///
    /// # Errors
    /// If it is not refused, or with another code.
    pub async fn refused(self, with: &str) -> Result<String> {
        let Said { code, out, err } = self.run().await?;
        ensure!(code == REFUSED && err.contains(&format!("({with})")), "{code}, and not {with}: {out}{err}");
        Ok(err)
    }

    /// Runs it, and gives what it says of its failure.
    ///
    /// # Errors
    /// If it does not fail.
    pub async fn fail(self) -> Result<String> {
        let Said { code, out, err } = self.run().await?;
        ensure!(code == 1, "{code}: {out}{err}");
        Ok(err)
    }
}
