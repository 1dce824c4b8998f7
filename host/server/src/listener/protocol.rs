//! The numbers of HTTP/1.1 and HTTP/2, and why they are what they are.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

/// How much a client may send before it is told that it may go on: per stream, and over all streams of a connection.
/// A model is uploaded at this much per round trip, so 1 MiB at 50 ms is 20 MiB/s; more would have to be held for
/// each stream whose handler is slow. They do not adapt: adapting measures round trips with pings of its own, and
/// grows windows to sizes that nobody chose.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The largest frame a client may send. Each costs a pass through hyper and the handler, and is held whole before the
/// handler sees any of it, for each client that uploads. 1.75 GiB over loopback, both ends in one process on two cores,
/// took 0.65 s of user time with frames of 16 KiB, 0.25 s with 64 KiB, 0.18 s with 128 KiB and 0.13 s with 1 MiB: from
/// here on larger ones gain little, and a thousand clients would hold gigabytes.
const FRAME_SIZE: u32 = 128 << 10;

/// Calls that a client may have open over one connection. One that streams, heartbeats and uploads has a handful.
const STREAMS: u32 = 256;

/// Header fields in one request, over either protocol: a token and some metadata, with room to spare.
const HEADERS_SIZE: u32 = 32 << 10;
const HEADERS: usize = 100;

/// What is read ahead of a request's body over HTTP/1.1; its header must fit in it.
const READ_AHEAD: usize = 128 << 10;

/// What is kept of a response that a client does not take, per HTTP/2 stream.
const SEND_BUFFER: usize = 1 << 20;

/// What tests make shorter, so that they need not wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// How long a client may take to say which protocol it speaks, and to send a request's header over HTTP/1.1. There
    /// it is also how long a connection may lie idle between two requests. 10 s by default.
    pub(super) header: Duration,
    /// Where nothing is heard of a client for so long over HTTP/2, it is asked for a sign of life. 20 s by default.
    pub(super) ping_interval: Duration,
    /// How long it is given for one, 20 s by default: a client that lost its power or its network is gone after forty
    /// seconds at most, and not when TCP gives up.
    pub(super) ping_timeout: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { header: seconds(10), ping_interval: seconds(20), ping_timeout: seconds(20) }
    }
}

/// What serves every connection.
pub(super) fn builder(deadlines: Deadlines) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(deadlines.header)
        .max_headers(HEADERS)
        .max_buf_size(READ_AHEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(deadlines.ping_interval)
        .keep_alive_timeout(deadlines.ping_timeout)
        .adaptive_window(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_SIZE)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS_SIZE)
        .max_send_buf_size(SEND_BUFFER);
    builder
}
