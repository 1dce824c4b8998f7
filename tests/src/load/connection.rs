//! A client's connection, and how it repeats what did not work.
//!
//! FEDn's client repeats a call for as long as the answer is UNAVAILABLE, CANCELLED, or a broken stream; anything else
//! ends it. A connection that breaks is UNAVAILABLE to it, so it is here.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::{Event, Record};

/// One client's own HTTP/2 connection.
#[derive(Clone)]
pub(super) struct Connection {
    channel: Channel,
    client: AsciiMetadataValue,
    host: AsciiMetadataValue,
    first_wait: Duration,
    record: Arc<Record>,
}

/// How long to wait before the next try: FEDn's `grpc_retry`, with a first wait of one's own.
struct Waits {
    first: Duration,
    factor: u32,
    last_try: Instant,
}

impl Connection {
    /// Connects when it is first used.
    pub(super) fn new(address: SocketAddr, id: &str, first_wait: Duration, record: Arc<Record>) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .connect_timeout(Duration::from_secs(10))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(30))
            .keep_alive_while_idle(true);
        let client = id.parse().with_context(|| format!("`{id}` cannot be sent"))?;
        let host = address.ip().to_string().parse()?;
        Ok(Self { channel: endpoint.connect_lazy(), client, host, first_wait, record })
    }

    /// The connection itself.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A request, with what FEDn's client says of itself in each.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("client", self.client.clone());
        request.metadata_mut().insert("grpc-server", self.host.clone());
        request
    }

    /// Calls until there is an answer. The call is told which try it is, from 1.
    ///
    /// # Errors
    /// The status that ends FEDn's client.
    pub(super) async fn call<T, F>(&self, name: &'static str, mut call: impl FnMut(u32) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>> + Send,
    {
        let mut waits = Waits { first: self.first_wait, factor: 1, last_try: Instant::now() };
        let mut attempt = 1;
        loop {
            let wait = waits.next();
            match call(attempt).await {
                Err(status) if is_repeated(&status) => {
                    self.record
                        .add(Event::Repeats { call: name, why: format!("{:?} {}", status.code(), status.message()) });
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }
}

impl Waits {
    fn next(&mut self) -> Duration {
        self.factor = self.factor.saturating_mul(2);
        if self.last_try.elapsed() > 16 * self.first {
            self.factor = 1;
        }
        self.last_try = Instant::now();
        self.first * self.factor
    }
}

/// Whether FEDn's client goes on after this status.
pub(super) fn is_repeated(status: &Status) -> bool {
    // A status with a cause did not come from the server: the connection broke, or never was.
    let broken = status.source().is_some();
    broken
        || matches!(status.code(), Code::Unavailable | Code::Cancelled)
        || (status.code() == Code::Unknown && status.message() == "Stream removed")
}
