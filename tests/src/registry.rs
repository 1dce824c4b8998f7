//! A real registry, as a process.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::target;
use crate::wait::{self, PATIENCE};

/// Who may push and pull where a password is asked for.
pub const USER: (&str, &str) = ("ali", "open sesame");
/// The password's bcrypt hash.
const HASH: &str = "$2b$04$d1Lc69Y8eeqAvxGd5jq7TOPEf5aIXEtsPpnll405m44u2PiN95/hm";

/// Whom a registry serves, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody, without encryption.
    Open,
    /// [`USER`].
    WithPassword,
    /// Everybody, over TLS.
    Encrypted,
}

/// A registry on a folder of its own. Dropped, it is stopped, and its folder removed.
#[derive(Debug)]
pub struct Registry {
    folder: TempDir,
    process: Child,
    address: SocketAddr,
}

/// A file of the certificates that tests use: one of `authority.pem`, `server.pem` and `server.key`. They are made with
/// `openssl req -x509` and `openssl x509 -req`, for localhost and 127.0.0.1.
#[must_use]
pub fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates").join(name)
}

impl Registry {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// If it does not start, with what it logged.
    pub async fn start(kind: Kind) -> Result<Self> {
        let program = target::registry()?;
        let folder = TempDir::with_prefix("fedwit-registry-").context("a folder for a registry")?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\nhttp:\n  addr: '127.0.0.1:0'\n",
            path("data")
        );
        match kind {
            Kind::Open => {}
            Kind::WithPassword => {
                std::fs::write(path("users"), format!("{}:{HASH}\n", USER.0))?;
                config += &format!("auth: {{htpasswd: {{realm: tests, path: '{}'}}}}\n", path("users"));
            }
            Kind::Encrypted => {
                let [own, key] = ["server.pem", "server.key"].map(|name| certificate(name).display().to_string());
                config += &format!("  tls: {{certificate: '{own}', key: '{key}'}}\n");
            }
        }
        std::fs::write(path("config.yml"), config)?;
        let log = File::create(path("log"))?;
        let mut command = Command::new(&program);
        command.arg("serve").arg(path("config.yml")).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let mut registry = Self { folder, process, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        registry.address = wait::until("the registry to listen", PATIENCE, async || {
            let log = std::fs::read_to_string(registry.folder.path().join("log"))?;
            if let Some(status) = registry.process.try_wait()? {
                bail!("the registry ended with {status}: {log}");
            }
            let address = log.split_once("listening on ").map(|(_, rest)| rest);
            let address = address.and_then(|rest| rest.split(['"', ',']).next()?.parse().ok());
            Ok(address)
        })
        .await?;
        Ok(registry)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A reference in it.
    #[must_use]
    pub fn reference(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.address)
    }

    /// The file in which it keeps a blob.
    #[must_use]
    pub fn blob(&self, digest: &str) -> PathBuf {
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&digest[..2]).join(digest).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Gone already if it broke.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
