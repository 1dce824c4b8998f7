//! A client's socket, which knows whether its client has spoken and holds the connection's place.
//!
//! The place is held here and not by the task that serves the connection, because a WebSocket outlives that task: it
//! takes the socket along.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use metrics::{Gauge, gauge};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::admission::Place;

/// What a client sends first over HTTP/2. Whatever is no beginning of this is HTTP/1.1.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Set once the client has sent enough to tell which protocol it speaks.
#[derive(Clone, Default)]
pub(super) struct Spoken(Arc<AtomicBool>);

impl Spoken {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct Socket {
    stream: TcpStream,
    spoken: Spoken,
    /// How much of the preface was read; the whole length once `spoken`.
    preface: usize,
    _held: Held,
}

/// What a connection takes up for as long as its socket is open.
pub(super) struct Held {
    _place: Place,
    _tracked: TaskTrackerToken,
    open: Gauge,
}

impl Held {
    pub(super) fn new(place: Place, tracked: TaskTrackerToken) -> Self {
        let open = gauge!("fedwit_connections");
        open.increment(1.0);
        Self { _place: place, _tracked: tracked, open }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.open.decrement(1.0);
    }
}

impl Socket {
    pub(super) fn new(stream: TcpStream, spoken: Spoken, held: Held) -> Self {
        Self { stream, spoken, preface: 0, _held: held }
    }

    /// Compares what came with what HTTP/2 begins with.
    fn listen(&mut self, bytes: &[u8]) {
        let expected = &HTTP2_PREFACE[self.preface..];
        let length = bytes.len().min(expected.len());
        let goes_on = bytes[..length] == expected[..length];
        self.preface = if goes_on { self.preface + length } else { HTTP2_PREFACE.len() };
        if self.preface == HTTP2_PREFACE.len() {
            self.spoken.0.store(true, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.preface < HTTP2_PREFACE.len() {
            self.listen(&buffer.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
