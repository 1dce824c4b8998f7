//! The real server, as a process: started, killed, restarted, and watched.

mod log;
mod memory;

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;

pub use self::log::{Line, Log, Mark};
pub use self::memory::{Memory, MemoryUse, private_bytes};
use crate::api::Api;
use crate::wait::{self, PATIENCE};
use crate::{benchmark, target};

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// More arguments of `fedwit serve`.
    pub arguments: Vec<OsString>,
    /// What is logged.
    pub log: String,
    /// Guests that are made for tests, to be installed beside the plugins.
    pub guests: Vec<&'static str>,
    /// Variables of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// A program, with its arguments, that starts the server instead of being it: a tracer.
    pub under: Vec<OsString>,
}

/// A server on a folder of its own. Dropped, it is killed, and its folder removed.
#[derive(Debug)]
pub struct Server {
    options: Options,
    folder: TempDir,
    plugins: PathBuf,
    process: Option<Child>,
    address: SocketAddr,
    log: Log,
}

impl Default for Options {
    fn default() -> Self {
        let log = "info".to_owned();
        Self { arguments: Vec::new(), log, guests: Vec::new(), environment: Vec::new(), under: Vec::new() }
    }
}

impl Options {
    /// With more arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(OsString::from));
        self
    }
}

impl Server {
    /// Starts one on a free port, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not start, with what it logged.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts one, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not start, with what it logged.
    pub async fn start_with(options: Options) -> Result<Self> {
        let folder = TempDir::with_prefix("fedwit-test-").context("a folder for the server")?;
        let log = Log::new(folder.path().join("server.log"));
        let plugins = installed(folder.path(), &options.guests)?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { options, folder, plugins, process: None, address, log };
        server.launch().await?;
        Ok(server)
    }

    /// Starts it again on the same folder and the same port, and waits until it is ready.
    ///
    /// # Errors
    /// If it still runs, or does not start.
    pub async fn restart(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server still runs");
        self.launch().await
    }

    /// As [`restart`](Self::restart), with other arguments from now on.
    ///
    /// # Errors
    /// If it still runs, or does not start.
    pub async fn restart_with(&mut self, arguments: &[&str]) -> Result<()> {
        self.options.arguments = arguments.iter().map(OsString::from).collect();
        self.restart().await
    }

    async fn launch(&mut self) -> Result<()> {
        let mark = self.log.mark();
        let binary = target::fedwit()?;
        let mut line = self.options.under.clone();
        line.push(binary.into_os_string());
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).args(["serve", "--no-auth", "--listen", &self.address.to_string()]);
        command.arg("--data").arg(self.data()).arg("--plugins").arg(&self.plugins);
        command.arg("--plugin-cache").arg(target::plugin_cache()).args(["--log", &self.options.log]);
        command.args(&self.options.arguments).current_dir(self.folder.path());
        // What is set for whoever runs the tests is not meant for this server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FEDWIT_")) {
            command.env_remove(name);
        }
        command.env("DOCKER_CONFIG", "/nowhere");
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        let file = File::options().create(true).append(true).open(self.log.path()).context("the server's log")?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let process = command.spawn().with_context(|| format!("starting {}", line[0].display()))?;
        let process = self.process.insert(process);

        let (log, address) = (&self.log, &mut self.address);
        wait::until("the server to listen", PATIENCE, async || {
            if let Some(status) = process.try_wait()? {
                bail!("the server ended with {status} instead of starting: {}", log.tail());
            }
            let Some(line) = log.find(mark, |line| line.message().starts_with("listening on ")) else {
                return Ok(None);
            };
            let url = line.message().trim_start_matches("listening on ").trim_start_matches("http://").to_owned();
            *address = url.parse().with_context(|| format!("the address in {line}"))?;
            Ok(Some(()))
        })
        .await?;
        let api = self.api();
        wait::until("the server to be ready", PATIENCE, async || Ok(api.is_ready().await.then_some(()))).await
    }

    /// Kills it at once, as `kill -9` does, and sees it gone. Whatever it was doing ends in the middle.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("the server does not run")?;
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Asks it to stop, as `kill` does, and waits until it has.
    ///
    /// # Errors
    /// If it does not run, or does not end.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        let mut process = self.process.take().context("the server does not run")?;
        let signalled = Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
        ensure!(signalled.success(), "the server cannot be signalled");
        let ended = wait::until("the server to end", Duration::from_secs(20), async || Ok(process.try_wait()?)).await;
        if ended.is_err() {
            process.kill()?;
            process.wait()?;
        }
        ended
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        match &mut self.process {
            Some(process) => Ok(process.try_wait()?.is_none()),
            None => Ok(false),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for whatever belongs to this server's test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged, in all its lives.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What can be asked of it.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self.address)
    }

    /// Its process.
    ///
    /// # Errors
    /// If it does not run.
    pub fn process_id(&self) -> Result<u32> {
        self.process.as_ref().map(Child::id).ok_or_else(|| anyhow!("the server does not run"))
    }

    /// Begins to watch how much private memory it uses.
    ///
    /// # Errors
    /// If it does not run.
    pub fn watch_memory(&self) -> Result<Memory> {
        Memory::watch(self.process_id()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Gone already if it broke.
            let _ = process.kill();
            let _ = process.wait();
        }
        // Of a test they are shown only if it fails.
        if !benchmark::is_running() {
            eprintln!("the server's last words: {}", self.log.tail());
        }
    }
}

/// A folder of plugins: the one that was built, or one with guests of tests in it as well.
fn installed(folder: &Path, guests: &[&str]) -> Result<PathBuf> {
    if guests.is_empty() {
        return Ok(target::plugins());
    }
    let own = folder.join("plugins");
    std::fs::create_dir(&own)?;
    let plugins = std::fs::read_dir(target::plugins()).context("run `cargo xtask plugins`")?;
    let mut files = plugins.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wasm"));
    for guest in guests {
        files.push(target::component(guest)?);
    }
    for file in files {
        let name = file.file_name().context("a component's file")?;
        std::fs::copy(&file, own.join(name)).with_context(|| format!("installing {}", file.display()))?;
    }
    Ok(own)
}
