//! Plain loops, compiled for the widest vectors that this processor has.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Loops that are too long for the compiler to inline a closure with them.
pub(crate) trait Loops {
    /// What they compute.
    type Output;

    /// Runs them. Must be marked `inline(always)`, as must be what it calls.
    fn run(self) -> Self::Output;
}

/// Runs a plain loop that was compiled once for each generation of vector instructions, in the best that there is.
///
/// Nothing is computed differently for it: multiplications and additions are not contracted, and sums have as many
/// lanes as the loop says. What the loop calls must be inlined into it, or it is compiled for the oldest.
#[inline(always)]
pub(crate) fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    ARCH.dispatch(work)
}

/// As [`vectorised`], for longer loops.
pub(crate) fn vectorised_loops<L: Loops>(loops: L) -> L::Output {
    ARCH.dispatch(Inlined(loops))
}

struct Inlined<L>(L);

impl<L: Loops> WithSimd for Inlined<L> {
    type Output = L::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> L::Output {
        self.0.run()
    }
}
