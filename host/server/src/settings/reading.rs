//! From the command line, the environment and the file to settings that can be used.

use std::ffi::OsString;
use std::net::SocketAddr;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use thiserror::Error;

use super::{Settings, environment, file};
use crate::command_line::{CommandLine, ServeArguments};

const SERVE: &str = "serve";

/// Why the server does not start as it was told to.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// Written by clap, with the usage.
    #[error("{0}")]
    CommandLine(#[from] clap::Error),
    #[error("the environment has `{0}`, which is no setting of fedwit; `fedwit serve --help` lists them")]
    UnknownVariable(String),
    #[error("{file}: {error}")]
    Unreadable { file: String, error: std::io::Error },
    #[error("{file}: {error}")]
    NoToml { file: String, error: Box<toml::de::Error> },
    #[error("{file}: there is no setting `{key}`; `fedwit serve --help` lists them, with `_` for `-` in the file")]
    UnknownKey { file: String, key: String },
    #[error("{file}: `{key}`: {reason}")]
    BadValue { file: String, key: String, reason: String },
    #[error(
        "this version has no access control: start it with --no-auth, which lets everyone who reaches it do \
         everything, and allows loopback addresses alone"
    )]
    AccessControl,
    #[error(
        "--no-auth lets everyone who reaches the server do everything, so it may only listen on loopback addresses, \
         and {0} is none"
    )]
    OpenToOthers(SocketAddr),
    #[error("--require-signed-plugins without --plugin-keys would refuse every plugin: name the keys that are trusted")]
    NoKeys,
    #[error("{0} without --storage-adapter means nothing: name the adapter that blobs go through")]
    NoAdapter(&'static str),
}

/// The settings of `fedwit serve`, from the command line and environment of this process and the file that they name.
/// `first` is what the command line and environment came to without a file.
pub(crate) fn read(first: ServeArguments) -> Result<Settings, SettingsError> {
    let settings = parse(first, std::env::args_os().collect(), std::env::vars_os().map(|(name, _)| name).collect())?;
    check(&settings)?;
    Ok(settings)
}

fn parse(first: ServeArguments, line: Vec<OsString>, variables: Vec<OsString>) -> Result<Settings, SettingsError> {
    let command = CommandLine::command();
    if let Some(stranger) = environment::stranger(&command, variables) {
        return Err(SettingsError::UnknownVariable(stranger));
    }
    let Some(path) = first.config else { return Ok(first.settings) };
    let serve = command.find_subcommand(SERVE).cloned().unwrap_or_default();
    let serve = file::with_defaults_of(&path, serve)?;
    let matches = command.mut_subcommand(SERVE, |_| serve).try_get_matches_from(line)?;
    // The same command line was `serve` the first time.
    let matches = matches.subcommand_matches(SERVE).ok_or_else(|| clap::Error::new(ErrorKind::MissingSubcommand))?;
    Ok(Settings::from_arg_matches(matches)?)
}

