//! What `fedwit serve` can be told, one struct a concern.
//!
//! A setting is declared once, as a field. Its flag, its environment variable, its key in the file and its line in
//! `docs/configuration.md` follow from that: `--low-disk-bytes` is `FEDWIT_LOW_DISK_BYTES` and `low_disk_bytes`. A flag
//! wins over a variable, a variable over the file, the file over the default; what is not known is refused wherever it
//! stands, so that a typo never passes for a default.
//!
//! Reading is in [`mod@reading`], the file in [`mod@file`], what a variable may be called in [`mod@environment`].

mod adapter;
mod environment;
mod file;
mod limits;
#[cfg(test)]
mod manual;
mod reading;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{Args, ValueEnum};

use crate::command_line::{PluginArguments, json_object};
use crate::registry::{AllowedRegistry, RegistryArguments};

pub(crate) use self::adapter::AdapterSettings;
pub(crate) use self::limits::PluginLimits;
pub(crate) use self::reading::{SettingsError, read};
pub(crate) use self::values::{Address, Filter};

/// All of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) listener: ListenerSettings,
    #[command(flatten)]
    pub(crate) access: AccessSettings,
    #[command(flatten)]
    pub(crate) storage: StorageSettings,
    #[command(flatten)]
    pub(crate) adapter: AdapterSettings,
    #[command(flatten)]
    pub(crate) clients: ClientSettings,
    #[command(flatten)]
    pub(crate) combiners: CombinerSettings,
    #[command(flatten, next_help_heading = "Plugins")]
    pub(crate) plugins: PluginArguments,
    #[command(flatten)]
    pub(crate) signatures: SignatureSettings,
    #[command(flatten)]
    pub(crate) secrets: SecretSettings,
    #[command(flatten)]
    pub(crate) registries: RegistrySettings,
    #[command(flatten)]
    pub(crate) plugin_limits: PluginLimits,
    #[command(flatten)]
    pub(crate) work: WorkSettings,
    #[command(flatten)]
    pub(crate) log: LogSettings,
}

/// Where the server is reached, and how it lets go of its connections.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct ListenerSettings {
    /// An address to listen on; give it once for each, or several with commas between them. Port 0 takes a free one.
    #[arg(
        long,
        env = "FEDWIT_LISTEN",
        value_name = "ADDR:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080",
        value_parser = values::socket_address
    )]
    pub(crate) listen: Vec<SocketAddr>,
    /// The most connections at a time; another is closed at once [default: half the limit of open files, at most 65536].
    #[arg(long, env = "FEDWIT_MAX_CONNECTIONS", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_048_576))]
    pub(crate) max_connections: Option<usize>,
    /// How long a server that was told to stop waits for what is under way, in seconds.
    #[arg(long, env = "FEDWIT_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=10))]
    pub(crate) drain_seconds: u64,
}

impl ListenerSettings {
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// Who may do what.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessSettings {
    /// Let everyone who reaches the server do everything. For trials: only loopback addresses may be listened on.
    #[arg(long, env = "FEDWIT_NO_AUTH", value_parser = BoolishValueParser::new())]
    pub(crate) no_auth: bool,
}

/// Where state lies.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub(crate) struct StorageSettings {
    /// The folder of records, models and updates. One server at a time uses it; it is made if it is missing.
    #[arg(long, env = "FEDWIT_DATA", value_name = "FOLDER", default_value = "fedwit-data")]
    pub(crate) data: PathBuf,
    /// No more uploads are taken once the disk has fewer bytes free than this.
    #[arg(long, env = "FEDWIT_LOW_DISK_BYTES", value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) low_disk_bytes: u64,
}

