//! The one pass over memory in which expressions become values that are kept.

use crate::buffer::{Buffer, Piece};
use crate::expression::Expression;
use crate::program::Program;
use crate::reduction::squares;
use crate::work::{self, Group, PIECE, Root, Task};
use crate::{Parameters, TensorError, TensorType};

/// What is wanted of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Want {
    /// Its values, in the dtypes that computation is done in or wider.
    Values,
    /// Its values in exactly the dtypes of its layout.
    Settled,
    /// The sum of the squares of its elements.
    SquaredNorm,
}

/// What there is of a model afterwards.
pub(crate) enum Found {
    Parameters(Result<Parameters, TensorError>),
    SquaredNorm(f64),
}

/// What becomes of the values of one root in one piece of elements.
struct Sink<'a> {
    /// Where they are kept, if they are.
    piece: Option<Piece<'a>>,
    done: Done,
}

/// What is known of some values once they were computed.
#[derive(Clone, Copy)]
struct Done {
    finite: bool,
    unrepresentable: Option<f64>,
    squares: f64,
}

/// What became of a tensor that was computed.
type Computed = (Option<Buffer>, Done);

/// Does what is wanted of each model, reading what they are made of once.
pub(crate) fn evaluate(models: &[&Parameters], wants: &[Want]) -> Vec<Found> {
    let to_keep_in = |model: usize, tensor: usize, values: &Expression| {
        let dtype = models[model].layout().tensors()[tensor].dtype;
        match wants[model] {
            Want::Values => (values.operations() > 0).then(|| values.to_keep_in(dtype)),
            Want::Settled => (values.kept_in() != Some(dtype)).then_some(dtype),
            Want::SquaredNorm => None,
        }
    };
    let groups = work::grouped(models, |model, tensor, values| {
        wants[model] == Want::SquaredNorm || to_keep_in(model, tensor, values).is_some()
    });
    let programs: Vec<_> = groups.iter().map(Group::program).collect();
    let mut buffers: Vec<Vec<Option<Buffer>>> = Vec::with_capacity(groups.len());
    for Group { elements, roots } in &groups {
        let buffer =
            |root: &Root<'_>| Some(Buffer::zeros(to_keep_in(root.model, root.tensor, root.values)?, *elements));
        buffers.push(roots.iter().map(buffer).collect());
    }
    let done = pass(&groups, &programs, &mut buffers);

    let mut results: Vec<Vec<Option<Computed>>> =
        models.iter().map(|model| model.layout().tensors().iter().map(|_| None).collect()).collect();
    for ((Group { roots, .. }, buffers), done) in groups.iter().zip(buffers).zip(done) {
        for ((root, buffer), done) in roots.iter().zip(buffers).zip(done) {
            results[root.model][root.tensor] = Some((buffer, done));
        }
    }
    let found = |((model, want), results): ((&&Parameters, &Want), _)| match want {
        Want::SquaredNorm => Found::SquaredNorm(sum_of(results)),
        Want::Values | Want::Settled => Found::Parameters(put_together(model, results)),
    };
    models.iter().zip(wants).zip(results).map(found).collect()
}

/// Computes every root of every group, block by block, and keeps those that have a buffer.
fn pass(groups: &[Group<'_>], programs: &[Program<'_>], buffers: &mut [Vec<Option<Buffer>>]) -> Vec<Vec<Done>> {
    let nothing = Done { finite: true, unrepresentable: None, squares: 0.0 };
    let mut tasks = Vec::new();
    for (program, (group, buffers)) in groups.iter().zip(buffers).enumerate() {
        let mut pieces: Vec<_> = buffers
            .iter_mut()
            .map(|buffer| buffer.as_mut().map(|buffer| buffer.pieces(PIECE)).unwrap_or_default().into_iter())
            .collect();
        for (first, length) in group.pieces() {
            let sinks =
                pieces.iter_mut().map(|pieces| Sink { piece: pieces.next().map(|(_, piece)| piece), done: nothing });
            tasks.push(Task { program, first, length, sink: sinks.collect::<Vec<_>>() });
        }
    }
    let order: Vec<usize> = tasks.iter().map(|task| task.program).collect();
    let sinks = work::run(programs, tasks, |sinks: &mut Vec<Sink<'_>>, root, offset, values| {
        let Sink { piece, done } = &mut sinks[root];
        match piece.as_mut().map(|piece| piece.write(offset, values)) {
            Some(Ok(finite)) => done.finite &= finite,
            Some(Err(value)) => done.unrepresentable = done.unrepresentable.or(Some(value)),
            None => done.squares += squares(values),
        }
    });
    let mut all: Vec<Vec<Done>> = groups.iter().map(|group| vec![nothing; group.roots.len()]).collect();
    for (program, sinks) in order.into_iter().zip(sinks) {
        for (all, Sink { done, .. }) in all[program].iter_mut().zip(sinks) {
            all.finite &= done.finite;
            all.unrepresentable = all.unrepresentable.or(done.unrepresentable);
            all.squares += done.squares;
        }
    }
    all
}

fn sum_of(results: Vec<Option<Computed>>) -> f64 {
    results.into_iter().flatten().map(|(_, done)| done.squares).sum()
}

/// A model of the values that were computed, and for the rest of those that it had.
fn put_together(model: &Parameters, results: Vec<Option<Computed>>) -> Result<Parameters, TensorError> {
    let mut all = Vec::with_capacity(results.len());
    for (tensor, result) in results.into_iter().enumerate() {
        let Some((Some(buffer), done)) = result else {
            all.push(model.expression(tensor).clone());
            continue;
        };
        if let Some(value) = done.unrepresentable {
            let TensorType { name, .. } = &model.layout().tensors()[tensor];
            return Err(TensorError::Unrepresentable { name: name.clone(), value, dtype: buffer.dtype() });
        }
        all.push(Expression::kept_and_known(buffer.into_block(), done.finite));
    }
    Ok(Parameters::new(model.layout().clone(), all))
}
