//! Columns of many models' values of one coordinate, sorted many at a time.

use std::ops::Range;

use super::network::Network;
use crate::block::{BLOCK, Block};
use crate::expression::{Expression, Kind};
use crate::program::Program;
use crate::vectors::{Loops, vectorised_loops};
use crate::{DType, Parameters, TensorError, work};

/// Columns that are sorted side by side: a hundred rows of float32 lanes fit the first-level cache.
const LANES: usize = 64;

/// One model's values of some columns.
pub(super) type Row<T> = [T; LANES];

/// A number to sort.
pub(super) trait Lane: Copy + PartialOrd + Default + Into<f64> + Send {}

impl Lane for f32 {}
impl Lane for f64 {}

/// What is made of a column.
pub(super) trait Statistic: Sync {
    /// Whether the value of this rank is looked at.
    fn needs(&self, rank: usize, models: usize) -> bool;

    /// The results for sorted columns, of which there is a row for each rank. Must be inlined.
    fn of<T: Lane>(&self, sorted: &[Row<T>], out: &mut [f64]);
}

/// A model of what `statistic` makes of each coordinate, or not-a-number where one of its values is.
pub(super) fn by_coordinate(models: &[&Parameters], statistic: &impl Statistic) -> Result<Parameters, TensorError> {
    let first = models.first().ok_or(TensorError::NoModels)?;
    let aligned = models.iter().map(|model| first.aligned(model)).collect::<Result<Vec<_>, _>>()?;
    let network = Network::new(models.len(), |rank| statistic.needs(rank, models.len()));
    let sources: Vec<Source<'_>> = (0..first.layout().tensors().len())
        .map(|tensor| Source::new(&aligned.iter().map(|model| &model[tensor]).collect::<Vec<_>>()))
        .collect();
    let values = work::fill(
        first.layout(),
        DType::widened,
        || (Sorter::new(models.len()), Sorter::new(models.len())),
        |(narrow, wide), tensor, range, out| match &sources[tensor] {
            Source::Narrow(blocks) => narrow.sort(&network, statistic, range, out, |range, values| {
                for (block, values) in blocks.iter().zip(values.chunks_exact_mut(range.len())) {
                    block.read_narrow(range.start, values);
                }
            }),
            Source::Wide(program) => wide.sort(&network, statistic, range, out, |range, values| {
                let length = range.len();
                program.run(&mut program.registers(), range.start, length, |model, computed| {
                    values[model * length..(model + 1) * length].copy_from_slice(computed);
                });
            }),
        },
    )?;
    Ok(Parameters::new(first.layout().clone(), values))
}

/// One tensor of every model.
enum Source<'a> {
    /// All are kept as floats that float32 holds: half the memory to move, and twice the lanes.
    Narrow(Vec<&'a Block>),
    Wide(Program<'a>),
}

impl<'a> Source<'a> {
    fn new(models: &[&'a Expression]) -> Self {
        let narrow = |values: &&'a Expression| match values.kind() {
            Kind::Kept(kept) if kept.block.kept_in().widened() == DType::F32 => Some(&kept.block),
            _ => None,
        };
        match models.iter().map(narrow).collect() {
            Some(blocks) => Self::Narrow(blocks),
            None => Self::Wide(Program::new(models)),
        }
    }
}

/// The memory that one thread sorts in.
struct Sorter<T> {
    models: usize,
    /// As many columns as are read at a time, model by model.
    values: Vec<T>,
    /// As many as are sorted at a time, close together.
    rows: Vec<Row<T>>,
}

impl<T: Lane> Sorter<T> {
    fn new(models: usize) -> Self {
        Self { models, values: Vec::new(), rows: Vec::new() }
    }

    /// What `statistic` makes of the columns of a block, whose values `read` gives model by model.
    fn sort(
        &mut self,
        network: &Network,
        statistic: &impl Statistic,
        range: Range<usize>,
        out: &mut [f64],
        read: impl Fn(Range<usize>, &mut [T]),
    ) {
        let at_a_time = columns_at_a_time(self.models);
        self.values.resize(self.models * at_a_time, T::default());
        self.rows.resize(self.models, [T::default(); LANES]);
        for (start, out) in range.step_by(at_a_time).zip(out.chunks_mut(at_a_time)) {
            let values = &mut self.values[..self.models * out.len()];
            read(start..start + out.len(), values);
            sort_all(network, statistic, values, &mut self.rows, out);
        }
    }
}

/// Columns whose values are read at a time: so many that files are read in long stretches, but that those of a thousand
/// models still fit the second-level cache.
fn columns_at_a_time(models: usize) -> usize {
    const VALUES: usize = 1 << 18;
    (VALUES / models).next_multiple_of(LANES).clamp(LANES, BLOCK)
}

fn sort_all<T: Lane>(
    network: &Network,
    statistic: &impl Statistic,
    values: &[T],
    rows: &mut [Row<T>],
    out: &mut [f64],
) {
    let columns = out.len();
    for (index, out) in out.chunks_mut(LANES).enumerate() {
        let lanes = out.len();
        let of_model = |model: usize| &values[model * columns + index * LANES..][..lanes];
        for (model, row) in rows.iter_mut().enumerate() {
            row[..lanes].copy_from_slice(of_model(model));
        }
        let models = rows.len();
        if vectorised_loops(Sort { network, statistic, rows, out }) {
            let poisoned = |lane: usize| (0..models).any(|model| is_poisoned(&of_model(model)[lane]));
            for (_, out) in out.iter_mut().enumerate().filter(|(lane, _)| poisoned(*lane)) {
                *out = f64::NAN;
            }
        }
    }
}

/// The loops in which nearly all of the time goes.
struct Sort<'a, T, S> {
    network: &'a Network,
    statistic: &'a S,
    rows: &'a mut [Row<T>],
    out: &'a mut [f64],
}

impl<T: Lane, S: Statistic> Loops for Sort<'_, T, S> {
    /// Whether a value is not a number.
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut poisoned: Row<bool> = [false; LANES];
        for row in self.rows.iter() {
            for (poisoned, value) in poisoned.iter_mut().zip(row) {
                *poisoned |= is_poisoned(value);
            }
        }
        self.network.run(self.rows);
        self.statistic.of(self.rows, self.out);
        poisoned.contains(&true)
    }
}

/// Whether a value is not a number, and so not equal to itself.
#[inline(always)]
#[allow(clippy::eq_op, reason = "this is what not-a-number is")]
fn is_poisoned<T: Lane>(value: &T) -> bool {
    value != value
}
