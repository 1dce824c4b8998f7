//! What can be asked of the binary.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use fedwit_tensor::formats::Format;

use crate::plugin_command::PluginCommand;
use crate::settings::Settings;

/// A federated-learning server whose algorithms are sandboxed WebAssembly components.
#[derive(Parser)]
#[command(name = "fedwit", version, about, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Runs the server.
    Serve(Box<ServeArguments>),
    /// Runs one round over files: aggregates model updates into the next global model.
    Aggregate(AggregateArguments),
    /// Looks at model files, and changes their format.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Makes, checks, signs and installs plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
}

/// Settings come from flags, from environment variables and from a file, the first that speaks winning. Relative paths
/// start from the folder that the server is started in.
#[derive(Args)]
pub(crate) struct ServeArguments {
    /// A TOML file of settings: the names of the flags, with `_` for `-`.
    #[arg(long, env = "FEDWIT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Formats are told by content on the way in, and by ending on the way out: `.safetensors`, `.npz`, `.bin` or `.f64`
/// (flat float64) and `.f32` (flat float32).
#[derive(Args)]
pub(crate) struct AggregateArguments {
    /// The aggregator: the name of an installed plugin, or a component's file.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) plugin: String,
    /// The aggregator's configuration, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_object)]
    pub(crate) config: String,
    /// The global model that the clients started from.
    #[arg(long, value_name = "FILE")]
    pub(crate) global: PathBuf,
    /// A client's model and the number of examples it was trained on; give it once for each client.
    #[arg(long = "update", value_name = "FILE=EXAMPLES", required = true)]
    pub(crate) updates: Vec<UpdateArgument>,
    /// What the aggregator remembers (safetensors): read if it is there, and written anew.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Where to write the new global model.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: ModelPath,
    /// The number of the round; by default one more than that of the state, or 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) round: Option<u64>,
    /// For aggregators that want random numbers.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Share the updates out over so many instances of the plugin, and merge what they hand up: the same model, up to
    /// rounding, as a server with combiners makes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = combiners)]
    pub(crate) combiners: usize,
    #[command(flatten)]
    pub(crate) plugins: PluginArguments,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct PluginArguments {
    /// The folder of installed plugins [default: `plugins` beside the binary, or beside its folder].
    #[arg(long = "plugins", value_name = "FOLDER", env = "FEDWIT_PLUGINS")]
    pub(crate) folder: Option<PathBuf>,
    /// Where compiled plugins are kept [default: `fedwit` in the user's cache folder; empty for nowhere].
    #[arg(
        long = "plugin-cache",
        value_name = "FOLDER",
        env = "FEDWIT_PLUGIN_CACHE",
        // Clap's own parser of paths takes no empty one.
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ReadingArguments {
    /// What a file without a header holds, where no other model tells.
    #[arg(long, value_name = "DTYPE")]
    pub(crate) flat: Option<Flat>,
    /// The most bytes of values that a model may have where nothing else bounds it.
    #[arg(long, value_name = "BYTES", env = "FEDWIT_MAX_MODEL_SIZE", default_value_t = default_max_model_size())]
    pub(crate) max_model_size: u64,
}

fn default_max_model_size() -> u64 {
    fedwit_tensor::formats::Limits::default().max_model_size
}

/// The dtype of flat files.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Flat {
    /// Eight bytes an element, as FEDn's C++ clients send.
    Float64,
    /// Four bytes an element, as FEDn's Android clients send.
    Float32,
}

impl From<Flat> for Format {
    fn from(flat: Flat) -> Self {
        match flat {
            Flat::Float64 => Self::FlatFloat64,
            Flat::Float32 => Self::FlatFloat32,
        }
    }
}

/// A file to write a model to, in the format of its ending.
#[derive(Clone, Debug)]
pub(crate) struct ModelPath {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
}

impl FromStr for ModelPath {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        let path = PathBuf::from(argument);
        let format = Format::from_ending(&path)
            .ok_or("its ending names no format: .safetensors, .npz, .bin, .f64 and .f32 do")?;
        Ok(Self { path, format })
    }
}

fn combiners(argument: &str) -> Result<usize, String> {
    const MOST: usize = 1000;
    match argument.parse() {
        Ok(combiners) if (1..=MOST).contains(&combiners) => Ok(combiners),
        _ => Err(format!("it must be a whole number from 1 to {MOST}")),
    }
}

pub(crate) fn json_object(argument: &str) -> Result<String, String> {
    match serde_json::from_str(argument) {
        Ok(serde_json::Value::Object(_)) => Ok(argument.to_owned()),
        Ok(_) => Err("this is JSON, but no object".to_owned()),
        Err(error) => Err(format!("this is no JSON: {error}")),
    }
}

/// A model file and the number of examples that it rests on.
#[derive(Clone, Debug)]
pub(crate) struct UpdateArgument {
    pub(crate) path: PathBuf,
    pub(crate) num_examples: u64,
}

impl FromStr for UpdateArgument {
    type Err = String;

    fn from_str(argument: &str) -> Result<Self, String> {
        // The last one: a path may have others.
        let (path, examples) = argument.rsplit_once('=').ok_or("write FILE=EXAMPLES, as in client1.npz=100")?;
        if path.is_empty() {
            return Err("there is no file before `=`".to_owned());
        }
        match examples.parse() {
            Ok(0) | Err(_) => {
                Err(format!("`{examples}` is no number of examples: it must be a whole number of at least 1"))
            }
            Ok(num_examples) => Ok(Self { path: path.into(), num_examples }),
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// Shows what a model file holds.
    Info(InfoArguments),
    /// Writes a model in another format.
    Convert(ConvertArguments),
}

#[derive(Args)]
pub(crate) struct InfoArguments {
    /// The model.
    pub(crate) file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

/// The format is told by the ending: `.safetensors`, `.npz`, `.bin` or `.f64` (flat float64) and `.f32` (flat float32).
#[derive(Args)]
pub(crate) struct ConvertArguments {
    /// The model.
    pub(crate) file: PathBuf,
    /// Where to write it.
    pub(crate) out: ModelPath,
    /// Name the tensors 0, 1, ... in their order, as FEDn's clients expect.
    #[arg(long)]
    pub(crate) number_tensors: bool,
    /// A model that says what a file without a header holds: its tensors' names, dtypes and shapes.
    #[arg(long, value_name = "FILE")]
    pub(crate) like: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}
