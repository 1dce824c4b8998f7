//! The port, with real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod draining;
mod frames;
mod limits;
mod protocols;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Listener;

/// Nothing here takes as long on the slowest machine; what does has hung.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that serves a router.
struct Port {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl Port {
    fn open(router: Router) -> Self {
        Self::with(router, |_| {})
    }

    /// With something other than usual.
    fn with(router: Router, change: impl FnOnce(&mut Listener)) -> Self {
        Self::draining_within(PATIENCE, router, change)
    }

    fn draining_within(drain: Duration, router: Router, change: impl FnOnce(&mut Listener)) -> Self {
        let mut listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()], 64).unwrap();
        change(&mut listener);
        let (address, shutdown) = (listener.addresses()[0], CancellationToken::new());
        let serving = tokio::spawn(listener.serve(router, shutdown.clone(), drain));
        Self { address, shutdown, serving }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn connect(&self) -> Raw {
        Raw(within(TcpStream::connect(self.address)).await.unwrap())
    }

    /// Waits until the port has let go of everything.
    async fn closed(self) {
        within(self.serving).await.unwrap();
    }
}

/// A client that says byte for byte what it is told to.
struct Raw(TcpStream);

impl Raw {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads up to `end`, that included.
    async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            read.push(within(self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(read).unwrap()
    }

    /// What comes before the server closes the connection.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well: the server closed before it had read everything.
        let _ = within(self.0.read_to_end(&mut rest)).await;
        rest
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this should have happened by now")
}

/// A client of either version of HTTP.
fn client(http2: bool) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    if http2 { builder.http2_prior_knowledge().build().unwrap() } else { builder.http1_only().build().unwrap() }
}
