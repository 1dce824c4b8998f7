//! The values of one tensor: kept somewhere, or how they are computed from others.
//!
//! An expression is a graph of operations whose leaves are kept values. It is immutable, and nodes are shared. A plugin
//! may make it as deep as its limits let it, so nothing here recurses: not even the drop.

use std::any::Any;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use crate::DType;
use crate::block::Block;
use crate::operation::{Binary, Unary};

/// What lives as long as the memory of some kept values does.
pub(crate) type Guard = Arc<dyn Any + Send + Sync>;

/// The values of one tensor. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Expression(Arc<Node>);

struct Node {
    kind: Kind,
    /// Operations below and with this one; what is used twice is counted twice.
    operations: usize,
}

/// What an expression is.
pub(crate) enum Kind {
    /// Kept values.
    Kept(Kept),
    /// One value for every element.
    Filled(f64),
    /// An operation on each element.
    Unary(Unary, Expression),
    /// An operation on corresponding elements, of which there are as many.
    Binary(Binary, Expression, Expression),
}

/// Values that are kept somewhere.
pub(crate) struct Kept {
    pub(crate) block: Block,
    /// Whether they are all finite, once somebody has looked.
    pub(crate) finite: OnceLock<bool>,
    guard: Option<Guard>,
}

/// An identity that a node has as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(*const Node);

impl Expression {
    /// Kept values.
    pub(crate) fn kept(block: Block) -> Self {
        Self::of(Kind::Kept(Kept { block, finite: OnceLock::new(), guard: None }))
    }

    /// Kept values that were looked at.
    pub(crate) fn kept_and_known(block: Block, finite: bool) -> Self {
        Self::of(Kind::Kept(Kept { block, finite: OnceLock::from(finite), guard: None }))
    }

    pub(crate) fn filled(value: f64) -> Self {
        Self::of(Kind::Filled(value))
    }

    pub(crate) fn unary(operation: Unary, of: Self) -> Self {
        Self::of(Kind::Unary(operation, of))
    }

    pub(crate) fn binary(operation: Binary, left: Self, right: Self) -> Self {
        Self::of(Kind::Binary(operation, left, right))
    }

    fn of(kind: Kind) -> Self {
        let operations = match &kind {
            Kind::Kept(_) | Kind::Filled(_) => 0,
            Kind::Unary(_, of) => of.operations().saturating_add(1),
            Kind::Binary(_, left, right) => left.operations().saturating_add(right.operations()).saturating_add(1),
        };
        Self(Arc::new(Node { kind, operations }))
    }

    /// These values rounded to `dtype`, a float's: nothing is to be done where they are kept in one that it holds.
    pub(crate) fn rounded(self, dtype: DType) -> Self {
        let holds = match self.kept_in() {
            Some(kept) => dtype == DType::F64 || kept == dtype || (dtype == DType::F32 && kept.widened() == DType::F32),
            None => dtype == DType::F64,
        };
        if holds { self } else { Self::unary(Unary::Rounded(dtype), self) }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0.kind
    }

    pub(crate) fn id(&self) -> Id {
        Id(Arc::as_ptr(&self.0))
    }

    /// Operations that computing it takes at most: what is used twice is counted twice. 0 for kept values.
    pub(crate) fn operations(&self) -> usize {
        self.0.operations
    }

    /// The dtype that the values are kept in, if they are.
    pub(crate) fn kept_in(&self) -> Option<DType> {
        match self.kind() {
            Kind::Kept(kept) => Some(kept.block.kept_in()),
            Kind::Filled(_) | Kind::Unary(..) | Kind::Binary(..) => None,
        }
    }

    /// The dtype that a result is to be kept in, for a tensor of `dtype`: what it was rounded to in the end, or what
    /// computation is done in.
    pub(crate) fn to_keep_in(&self, dtype: DType) -> DType {
        match self.kind() {
            Kind::Unary(Unary::Rounded(rounded), _) => *rounded,
            Kind::Kept(_) | Kind::Filled(_) | Kind::Unary(..) | Kind::Binary(..) => dtype.widened(),
        }
    }

    /// The same values, with something that lives as long as their memory, if they are kept and nobody else has them.
    pub(crate) fn guarded(mut self, guard: impl FnOnce(usize) -> Guard) -> Self {
        if let Some(Node { kind: Kind::Kept(kept), .. }) = Arc::get_mut(&mut self.0)
            && kept.guard.is_none()
            && kept.block.heap_bytes() > 0
        {
            kept.guard = Some(guard(kept.block.heap_bytes()));
        }
        self
    }

    /// Bytes that the graph itself takes at most, apart from what is kept.
    pub(crate) fn graph_bytes(&self) -> usize {
        // A node, what counts its owners, and what the allocator adds.
        const NODE: usize = size_of::<Node>() + 3 * size_of::<usize>();
        self.operations().saturating_mul(NODE)
    }

    /// Bytes of memory that the values themselves take: none unless they are kept.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self.kind() {
            Kind::Kept(kept) => kept.block.heap_bytes(),
            Kind::Filled(_) | Kind::Unary(..) | Kind::Binary(..) => 0,
        }
    }

    /// Every node below this and itself that is not in `seen` yet, in no order.
    pub(crate) fn visit<'a>(&'a self, seen: &mut HashSet<Id>, mut visit: impl FnMut(&'a Self)) {
        let mut waiting = vec![self];
        while let Some(next) = waiting.pop() {
            if !seen.insert(next.id()) {
                continue;
            }
            visit(next);
            match next.kind() {
                Kind::Kept(_) | Kind::Filled(_) => {}
                Kind::Unary(_, of) => waiting.push(of),
                Kind::Binary(_, left, right) => waiting.extend([left, right]),
            }
        }
    }
}

impl Node {
    /// Takes the operands out, and leaves what has none.
    fn give_up_operands(&mut self, to: &mut Vec<Expression>) {
        if matches!(self.kind, Kind::Kept(_) | Kind::Filled(_)) {
            return;
        }
        match std::mem::replace(&mut self.kind, Kind::Filled(0.0)) {
            Kind::Kept(_) | Kind::Filled(_) => {}
            Kind::Unary(_, of) => to.push(of),
            Kind::Binary(_, left, right) => to.extend([left, right]),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut waiting = Vec::new();
        self.give_up_operands(&mut waiting);
        while let Some(Expression(node)) = waiting.pop() {
            // The last owner has it now, and its operands with it.
            if let Some(mut node) = Arc::into_inner(node) {
                node.give_up_operands(&mut waiting);
            }
        }
    }
}
