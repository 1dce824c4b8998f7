//! Expressions as a list of steps that are run block by block.
//!
//! What several expressions share is computed once a block, and every block stays in the cache from the first step to
//! the last. A step works on registers, each a block of float64 values, and there are about as many as operands wait at
//! one time.

use std::collections::HashMap;

use crate::block::{BLOCK, Block};
use crate::expression::{Expression, Id, Kind};
use crate::operation::{Binary, Unary};

pub(crate) type Register = usize;

/// Expressions of as many elements, compiled.
pub(crate) struct Program<'a> {
    steps: Vec<Step<'a>>,
    registers: usize,
}

/// A step of a program.
pub(crate) enum Step<'a> {
    Load {
        block: &'a Block,
        to: Register,
    },
    Fill {
        value: f64,
        to: Register,
    },
    Copy {
        from: Register,
        to: Register,
    },
    Unary {
        operation: Unary,
        on: Register,
    },
    /// Leaves the result in the left operand's register.
    Binary {
        operation: Binary,
        left: Register,
        right: Register,
    },
    /// Leaves the result in the right operand's register.
    Reversed {
        operation: Binary,
        left: Register,
        right: Register,
    },
    Emit {
        root: usize,
        from: Register,
    },
}

/// The memory that a program runs in: one for each thread.
pub(crate) struct Registers(Vec<[f64; BLOCK]>);

impl<'a> Program<'a> {
    /// A program that emits the values of each root, in their order.
    pub(crate) fn new(roots: &[&'a Expression]) -> Self {
        let mut compiler = Compiler { uses: uses(roots), ..Compiler::default() };
        for (root, expression) in roots.iter().enumerate() {
            compiler.compute(expression);
            let from = compiler.registers[&expression.id()];
            compiler.steps.push(Step::Emit { root, from });
            compiler.used(expression.id());
        }
        Self { steps: compiler.steps, registers: compiler.count }
    }

    /// What is done, in order.
    pub(crate) fn steps(&self) -> &[Step<'a>] {
        &self.steps
    }

    /// How many registers the steps name.
    pub(crate) fn register_count(&self) -> usize {
        self.registers
    }

    pub(crate) fn registers(&self) -> Registers {
        Registers(vec![[0.0; BLOCK]; self.registers])
    }

    /// Computes `length` elements, at most a block, from `first` on, and hands those of each root to `emit`.
    pub(crate) fn run(
        &self,
        Registers(registers): &mut Registers,
        first: usize,
        length: usize,
        mut emit: impl FnMut(usize, &[f64]),
    ) {
        for step in &self.steps {
            match *step {
                Step::Load { block, to } => block.read(first, &mut registers[to][..length]),
                Step::Fill { value, to } => registers[to][..length].fill(value),
                Step::Copy { from, to } => {
                    let [from, to] = two(registers, from, to);
                    to[..length].copy_from_slice(&from[..length]);
                }
                Step::Unary { operation, on } => operation.apply(&mut registers[on][..length]),
                Step::Binary { operation, left, right } => {
                    let [left, right] = two(registers, left, right);
                    operation.apply(&mut left[..length], &right[..length]);
                }
                Step::Reversed { operation, left, right } => {
                    let [left, right] = two(registers, left, right);
                    operation.apply_reversed(&left[..length], &mut right[..length]);
                }
                Step::Emit { root, from } => emit(root, &registers[from][..length]),
            }
        }
    }
}

fn two(registers: &mut [[f64; BLOCK]], one: Register, other: Register) -> [&mut [f64; BLOCK]; 2] {
    registers.get_disjoint_mut([one, other]).expect("a step works on two registers that the program has")
}

/// How often each node is an operand or a root.
fn uses(roots: &[&Expression]) -> HashMap<Id, usize> {
    let mut uses: HashMap<Id, usize> = HashMap::new();
    let mut waiting: Vec<&Expression> = roots.to_vec();
    while let Some(next) = waiting.pop() {
        let count = uses.entry(next.id()).or_default();
        *count += 1;
        if *count > 1 {
            continue;
        }
        match next.kind() {
            Kind::Kept(_) | Kind::Filled(_) => {}
            Kind::Unary(_, of) => waiting.push(of),
            Kind::Binary(_, left, right) => waiting.extend([left, right]),
        }
    }
    uses
}

#[derive(Default)]
struct Compiler<'a> {
    steps: Vec<Step<'a>>,
    /// Uses that are still to come.
    uses: HashMap<Id, usize>,
    /// Where the values are of what was computed and is still to be used.
    registers: HashMap<Id, Register>,
    free: Vec<Register>,
    count: usize,
}

impl<'a> Compiler<'a> {
    /// Adds the steps after which the values are in a register, unless they are in one already.
    fn compute(&mut self, expression: &'a Expression) {
        let mut waiting = vec![(expression, false)];
        while let Some((next, operands_are_there)) = waiting.pop() {
            if self.registers.contains_key(&next.id()) {
                continue;
            }
            if operands_are_there {
                self.step(next);
                continue;
            }
            waiting.push((next, true));
            match next.kind() {
                Kind::Kept(_) | Kind::Filled(_) => {}
                Kind::Unary(_, of) => waiting.push((of, false)),
                Kind::Binary(_, left, right) => {
                    // The longer first, that is, last onto the stack: the other need not wait in a register for it.
                    let (longer, shorter) =
                        if left.operations() < right.operations() { (right, left) } else { (left, right) };
                    waiting.extend([(shorter, false), (longer, false)]);
                }
            }
        }
    }

    fn step(&mut self, of: &'a Expression) {
        let register = match of.kind() {
            Kind::Kept(kept) => {
                let to = self.take();
                self.steps.push(Step::Load { block: &kept.block, to });
                to
            }
            Kind::Filled(value) => {
                let to = self.take();
                self.steps.push(Step::Fill { value: *value, to });
                to
            }
            Kind::Unary(operation, operand) => {
                let on = self.overwritable(operand);
                self.steps.push(Step::Unary { operation: *operation, on });
                on
            }
            Kind::Binary(operation, left, right) => self.binary(*operation, left, right),
        };
        self.registers.insert(of.id(), register);
    }

    fn binary(&mut self, operation: Binary, left: &Expression, right: &Expression) -> Register {
        // Used by something else later on, and so not to be overwritten.
        let right_stays = self.uses[&right.id()] > 1;
        if self.uses[&left.id()] > 1 && !right_stays {
            let left_register = self.registers[&left.id()];
            let on = self.overwritable(right);
            self.steps.push(Step::Reversed { operation, left: left_register, right: on });
            self.used(left.id());
            return on;
        }
        let right_register = self.registers[&right.id()];
        // With itself it is used twice, and so copied here.
        let on = self.overwritable(left);
        self.steps.push(Step::Binary { operation, left: on, right: right_register });
        self.used(right.id());
        on
    }

    /// A register with these values that nothing else needs.
    fn overwritable(&mut self, operand: &Expression) -> Register {
        let id = operand.id();
        let from = self.registers[&id];
        if self.uses[&id] == 1 {
            self.uses.remove(&id);
            self.registers.remove(&id);
            return from;
        }
        let to = self.take();
        self.steps.push(Step::Copy { from, to });
        self.used(id);
        to
    }

    fn used(&mut self, id: Id) {
        let left = self.uses.entry(id).or_default();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.uses.remove(&id);
            self.free.extend(self.registers.remove(&id));
        }
    }

    fn take(&mut self) -> Register {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }
}
