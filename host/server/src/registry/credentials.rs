//! Who asks a registry: what was said at the command line, or what Docker's configuration has for it.
//!
//! A password is read from the environment or from standard input and never from an argument, which everybody on the
//! machine can see; it is in no log and in no error.

mod helper;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use fedwit_federation::RegistryError;
use serde_json::Value;

use super::{PluginReference, failed};

/// The password, beside `--username`.
const PASSWORD: &str = "FEDWIT_REGISTRY_PASSWORD";
/// The longest password.
const LONGEST: u64 = 64 << 10;
/// The largest configuration of Docker that is read.
const LARGEST: u64 = 1 << 20;

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

#[derive(Args)]
pub(crate) struct CredentialArguments {
    /// Who pushes or pulls; the password is read from the environment's `FEDWIT_REGISTRY_PASSWORD` [default: what Docker's
    /// configuration has for the registry].
    #[arg(long, env = "FEDWIT_REGISTRY_USERNAME", value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

impl Credentials {
    /// For errors.
    pub(super) fn shown(&self) -> String {
        format!("the password of `{}`", self.username.escape_debug())
    }

    /// What was given, else what Docker's configuration has.
    pub(crate) async fn given(arguments: &CredentialArguments, reference: &PluginReference) -> Result<Option<Self>> {
        let Some(username) = arguments.username.clone() else { return Ok(Self::configured(reference).await?) };
        let password = if arguments.password_stdin {
            let mut password = String::new();
            std::io::stdin().take(LONGEST).read_to_string(&mut password).context("the password on standard input")?;
            password.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            match std::env::var(PASSWORD) {
                Ok(password) => password,
                Err(_) => bail!("--username without a password: set {PASSWORD}, or give --password-stdin"),
            }
        };
        Ok(Some(Self { username, password }))
    }

    /// What Docker's configuration has for the registry, if anything.
    ///
    /// # Errors
    /// [`RegistryError::Failed`] if the configuration cannot be used.
    pub(crate) async fn configured(reference: &PluginReference) -> Result<Option<Self>, RegistryError> {
        let Some(path) = config_file() else { return Ok(None) };
        let unusable = |problem: String| failed(reference, format!("credentials in {}: {problem}", path.display()));
        let config = match read(&path) {
            Ok(Some(config)) => config,
            Ok(None) => return Ok(None),
            Err(problem) => return Err(unusable(problem)),
        };
        let source = source(&config, reference.registry()).map_err(unusable)?;
        match source {
            Source::Nobody => Ok(None),
            Source::Known(credentials) => Ok(Some(credentials)),
            Source::Helper { program, server } => helper::ask(&program, &server).await.map_err(unusable),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

fn config_file() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
    folder.map(|folder| folder.join("config.json"))
}

fn read(path: &PathBuf) -> Result<Option<Value>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    // What serde says of it might show some of it.
    serde_json::from_str(&text).map(Some).map_err(|error| format!("it is no JSON (line {})", error.line()))
}

/// Where a registry's credentials are.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Nobody,
    Known(Credentials),
    /// A program has them, under the server's name.
    Helper {
        program: String,
        server: String,
    },
}

/// What Docker's configuration says of a registry: its own helper, then what stands in the file, then the helper of all.
fn source(config: &Value, registry: &str) -> Result<Source, String> {
    // Docker's own registry has been called by this for ever.
    let names: &[&str] = match registry {
        "docker.io" => &["https://index.docker.io/v1/", "index.docker.io", "docker.io"],
        registry => &[registry],
    };
    let helper = |program: &Value, server: &str| {
        let name = program.as_str().filter(|name| !name.is_empty())?;
        Some(Source::Helper { program: format!("docker-credential-{name}"), server: server.to_owned() })
    };
    if let Some(found) = names.iter().find_map(|name| helper(&config["credHelpers"][name], name)) {
        return Ok(found);
    }
    let entries = config["auths"].as_object().into_iter().flatten();
    let mut entries = entries.filter(|(key, _)| names.contains(&key.as_str()) || names.contains(&host(key)));
    let entry = entries.find_map(|(_, entry)| entry["auth"].as_str().filter(|auth| !auth.is_empty()));
    if let Some(auth) = entry {
        let wrong = || format!("what it has for {registry} is no user name and password in base64");
        let decoded = BASE64_STANDARD.decode(auth.trim()).map_err(|_| wrong())?;
        let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
        let (username, password) = decoded.split_once(':').ok_or_else(wrong)?;
        let password = password.trim_end_matches('\0').to_owned();
        return Ok(Source::Known(Credentials { username: username.to_owned(), password }));
    }
    Ok(helper(&config["credsStore"], names[0]).unwrap_or(Source::Nobody))
}

/// The host of an entry, which may be a URL.
fn host(entry: &str) -> &str {
    let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    entry.split_once('/').map_or(entry, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::json;

    use super::*;

    fn known(username: &str, password: &str) -> Source {
        Source::Known(Credentials { username: username.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn docker_s_configuration_is_read_as_docker_reads_it() {
        let auth = BASE64_STANDARD.encode("me:pass:word");
        let config = json!({ "auths": { "r.example:5000": { "auth": auth }, "https://s.example/v2/": { "auth": auth },
                                        "empty.example": {} },
                             "credHelpers": { "h.example": "one" }, "credsStore": "all" });
        let helper = |program: &str, server: &str| Source::Helper { program: program.into(), server: server.into() };
        for (registry, expected) in [
            ("r.example:5000", known("me", "pass:word")),
            ("s.example", known("me", "pass:word")),
            ("h.example", helper("docker-credential-one", "h.example")),
            ("empty.example", helper("docker-credential-all", "empty.example")),
            ("docker.io", helper("docker-credential-all", "https://index.docker.io/v1/")),
        ] {
            assert_eq!(source(&config, registry), Ok(expected), "{registry}");
        }
        assert_eq!(source(&json!({}), "r.example"), Ok(Source::Nobody));
        assert_eq!(
            source(&json!({ "auths": { "r.example:5000": { "auth": auth } } }), "r.example"),
            Ok(Source::Nobody)
        );
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for auth in ["c2VjcmV0", "secret!", "/////w=="] {
            let error = source(&json!({ "auths": { "r.example": { "auth": auth } } }), "r.example").unwrap_err();
            assert!(error.contains("r.example") && !error.contains("secret") && !error.contains(auth), "{error}");
        }
        let credentials = Credentials { username: "me".to_owned(), password: "secret".to_owned() };
        assert!(!format!("{credentials:?}{}", credentials.shown()).contains("secret"));
    }
}
