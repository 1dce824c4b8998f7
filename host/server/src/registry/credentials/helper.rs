//! Docker's credential helpers: programs that keep passwords where the system does.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Credentials;

/// How long a helper may think; some ask a person.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most that it may say.
const LONGEST: u64 = 64 << 10;
/// What it says if it has nothing.
const NONE: &str = "credentials not found";
/// The user name that stands for a token of another kind.
const TOKEN: &str = "<token>";

/// What a helper has for a server; nothing if it has nothing.
pub(super) async fn ask(program: &str, server: &str) -> Result<Option<Credentials>, String> {
    // It is looked for where programs are, and nowhere else.
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !program.chars().all(plain) {
        return Err(format!("`{program:.80}` is no name of a program"));
    }
    let answer = tokio::time::timeout(PATIENCE, run(program, server)).await;
    let said = answer.map_err(|_| format!("{program} does not answer for {} s", PATIENCE.as_secs()))?;
    let (succeeded, said) = said.map_err(|error| format!("{program}: {error}"))?;
    if !succeeded {
        return if said.contains(NONE) { Ok(None) } else { Err(format!("{program} has failed")) };
    }
    read(&said).map_err(|problem| format!("{program} {problem}"))
}

async fn run(program: &str, server: &str) -> std::io::Result<(bool, String)> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(server.as_bytes()).await?;
    }
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        output.take(LONGEST).read_to_string(&mut said).await?;
    }
    Ok((child.wait().await?.success(), said))
}

fn read(said: &str) -> Result<Option<Credentials>, &'static str> {
    let said: Value = serde_json::from_str(said).map_err(|_| "says nothing that can be read")?;
    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    let (username, password) = (text("Username"), text("Secret"));
    match username.as_str() {
        "" => Err("names no user"),
        TOKEN => Err("has an identity token, which is not supported: give --username and its password"),
        _ => Ok(Some(Credentials { username, password })),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn what_a_helper_says_is_credentials_or_an_error() {
        let found = read(r#"{"ServerURL": "r", "Username": "me", "Secret": "word"}"#).unwrap().unwrap();
        assert_eq!((found.username.as_str(), found.password.as_str()), ("me", "word"));
        for bad in ["", "{}", r#"{"Username": "<token>", "Secret": "x"}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named_and_a_path_is_no_program() {
        let error = ask("docker-credential-nobody-has-this", "r").await.unwrap_err();
        assert!(error.contains("docker-credential-nobody-has-this"), "{error}");
        assert!(ask("docker-credential-/../../bin/sh", "r").await.unwrap_err().contains("no name of a program"));
    }
}