/// What is wrong only when taken together.
fn check(settings: &Settings) -> Result<(), SettingsError> {
    if !settings.access.no_auth {
        return Err(SettingsError::AccessControl);
    }
    let signatures = &settings.signatures;
    if signatures.require_signed_plugins && signatures.plugin_keys.is_empty() {
        return Err(SettingsError::NoKeys);
    }
    if let Some(flag) = settings.adapter.lost() {
        return Err(SettingsError::NoAdapter(flag));
    }
    let reaches_others = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
    match settings.listener.listen.iter().find(reaches_others) {
        Some(address) => Err(SettingsError::OpenToOthers(*address)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::io::Write;
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::command_line::Command;
    use crate::settings::LogFormat;

    /// A settings' file.
    struct File(tempfile::NamedTempFile);

    impl File {
        fn new(text: &str) -> Self {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            Self(file)
        }

        fn path(&self) -> &str {
            self.0.path().to_str().unwrap()
        }
    }

    fn parsed(arguments: &[&str]) -> Result<Settings, SettingsError> {
        let line: Vec<OsString> = ["fedwit", "serve"].iter().chain(arguments).map(OsString::from).collect();
        let Command::Serve(first) = CommandLine::try_parse_from(&line)?.command else { panic!("{line:?}") };
        let settings = parse(*first, line, Vec::new())?;
        check(&settings)?;
        Ok(settings)
    }

    #[track_caller]
    fn refused(arguments: &[&str], said: &[&str]) {
        let error = parsed(arguments).unwrap_err().to_string();
        for text in said {
            assert!(error.contains(text), "no `{text}` in: {error}");
        }
    }

    #[test]
    fn without_a_word_the_defaults_hold() {
        let settings = parsed(&["--no-auth"]).unwrap();
        assert_eq!(settings.listener.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(settings.storage.data, Path::new("fedwit-data"));
        assert_eq!((settings.storage.low_disk_bytes, settings.clients.max_upload_bytes), (1 << 30, 4 << 30));
        assert_eq!((settings.clients.reconnect_grace_seconds, settings.listener.drain_seconds), (60, 10));
        assert_eq!(settings.clients.advertise, None);
        assert!(settings.work.workers() >= 1);
    }

    #[test]
    fn the_file_takes_the_place_of_defaults_and_flags_win_over_it() {
        let file = File::new(
            "no_auth = true\nlisten = ['127.0.0.1:1', '[::1]:2']\ndata = 'here'\nworkers = 3\n\
             plugin_cache = ''\nadvertise = 'f.example:80'\nlog = 'warn,fedwit=debug'\nlog_format = 'json'\n",
        );
        let settings = parsed(&["--config", file.path(), "--data", "there"]).unwrap();
        assert_eq!(settings.listener.listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
        assert_eq!((settings.storage.data.as_path(), settings.work.workers()), (Path::new("there"), 3));
        assert_eq!(settings.plugins.cache.as_deref(), Some(Path::new("")));
        assert_eq!(settings.clients.advertise.unwrap().to_string(), "f.example:80");
        assert_eq!(
            (settings.log.log.to_string().as_str(), settings.log.log_format),
            ("warn,fedwit=debug", LogFormat::Json)
        );

        let settings = parsed(&["--config", file.path(), "--listen", "127.0.0.2:7"]).unwrap();
        assert_eq!(settings.listener.listen, ["127.0.0.2:7".parse().unwrap()]);
    }

    #[test]
    fn several_addresses_can_be_given_in_each_way() {
        let expected = ["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()];
        let file = File::new("no_auth = true\nlisten = '127.0.0.1:1,127.0.0.1:2'\n");
        for arguments in [
            vec!["--no-auth", "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2"],
            vec!["--no-auth", "--listen", "127.0.0.1:1,127.0.0.1:2"],
            vec!["--config", file.path()],
        ] {
            assert_eq!(parsed(&arguments).unwrap().listener.listen, expected, "{arguments:?}");
        }
    }

    #[test]
    fn what_the_file_has_wrong_is_named_with_the_file() {
        for (text, said) in [
            ("lisen = '127.0.0.1:1'", "there is no setting `lisen`"),
            ("plugin-cache = 'x'", "there is no setting `plugin-cache`"),
            ("config = 'x'", "there is no setting `config`"),
            ("help = true", "there is no setting `help`"),
            ("[listen]", "`listen`: a value of type table"),
            ("listen = []", "`listen`: the list is empty"),
            ("listen = ['localhost:1']", "`listen`: `localhost:1`: write an IP address"),
            ("data = ['a', 'b']", "`data`: a value of type array"),
            ("no_auth = 'yes'", "`no_auth`: this is neither true nor false"),
            ("drain_seconds = 11", "`drain_seconds`: `11`: 11 is not in 0..=10"),
            ("low_disk_bytes = -1", "`low_disk_bytes`: `-1`: "),
            ("low_disk_bytes = 1.5", "`low_disk_bytes`: a value of type float"),
            ("workers = 0", "`workers`: `0`: "),
            ("log = 'inof'", "`log`: `inof`: `inof` is no level"),
            ("log_format = 'xml'", "`log_format`: `xml` is none of auto, text, json"),
            ("advertise = 'host'", "`advertise`: `host`: write HOST:PORT"),
            ("data = ", "line 1"),
        ] {
            let file = File::new(text);
            refused(&["--no-auth", "--config", file.path()], &[file.path(), said]);
        }
        refused(&["--no-auth", "--config", "/no/such/file"], &["/no/such/file: "]);
        refused(&["--no-auth", "--config", "/dev/zero"], &["/dev/zero: it has more than"]);
    }

    #[test]
    fn it_starts_only_without_access_control_and_only_on_loopback() {
        refused(&[], &["no access control", "--no-auth"]);
        let addresses = ["0.0.0.0:1", "192.168.0.7:1", "[::]:1", "[::ffff:10.0.0.1]:1"];
        for address in addresses {
            refused(&["--no-auth", "--listen", "127.0.0.1:1", "--listen", address], &[address, "loopback"]);
        }
        for address in ["127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(parsed(&["--no-auth", "--listen", address]).is_ok(), "{address}");
        }
    }

    #[test]
    fn what_is_of_an_adapter_wants_one() {
        let of_adapter =
            [["--scratch", "x"], ["--storage-adapter-config", "{}"], ["--storage-adapter-grant", "secret:storage-key"]];
        for flag in of_adapter {
            refused(&[&["--no-auth"], &flag[..]].concat(), &[flag[0], "without --storage-adapter"]);
            assert!(
                parsed(&[&["--no-auth", "--storage-adapter", "encrypted"], &flag[..]].concat()).is_ok(),
                "{flag:?}"
            );
        }
        let file = File::new(
            "no_auth = true\nstorage_adapter = 'encrypted'\nstorage_adapter_config = '{\"a\": 1}'\n\
             storage_adapter_grant = ['secret:storage-key', 'wall-clock']\n",
        );
        let adapter = parsed(&["--config", file.path()]).unwrap().adapter;
        assert_eq!(adapter.storage_adapter_config.unwrap().json()["a"], 1);
        assert_eq!(adapter.storage_adapter_grant.len(), 2);
        refused(
            &["--no-auth", "--storage-adapter", "x", "--storage-adapter-grant", "all"],
            &["`all` is no permission"],
        );
    }

    #[test]
    fn a_variable_that_is_no_setting_is_refused() {
        let command = CommandLine::command();
        let stranger = |names: &[&str]| environment::stranger(&command, names.iter().map(OsString::from));
        assert_eq!(stranger(&["FEDWIT_LISTN", "FEDWIT_LISTEN", "PATH"]).as_deref(), Some("FEDWIT_LISTN"));
        let others = ["FEDWIT_TEST_PYTHON", "FEDWIT_MAX_MODEL_SIZE", "FEDWIT_GRAPHIQL", "FEDWIT_CONFIG", "FEDWITNESS"];
        assert_eq!(stranger(&others), None);
    }
}
