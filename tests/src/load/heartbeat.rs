//! A client's heartbeats.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic::Status;

use super::behaviour::sender;
use super::connection::Connection;
use super::latency::Latencies;
use crate::wire::Heartbeat;
use crate::wire::connector_client::ConnectorClient;

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
