//! Programs in Python: FEDn's own client and its tools, as processes.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::server::Server;
use crate::target;
use crate::wait;

/// A process in a folder of its own: FEDn's client leaves things where it is started. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    folder: TempDir,
    child: Child,
}

/// A script of the tests.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name)
}

/// A program that was installed beside the interpreter, such as `fedn`.
///
/// # Errors
/// If it is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = target::python()?.with_file_name(name);
    ensure!(path.exists(), "{} is missing", path.display());
    Ok(path)
}

/// Starts a client on FEDn's own library that trains for at least so long, on made-up points of its own.
///
/// # Errors
/// If there is no Python.
pub fn numpy_client(server: &Server, id: &str, examples: u32, seconds: f64) -> Result<Process> {
    let (url, examples, seconds) = (server.api().url("/"), examples.to_string(), seconds.to_string());
    // Different for each client, the same in each run.
    let seed = id.bytes().map(u32::from).sum::<u32>().to_string();
    let arguments = ["--server", &url, "--id", id, "--seed", &seed, "--examples", &examples, "--seconds", &seconds];
    Process::script("numpy_client.py", &arguments)
}

impl Process {
    /// Starts a script.
    ///
    /// # Errors
    /// If there is no Python.
    pub fn script(script_name: &str, arguments: &[&str]) -> Result<Self> {
        let script = script(script_name);
        let arguments = [&[script.as_os_str()][..], &arguments.iter().map(OsStr::new).collect::<Vec<_>>()].concat();
        Self::start(script_name, &target::python()?, &arguments, |_| Ok(()))
    }

    /// Starts a program in a folder that is prepared before.
    ///
    /// # Errors
    /// If it cannot be prepared or started.
    pub fn start(
        name: &str,
        program: &Path,
        arguments: &[&OsStr],
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("fedwit-python-").context("a folder for a process")?;
        prepare(folder.path())?;
        let output = File::create(folder.path().join("output.log"))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder.path());
        // Entry points are started as `python`: the one that has NumPy.
        let mut path = program.parent().context("a program's folder")?.as_os_str().to_owned();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        command.env("PATH", path).env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env_remove("FEDN_AUTH_TOKEN").stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        Ok(Self { name: name.to_owned(), folder, child })
    }

    /// Waits until it ends well.
    ///
    /// # Errors
    /// If it does not end, or badly; with what it printed.
    pub async fn succeed(mut self, patience: Duration) -> Result<String> {
        let name = self.name.clone();
        let status = wait::until(format_args!("{name} to end"), patience, async || Ok(self.child.try_wait()?)).await;
        match status {
            Ok(status) if status.success() => Ok(self.output()),
            Ok(status) => bail!("{name} ended with {status}:\n{}", self.output()),
            Err(error) => bail!("{error:#}:\n{}", self.output()),
        }
    }

    /// Waits for something that it prints.
    ///
    /// # Errors
    /// If it does not come, or the process ends; with what it printed.
    pub async fn wait_for(&mut self, wanted: &str, patience: Duration) -> Result<()> {
        let what = format!("`{wanted}` from {}", self.name);
        let seen = wait::until(what, patience, async || {
            if self.output().contains(wanted) {
                return Ok(Some(()));
            }
            match self.child.try_wait()? {
                Some(status) => bail!("it ended with {status}"),
                None => Ok(None),
            }
        })
        .await;
        seen.with_context(|| format!("{} printed:\n{}", self.name, self.output()))
    }

    /// Fails if it has ended.
    ///
    /// # Errors
    /// With what it printed.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended with {status}:\n{}", self.name, self.output()),
            None => Ok(()),
        }
    }

    /// What it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(self.folder.path().join("output.log"))
            .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Kills it, as a machine without power would.
    ///
    /// # Errors
    /// If it is gone already.
    pub fn kill(mut self) -> Result<ExitStatus> {
        self.check_alive()?;
        self.child.kill()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
