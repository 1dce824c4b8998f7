//! Frames of HTTP/2, written and read by hand: what no client library lets a test do.
//!
//! RFC 9113, section 4.1: three bytes of length, one of type, one of flags, four of the stream's number.

use tokio::io::AsyncReadExt;

use super::{Raw, within};

pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GO_AWAY: u8 = 7;
pub(super) const ACK: u8 = 1;

pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) payload: Vec<u8>,
}

/// A frame of the connection as a whole.
pub(super) fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 0], payload].concat()
}

impl Raw {
    /// Begins to speak HTTP/2.
    pub(super) async fn begin_http2(&mut self) {
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        self.send(frame(SETTINGS, 0, &[])).await;
    }

    pub(super) async fn frame(&mut self) -> Frame {
        let mut head = [0; 9];
        within(self.0.read_exact(&mut head)).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        within(self.0.read_exact(&mut payload)).await.unwrap();
        Frame { kind: head[3], flags: head[4], payload }
    }

    /// The next frame of this kind, and no GOAWAY before it.
    pub(super) async fn frame_of(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().await;
            assert!(frame.kind != GO_AWAY || kind == GO_AWAY, "GOAWAY: {:?}", frame.payload);
            if frame.kind == kind {
                return frame;
            }
        }
    }
}
