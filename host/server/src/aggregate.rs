//! `fedwit aggregate`: a round over files.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use fedwit_runtime::{Aggregation, Level, Outcome, Plugin, Round, SavedState, State, Update, UpdateInfo};
use fedwit_tensor::Parameters;
use fedwit_tensor::formats::{self, Expected};

use crate::command_line::{AggregateArguments, ReadingArguments, UpdateArgument};
use crate::model::seed;
use crate::plugins;

/// Runs one round. Nothing is written unless all of it succeeded.
pub(crate) fn run(arguments: &AggregateArguments) -> Result<()> {
    if let Some(state) = &arguments.state {
        ensure!(*state != arguments.out.path, "--state and --out both name {}", state.display());
    }
    let plugin = plugins::load(&arguments.plugin, &arguments.plugins)?;
    ensure!(
        arguments.combiners == 1 || plugin.mergeable(),
        "--combiners: `{}` looks at all updates of a round at once, and merges no shares of it",
        plugin.name()
    );
    let global = read_global(&arguments.global, &arguments.reading)?;
    let saved = match &arguments.state {
        Some(path) => saved_state(path, &plugin, arguments)?,
        None => None,
    };
    let number = arguments.round.unwrap_or_else(|| saved.as_ref().map_or(1, |saved| saved.round.saturating_add(1)));
    let round = Round {
        number,
        config: arguments.config.clone(),
        seed: arguments.seed,
        global_model: global,
        state: saved.map(|saved| saved.state),
    };
    let mut controller = plugin.begin(round.clone())?;
    let reduced = reduce(&plugin, &round, arguments, &mut controller);
    // Also, and above all, when something went wrong.
    show_log(&mut controller, &plugin);
    let outcome = reduced?;
    write(arguments, &plugin, number, &outcome)?;
    report(arguments, &plugin, number, &outcome).context("writing to standard output")
}

/// What the plugin returned last; nothing if there is no such file.
fn saved_state(path: &Path, plugin: &Plugin, arguments: &AggregateArguments) -> Result<Option<SavedState>> {
    let context = || format!("state {}", path.display());
    if !path.try_exists().with_context(context)? {
        return Ok(None);
    }
    SavedState::read(path, plugin, arguments.reading.limits()).with_context(context).map(Some)
}

fn read_global(path: &Path, reading: &ReadingArguments) -> Result<Parameters> {
    let global = seed(path, reading)?.parameters;
    global.check_finite().with_context(|| format!("global model {}", path.display()))?;
    Ok(global)
}

/// Adds the updates, or has an instance for each combiner add its share and merges what they hand up, as a server with
/// combiners does. One share is folded after the other.
fn reduce(
    plugin: &Plugin,
    round: &Round,
    arguments: &AggregateArguments,
    controller: &mut Aggregation,
) -> Result<Outcome> {
    if arguments.combiners == 1 {
        add(controller, arguments.updates.iter(), round)?;
        return Ok(controller.finish()?);
    }
    for combiner in 0..arguments.combiners {
        let share = arguments.updates.iter().skip(combiner).step_by(arguments.combiners);
        let mut aggregation = plugin.begin(round.clone())?;
        let added = add(&mut aggregation, share, round);
        show_log(&mut aggregation, plugin);
        added?;
        controller.merge(aggregation.partial()?)?;
    }
    Ok(controller.finish()?)
}

/// Adds one update after the other, so that only one is in memory at a time.
fn add<'a>(
    aggregation: &mut Aggregation,
    updates: impl Iterator<Item = &'a UpdateArgument>,
    round: &Round,
) -> Result<()> {
    let global = &round.global_model;
    for argument in updates {
        let path = argument.path.display();
        let parameters = formats::read(&argument.path, &Expected::Layout(global.layout()), None)?.parameters;
        // One file is one client, whatever its path is spelled like.
        let client = std::fs::canonicalize(&argument.path).with_context(|| format!("{path}"))?.display().to_string();
        let (update, num_examples) = (client.clone(), argument.num_examples);
        let info = UpdateInfo { update, client, round: round.number, staleness: 0, num_examples, metrics: Vec::new() };
        let update = Update::checked(info, &parameters, global).with_context(|| format!("update {path}"))?;
        aggregation.add(update).with_context(|| format!("update {path}"))?;
    }
    Ok(())
}

fn show_log(aggregation: &mut Aggregation, plugin: &Plugin) {
    let mut stderr = std::io::stderr().lock();
    for line in aggregation.log() {
        let level = match line.level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        // If standard error is gone there is nobody to tell.
        let _ = writeln!(stderr, "{} {level}: {}", plugin.name(), line.message);
    }
}

/// Both files are written whole before either takes its place. The model goes first: if the second rename fails, the
/// same command again gives the same model, while the state on its own would be applied twice.
fn write(arguments: &AggregateArguments, plugin: &Plugin, number: u64, outcome: &Outcome) -> Result<()> {
    let model = formats::stage(&arguments.out.path, &outcome.model, arguments.out.format, &BTreeMap::new())?;
    let nothing = State::default();
    let state = arguments
        .state
        .as_deref()
        .map(|path| outcome.state.as_ref().unwrap_or(&nothing).stage(path, plugin, number))
        .transpose()?;
    model.commit()?;
    state.map_or(Ok(()), |state| Ok(state.commit()?))
}

fn report(arguments: &AggregateArguments, plugin: &Plugin, number: u64, outcome: &Outcome) -> std::io::Result<()> {
    let examples: u128 = arguments.updates.iter().map(|update| u128::from(update.num_examples)).sum();
    let mut stdout = std::io::stdout().lock();
    writeln!(
        stdout,
        "{}: round {number} of {} updates on {examples} examples, by {} {} (sha256:{})",
        arguments.out.path.display(),
        arguments.updates.len(),
        plugin.name(),
        plugin.version(),
        plugin.digest(),
    )?;
    for metric in &outcome.metrics {
        writeln!(stdout, "  {} = {}", metric.name.escape_debug(), metric.value)?;
    }
    Ok(())
}