/// What clients are told, and what they may send.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Clients")]
pub(crate) struct ClientSettings {
    /// The address that clients are told to connect to [default: the one that they reached the server by].
    #[arg(long, env = "FEDWIT_ADVERTISE", value_name = "HOST:PORT")]
    pub(crate) advertise: Option<Address>,
    /// The most bytes of one uploaded model or package.
    #[arg(long, env = "FEDWIT_MAX_UPLOAD_BYTES", value_name = "BYTES", default_value_t = 4 << 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_upload_bytes: u64,
    /// How long a client that is gone may take to come back before a round gives it up, in seconds, for sessions that
    /// do not say.
    #[arg(long, env = "FEDWIT_RECONNECT_GRACE_SECONDS", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) reconnect_grace_seconds: u64,
}

/// Who folds clients' updates.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Combiners")]
pub(crate) struct CombinerSettings {
    /// How many combiners share the clients. Each folds its clients' updates beside the others, and what they have is
    /// merged; each holds an accumulator of its own while a round is folded.
    #[arg(long, env = "FEDWIT_COMBINERS", value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) combiners: usize,
    /// The plugin that says which combiner a client joins [default: none: a client joins the combiner that it would like,
    /// else the one with the fewest clients].
    #[arg(long, env = "FEDWIT_LOAD_BALANCER", value_name = "NAME")]
    pub(crate) load_balancer: Option<String>,
    /// The load balancer's configuration, a JSON object.
    #[arg(long, env = "FEDWIT_LOAD_BALANCER_CONFIG", value_name = "JSON", default_value = "{}", value_parser = json_object)]
    pub(crate) load_balancer_config: String,
}

/// Who may have made the plugins that are installed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Plugins")]
pub(crate) struct SignatureSettings {
    /// A public key (PEM) that signatures of installed plugins are checked with; give it once for each, or several with
    /// commas between them [default: none, so that signatures are not looked at].
    #[arg(long, env = "FEDWIT_PLUGIN_KEYS", value_name = "FILE", value_delimiter = ',')]
    pub(crate) plugin_keys: Vec<PathBuf>,
    /// Install no plugin that is not signed with one of these keys, and use none that was installed before. What lies in
    /// the folder of plugins needs no signature.
    #[arg(long, env = "FEDWIT_REQUIRE_SIGNED_PLUGINS", value_parser = BoolishValueParser::new())]
    pub(crate) require_signed_plugins: bool,
}

/// What plugins can be entrusted with.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Plugins")]
pub(crate) struct SecretSettings {
    /// The folder of secrets that plugins can be granted: one file each, whose name is the secret's. Files that everyone can
    /// read are refused [default: none].
    #[arg(long, env = "FEDWIT_PLUGIN_SECRETS", value_name = "FOLDER")]
    pub(crate) plugin_secrets: Option<PathBuf>,
}

/// Where plugins may be pulled from.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Plugins")]
pub(crate) struct RegistrySettings {
    /// A registry that the server may pull plugins from when it is asked to install one, as a whole or what lies below a
    /// path in it; give it once for each, or several with commas between them [default: none].
    #[arg(long, env = "FEDWIT_PLUGIN_REGISTRY", value_name = "HOST[/PATH]", value_delimiter = ',')]
    pub(crate) plugin_registry: Vec<AllowedRegistry>,
    #[command(flatten)]
    pub(crate) how: RegistryArguments,
}

/// What the machine is used for.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Work")]
pub(crate) struct WorkSettings {
    /// How many threads compute and run plugins [default: as many as the machine has cores].
    #[arg(long, env = "FEDWIT_WORKERS", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_024))]
    workers: Option<usize>,
}

impl WorkSettings {
    pub(crate) fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.unwrap_or_else(cores)
    }
}

/// What the server says of itself while it runs.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogSettings {
    /// What is logged: a level, or `TARGET=LEVEL` several times with commas between them, as in
    /// `info,fedwit_store=debug`.
    #[arg(long, env = "FEDWIT_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: Filter,
    /// How: `text` for people, `json` for machines, one object a line.
    #[arg(long, env = "FEDWIT_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    pub(crate) log_format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// `text` where standard error is a terminal, else `json`.
    Auto,
    Text,
    Json,
}
