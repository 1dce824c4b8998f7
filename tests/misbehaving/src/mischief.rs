//! What a plugin must not do.

use std::hint::black_box;

use fedwit_plugin::{Builder, Error, Parameters, log, squared_distances};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mischief {
    /// Nothing.
    #[default]
    None,
    /// Compute without end.
    Spin,
    /// Have the host compute without end.
    BusyHost,
    /// Build an expression without end.
    EndlessExpression,
    /// Call itself without end.
    Recurse,
    /// Ask for memory without end.
    Allocate,
    /// Ask for handles without end.
    LeakHandles,
    /// Keep results without end.
    HoardTensors,
    /// Break.
    Trap,
    /// Reject what is given.
    Reject,
    /// Give up.
    Fail,
    /// Log without end.
    BigLog,
    /// Hand over one long text.
    HugeCall,
    /// Ask for the distances of one model to itself, many times over.
    ManyPairs,
    /// Give up with a long text that a terminal would obey.
    LoudFail,
    /// Return more bytes than may be kept.
    HugeState,
    /// Return state that is not finite.
    PoisonedState,
    /// Return a model without tensors.
    WrongShape,
    /// Return a model of not-a-numbers.
    NotFinite,
}

impl Mischief {
    /// Does it. What concerns what is returned is done where it is returned.
    pub(crate) fn act(self, global_model: &Parameters) -> Result<(), Error> {
        match self {
            Self::None | Self::HugeState | Self::PoisonedState | Self::WrongShape | Self::NotFinite => Ok(()),
            Self::Spin => spin(),
            Self::BusyHost => loop {
                black_box(global_model.sum()?);
            },
            Self::EndlessExpression => {
                let mut sum = global_model.shifted(1.0)?;
                loop {
                    sum = sum.plus(&sum)?.minus(global_model)?;
                }
            }
            Self::Recurse => {
                black_box(recurse(1));
                Ok(())
            }
            Self::Allocate => loop {
                black_box(vec![1_u8; 1 << 20].leak());
            },
            Self::LeakHandles => loop {
                std::mem::forget(global_model.only(&[])?);
            },
            Self::HoardTensors => loop {
                std::mem::forget(Builder::build(Builder::new(global_model))?);
            },
            Self::Trap => panic!("broken on request"),
            Self::Reject => Err(Error::Rejected("rejected on request".to_owned())),
            Self::Fail => Err(Error::Failed("failed on request".to_owned())),
            Self::ManyPairs => {
                let same: Vec<_> = std::iter::repeat_n(global_model, 400_000).collect();
                black_box(squared_distances(&same)?);
                Ok(())
            }
            Self::LoudFail => Err(Error::Failed("\x1b[31m".repeat(100_000))),
            Self::BigLog => {
                let line = "a long line ".repeat(1000);
                loop {
                    log::write(log::Level::Error, &line);
                }
            }
            Self::HugeCall => {
                log::write(log::Level::Error, &"x".repeat(8 << 20));
                Ok(())
            }
        }
    }
}

/// One more than a plugin may return beside its tensors.
pub(crate) fn too_many_bytes() -> Vec<u8> {
    vec![7; (1 << 20) + 1]
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn recurse(depth: u64) -> u64 {
    // Something to do after the call keeps it from becoming a loop.
    let below = if black_box(depth) == 0 { 0 } else { recurse(depth + 1) };
    black_box(below) + black_box(depth)
}
