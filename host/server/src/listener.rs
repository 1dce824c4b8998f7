//! The port: HTTP/1.1, HTTP/2 without TLS (gRPC) and WebSocket on each address that is listened on.
//!
//! `axum::serve` would accept as well, but has neither HTTP/2 pings and windows, nor a limit on what a connection may
//! keep waiting for, nor an end to its draining. What is here knows connections and nothing of what is asked on them.

mod accept;
mod admission;
mod connection;
mod protocol;
mod socket;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::admission::Admission;
use self::connection::Connections;
use self::protocol::Deadlines;

/// How many connections the system may hold for us before we accept them: a thousand clients that come back at once
/// after a restart must not be turned away. The system may allow fewer.
const BACKLOG: u32 = 4_096;

/// The most connections at a time where neither a setting nor the limit of open files says less.
const MOST_CONNECTIONS: usize = 65_536;

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {error}")]
pub(crate) struct CannotListen {
    address: SocketAddr,
    error: std::io::Error,
}

/// Bound addresses, of which none is served yet.
pub(crate) struct Listener {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    most_connections: usize,
    deadlines: Deadlines,
}

impl Listener {
    /// Binds all `addresses`, or none.
    pub(crate) fn bind(addresses: &[SocketAddr], most_connections: usize) -> Result<Self, CannotListen> {
        let deadlines = Deadlines::default();
        let mut listener = Self { sockets: Vec::new(), addresses: Vec::new(), most_connections, deadlines };
        for address in addresses {
            let bound = bind(*address).and_then(|socket| Ok((socket.local_addr()?, socket)));
            let (bound, socket) = bound.map_err(|error| CannotListen { address: *address, error })?;
            listener.sockets.push(socket);
            listener.addresses.push(bound);
        }
        Ok(listener)
    }

    /// What was bound: where port 0 was asked for, the port that it came to.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves `router` until `shutdown`. From then on no connection is accepted, those that are open are asked to
    /// end, and those that are not gone after `drain` are cut off.
    pub(crate) async fn serve(self, router: Router, shutdown: CancellationToken, drain: Duration) {
        let connections = Connections::new(router, self.deadlines, shutdown.clone());
        let admission = Admission::new(self.most_connections);
        let mut accepting = JoinSet::new();
        for socket in self.sockets {
            accepting.spawn(accept::run(socket, admission.clone(), connections.clone()));
        }
        accepting.join_all().await;
        shutdown.cancelled().await;
        if connections.open() > 0 {
            info!(connection.count = connections.open(), "waiting for open connections to end");
        }
        if tokio::time::timeout(drain, connections.gone()).await.is_err() {
            warn!(connection.count = connections.open(), "cutting off connections that did not end in time");
            connections.cut_off();
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a restart need not wait for the last connections' ends to be forgotten by the system.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How many connections a process may have that may open so many files: the other half is for models, updates and
/// records.
pub(crate) fn most_connections(open_files: u64) -> usize {
    usize::try_from(open_files / 2).unwrap_or(usize::MAX).clamp(1, MOST_CONNECTIONS)
}
