//! Running other programs: each is shown before it starts, and each failure names the command that failed.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` to its end with this process's own output. Anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| cannot_run(command))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// What `command` prints, without the white space around it. Anything but success is an error that holds what the
/// command complained of. Not announced: for questions, not for work.
pub(crate) fn answer(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_run(command))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}: {}", shown(command), output.status, complaint.trim());
    }
    let answer = String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something other than UTF-8", shown(command)))?;
    Ok(answer.trim().to_owned())
}

/// Shows what is about to run.
pub(crate) fn announce(command: &Command) {
    eprintln!("xtask: {}", shown(command));
}

/// The error's first half for a program that could not be started.
pub(crate) fn cannot_run(command: &Command) -> String {
    format!("cannot run `{}`", shown(command))
}

/// The command line as one would type it: a program that was found by its path goes by its name.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(program).chain(command.get_args()).map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("false").arg("two words")).expect_err("`false` fails");
        assert!(error.to_string().starts_with("`false 'two words'` failed: "), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = answer(&mut Command::new("no-such-program")).expect_err("there is no such program");
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
    }

    #[test]
    fn an_answer_has_no_white_space_around_it() {
        let answer = answer(Command::new("echo").arg(" 42 ")).expect("`echo` works");
        assert_eq!(answer, "42");
    }
}
