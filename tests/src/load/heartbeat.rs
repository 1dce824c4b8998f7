//! Heartbeats: a client's own, and those of clients that do nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::behaviour::sender;
use super::connection::Connection;
use super::latency::{Latencies, Spread};
use super::record::Record;
use crate::wire::Heartbeat;
use crate::wire::connector_client::ConnectorClient;

/// Clients that only say that they are there, on a thread of their own: what is measured is how long the server takes,
/// and not how busy the load generator is.
#[derive(Debug)]
pub struct Heartbeats {
    latencies: Arc<Latencies>,
    stop: CancellationToken,
    thread: JoinHandle<Result<()>>,
}

impl Heartbeats {
    /// Begins to send them, each client on its own connection.
    ///
    /// # Errors
    /// If there can be no thread for them.
    pub fn start(address: SocketAddr, clients: usize, interval: Duration) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let latencies = Arc::new(Latencies::default());
        let stop = CancellationToken::new();
        let (seen, stopped) = (Arc::clone(&latencies), stop.clone());
        let thread = std::thread::Builder::new().name("heartbeats".to_owned()).spawn(move || {
            runtime.block_on(async {
                let beats = (0..clients).map(|index| {
                    let seen = Arc::clone(&seen);
                    async move {
                        let id = format!("heart-{index}");
                        let record = Arc::new(Record::new(&id));
                        let connection = Connection::new(address, &id, Duration::from_secs(5), record)?;
                        send(&connection, &id, interval, &seen).await.map_err(anyhow::Error::from)
                    }
                });
                tokio::select! {
                    ended = try_join_all(beats) => ended.map(drop),
                    () = stopped.cancelled() => Ok(()),
                }
            })
        })?;
        Ok(Self { latencies, stop, thread })
    }

    /// Stops, and says how long they took.
    ///
    /// # Errors
    /// If one was answered so that it was the last.
    pub fn seen(self) -> Result<Spread> {
        self.stop.cancel();
        self.thread.join().map_err(|_| anyhow!("the heartbeats broke"))??;
        Ok(self.latencies.take())
    }
}

/// Sends them for ever, each once the one before is answered.
///
/// # Errors
/// The status that would end them in FEDn's client.
pub(super) async fn send(
    connection: &Connection,
    id: &str,
    interval: Duration,
    latencies: &Arc<Latencies>,
) -> Result<(), Status> {
    let mut connector = ConnectorClient::new(connection.channel());
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let heartbeat = Heartbeat { sender: Some(sender(id)), ..Heartbeat::default() };
        let sent = Instant::now();
        match connector.send_heartbeat(connection.request(heartbeat)).await {
            Ok(_) => latencies.worked(sent.elapsed()),
            Err(status) => {
                latencies.failed();
                if !super::connection::is_repeated(&status) {
                    return Err(status);
                }
            }
        }
    }
}
