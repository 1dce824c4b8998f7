//! How projects are built in each language.

use anyhow::{Context, Result, bail};

/// What an example is written in, as `fedwit plugin new` calls it; the last part of the example's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Javascript,
    C,
}

impl Language {
    pub(super) fn of(example: &str) -> Result<Self> {
        let (_, language) = example.rsplit_once('-').context("the name does not end in `-LANGUAGE`")?;
        match language {
            "python" => Ok(Self::Python),
            "javascript" => Ok(Self::Javascript),
            "c" => Ok(Self::C),
            other => bail!("the name ends in `{other}`, which is no language that examples are built in"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::C => "c",
        }
    }

    /// What is installed before the first build, and the file that pins it.
    pub(super) fn set_up(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Python | Self::C => (&["make", "setup"], "requirements.txt"),
            Self::Javascript => (&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "package-lock.json"),
        }
    }

    /// Where that is installed to.
    pub(super) fn installed(self) -> &'static str {
        match self {
            Self::Python | Self::C => ".venv",
            Self::Javascript => "node_modules",
        }
    }

    pub(super) fn build(self) -> &'static [&'static str] {
        match self {
            Self::Python | Self::C => &["make"],
            Self::Javascript => &["npm", "run", "build"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_says_what_it_is_written_in() {
        assert_eq!(Language::of("fedavgm-c").unwrap(), Language::C);
        assert_eq!(Language::of("my-fedadam-python").unwrap(), Language::Python);
        assert!(Language::of("fedavg").is_err() && Language::of("fedavg-cobol").is_err());
    }
}
