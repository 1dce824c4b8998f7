//! `fedwit serve`: a server's life, from its settings to its exit code.
//!
//! Bind, start the application, serve, and once told to stop, drain. What the application is made of is none of this
//! file's business: see [`crate::application`].

mod lifetime;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tracing::{error, info, warn};

use self::lifetime::Lifetime;
use crate::application;
use crate::command_line::ServeArguments;
use crate::listener::{self, Listener};
use crate::settings::{self, Settings, SettingsError};
use crate::telemetry::logs;
use crate::telemetry::metrics::Metrics;

/// For threads that are still at a piece of work which nobody waits for any more.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// What clap exits with as well.
const WRONG_SETTINGS: u8 = 2;

/// Runs the server until it is told to stop.
pub(crate) fn run(arguments: ServeArguments) -> Result<ExitCode> {
    let settings = match settings::read(arguments) {
        Ok(settings) => settings,
        // With its usage.
        Err(SettingsError::CommandLine(error)) => error.exit(),
        Err(error) => {
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            return Ok(WRONG_SETTINGS.into());
        }
    };
    logs::start(&settings.log)?;
    // From here on who reads the log learns of the end in it, and nowhere else.
    Ok(serve(&settings).unwrap_or_else(|error| {
        error!("{error:#}");
        ExitCode::FAILURE
    }))
}

fn serve(settings: &Settings) -> Result<ExitCode> {
    let open_files = raise_open_files();
    let metrics = Metrics::start()?;
    show(settings);

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting Tokio")?;
    let ended = runtime.block_on(async {
        let most_connections =
            settings.listener.max_connections.unwrap_or_else(|| listener::most_connections(open_files));
        let listener = Listener::bind(&settings.listener.listen, most_connections)?;
        let lifetime = Lifetime { listener, metrics, drain: settings.listener.drain() };
        lifetime.run(|shutdown| application::start(settings, shutdown)).await
    });
    runtime.shutdown_timeout(LAST_WAIT);
    ended
}

/// As many open files as the system lets this process have. Each client is one, and each upload another.
fn raise_open_files() -> u64 {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => {
            info!(open_files.limit = limit, "{limit} files and connections may be open");
            limit
        }
        Err(error) => {
            // What systems allow when nobody says anything.
            let limit = rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024);
            warn!(open_files.limit = limit, %error, "cannot raise the limit of open files");
            limit
        }
    }
}

fn show(settings: &Settings) {
    let Settings { storage, adapter, clients, combiners, plugins, .. } = settings;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        data.folder = %storage.data.display(),
        data.low_disk_bytes = storage.low_disk_bytes,
        data.storage_adapter = adapter.storage_adapter.as_deref(),
        plugins.folder = plugins.folder.as_ref().map(|folder| tracing::field::display(folder.display())),
        clients.advertise = clients.advertise.as_ref().map(tracing::field::display),
        clients.max_upload_bytes = clients.max_upload_bytes,
        clients.reconnect_grace_seconds = clients.reconnect_grace_seconds,
        combiners = combiners.combiners,
        workers = settings.work.workers(),
        "fedwit {} starts",
        env!("CARGO_PKG_VERSION"),
    );
    if settings.access.no_auth {
        warn!("there is no access control: everyone who reaches this server may do everything");
    }
}
