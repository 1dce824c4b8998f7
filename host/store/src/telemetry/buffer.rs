//! Notes that wait to be written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::notes::Note;

/// A queue that never keeps anybody waiting: when it is full the oldest notes are dropped.
pub(super) struct Buffer {
    queue: Mutex<Queue>,
    changed: Notify,
    limit_bytes: usize,
}

#[derive(Default)]
struct Queue {
    notes: VecDeque<Note>,
    bytes: usize,
    dropped: u64,
    closed: bool,
}

impl Buffer {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { queue: Mutex::default(), changed: Notify::new(), limit_bytes }
    }

    pub(super) fn put(&self, notes: impl Iterator<Item = Note>) {
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        for note in notes {
            queue.bytes += note.size_bytes();
            queue.notes.push_back(note);
            while queue.bytes > self.limit_bytes {
                let Some(oldest) = queue.notes.pop_front() else { break };
                queue.bytes -= oldest.size_bytes();
                queue.dropped += 1;
            }
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// The oldest notes, as many as `limit` at most. Waits until there are any; none once it is closed and empty.
    pub(super) async fn take(&self, limit: usize) -> Option<Vec<Note>> {
        loop {
            {
                let mut queue = self.queue();
                if !queue.notes.is_empty() {
                    let count = queue.notes.len().min(limit);
                    let taken: Vec<Note> = queue.notes.drain(..count).collect();
                    queue.bytes -= taken.iter().map(Note::size_bytes).sum::<usize>();
                    return Some(taken);
                }
                if queue.closed {
                    return None;
                }
            }
            // What changed since the look leaves its mark, so nothing is missed.
            self.changed.notified().await;
        }
    }

    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_one();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use fedwit_domain::Timestamp;

    use super::super::notes::{NewAttribute, Noted};
    use super::*;

    fn note(value: &str) -> Note {
        let client = "c".parse().unwrap();
        let attribute = NewAttribute { client, key: "k".to_owned(), value: value.to_owned(), at: Timestamp(0) };
        attribute.note().unwrap()
    }

    #[tokio::test]
    async fn a_full_buffer_drops_the_oldest_and_counts_it() {
        let room = note("1").size_bytes() * 2;
        let buffer = Buffer::new(room);
        buffer.put(["1", "2", "3", "4"].into_iter().map(note));
        assert_eq!(buffer.dropped(), 2);
        let left = buffer.take(10).await.unwrap();
        assert_eq!(left, [note("3"), note("4")]);
        buffer.put(["5", "6"].into_iter().map(note));
        assert_eq!(buffer.dropped(), 2, "what was taken makes room");
        buffer.close();
        buffer.put([note("7")].into_iter());
        assert_eq!(buffer.take(1).await.unwrap(), [note("5")]);
        assert_eq!(buffer.take(1).await.unwrap(), [note("6")]);
        assert_eq!(buffer.take(1).await, None);
    }
}
