//! Who is there: an open stream, or a recent heartbeat.
//!
//! In memory alone, since it is only true for a moment; what is recorded of it is when a client was last seen. A
//! heartbeat costs a lock that is held for one lookup, and waits for nothing else.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fedwit_domain::{ClientId, Timestamp};
use tokio::sync::watch;

/// Clients that are remembered. Ids come from outside, and must not fill the memory.
const MAX_CLIENTS: usize = 200_000;

/// The clients that are there, or were.
pub(crate) struct PresenceBook {
    entries: Mutex<HashMap<ClientId, Entry>>,
    /// Told of every stream that opens or closes.
    changes: watch::Sender<u64>,
    /// A client that has not been seen since the server began is gone since then.
    began: Timestamp,
    heartbeat_ttl: Duration,
}

#[derive(Default)]
struct Entry {
    streams: u32,
    closed_at: Option<Timestamp>,
    beat_at: Option<Timestamp>,
    /// Seen since [`PresenceBook::take_seen`] was last asked.
    unrecorded: bool,
}

impl PresenceBook {
    pub(crate) fn new(began: Timestamp, heartbeat_ttl: Duration) -> Self {
        Self { entries: Mutex::default(), changes: watch::Sender::new(0), began, heartbeat_ttl }
    }

    /// Notes a heartbeat. Returns whether the client is new.
    pub(crate) fn heartbeat(&self, client: &ClientId, now: Timestamp) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(client) {
            entry.beat_at = Some(now);
            entry.unrecorded = true;
        } else if entries.len() < MAX_CLIENTS {
            let entry = Entry { beat_at: Some(now), unrecorded: true, ..Entry::default() };
            entries.insert(client.clone(), entry);
        }
    }

    /// Notes that a stream is open.
    pub(crate) fn opened(&self, client: &ClientId, now: Timestamp) {
        {
            let mut entries = self.entries();
            let entry = entries.entry(client.clone()).or_default();
            entry.streams += 1;
            entry.beat_at = Some(now);
            entry.unrecorded = true;
        }
        self.changed();
    }

    /// Notes that a stream is closed.
    pub(crate) fn closed(&self, client: &ClientId, now: Timestamp) {
        if let Some(entry) = self.entries().get_mut(client) {
            entry.streams = entry.streams.saturating_sub(1);
            entry.closed_at = Some(now);
            entry.unrecorded = true;
        }
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells of streams that open and close.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Clients with an open stream: those that can be asked.
    pub(crate) fn connected(&self) -> Vec<ClientId> {
        self.connected_where(|_| true)
    }

    /// Those clients with an open stream that are meant.
    pub(crate) fn connected_where(&self, meant: impl Fn(&ClientId) -> bool) -> Vec<ClientId> {
        let entries = self.entries();
        let connected = entries.iter().filter(|(client, entry)| entry.streams > 0 && meant(client));
        let mut connected: Vec<ClientId> = connected.map(|(client, _)| client.clone()).collect();
        connected.sort_unstable();
        connected
    }

    /// Clients that are there.
    pub(crate) fn online(&self, now: Timestamp) -> Vec<ClientId> {
        let entries = self.entries();
        let there = entries.iter().filter(|(_, entry)| self.gone_since(entry, now).is_none());
        let mut online: Vec<ClientId> = there.map(|(client, _)| client.clone()).collect();
        online.sort_unstable();
        online
    }

    /// For each client, whether it is there.
    pub(crate) fn are_there<'a>(&self, clients: impl Iterator<Item = &'a ClientId>, now: Timestamp) -> Vec<bool> {
        let entries = self.entries();
        let is_there = |client| entries.get(client).is_some_and(|entry| self.gone_since(entry, now).is_none());
        clients.map(is_there).collect()
    }

    /// Whether a client is there, and when it was last seen.
    pub(crate) fn of(&self, client: &ClientId, now: Timestamp) -> (bool, Option<Timestamp>) {
        let entries = self.entries();
        let Some(entry) = entries.get(client) else { return (false, None) };
        let online = self.gone_since(entry, now).is_none();
        let last = if entry.streams > 0 { Some(now) } else { entry.closed_at.max(entry.beat_at) };
        (online, last)
    }

    /// For each client, since when it is gone, or when it will be gone if nothing is heard of it. A client with an open
    /// stream is neither.
    pub(crate) fn absences<'a>(
        &self,
        clients: impl Iterator<Item = &'a ClientId>,
        now: Timestamp,
    ) -> Vec<(&'a ClientId, Absence)> {
        let entries = self.entries();
        let absence = |client| match entries.get(client) {
            None => Some(Absence::GoneSince(self.began)),
            Some(entry) if entry.streams > 0 => None,
            Some(entry) => Some(match self.gone_since(entry, now) {
                Some(since) => Absence::GoneSince(since),
                None => Absence::From(entry.beat_at.unwrap_or(self.began).plus(self.heartbeat_ttl)),
            }),
        };
        clients.filter_map(|client| Some((client, absence(client)?))).collect()
    }

    fn gone_since(&self, entry: &Entry, now: Timestamp) -> Option<Timestamp> {
        if entry.streams > 0 {
            return None;
        }
        let beat = entry.beat_at.unwrap_or(self.began);
        match entry.closed_at {
            // The stream was the last sign of life.
            Some(closed) if closed >= beat => Some(closed),
            _ if now < beat.plus(self.heartbeat_ttl) => None,
            _ => Some(beat),
        }
    }

    /// Who was seen since this was last asked, and when.
    pub(crate) fn take_seen(&self, now: Timestamp) -> Vec<(ClientId, Timestamp)> {
        let mut seen = Vec::new();
        for (client, entry) in &mut *self.entries() {
            if entry.streams > 0 {
                seen.push((client.clone(), now));
            } else if let (true, Some(at)) = (entry.unrecorded, entry.closed_at.max(entry.beat_at)) {
                seen.push((client.clone(), at));
            }
            entry.unrecorded = false;
        }
        seen
    }

    /// Forgets who has been gone for a while.
    pub(crate) fn forget_before(&self, time: Timestamp) {
        self.entries().retain(|_, entry| entry.streams > 0 || entry.closed_at.max(entry.beat_at) >= Some(time));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<ClientId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that is not there, or may soon not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It is gone.
    GoneSince(Timestamp),
    /// It has no stream, and its last heartbeat counts until then.
    From(Timestamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    fn client() -> ClientId {
        #[allow(clippy::unwrap_used, reason = "a literal")]
        "c".parse().unwrap()
    }

    fn absence(book: &PresenceBook, now: Timestamp) -> Option<Absence> {
        book.absences([client()].iter(), now).first().map(|(_, absence)| *absence)
    }

    #[test]
    fn a_client_is_there_while_its_stream_is_open() {
        let book = PresenceBook::new(at(0), TTL);
        book.opened(&client(), at(1));
        assert_eq!(absence(&book, at(1000)), None);
        assert_eq!(book.connected(), [client()]);
        book.closed(&client(), at(1000));
        assert_eq!(absence(&book, at(1001)), Some(Absence::GoneSince(at(1000))));
        assert_eq!(book.of(&client(), at(1001)), (false, Some(at(1000))));
    }

    #[test]
    fn a_heartbeat_after_the_stream_is_a_sign_of_life_for_a_while() {
        let book = PresenceBook::new(at(0), TTL);
        book.opened(&client(), at(1));
        book.closed(&client(), at(2));
        book.heartbeat(&client(), at(3));
        assert_eq!(absence(&book, at(4)), Some(Absence::From(at(33))));
        assert_eq!((book.online(at(32)), book.online(at(33))), (vec![client()], vec![]));
        assert_eq!(absence(&book, at(40)), Some(Absence::GoneSince(at(3))));
        assert!(book.connected().is_empty());
    }

    #[test]
    fn who_was_never_seen_is_gone_since_the_server_began() {
        let book = PresenceBook::new(at(7), TTL);
        assert_eq!(absence(&book, at(9)), Some(Absence::GoneSince(at(7))));
    }

    #[test]
    fn the_second_stream_of_a_client_outlives_the_first() {
        let book = PresenceBook::new(at(0), TTL);
        book.opened(&client(), at(1));
        book.opened(&client(), at(2));
        book.closed(&client(), at(3));
        assert_eq!(absence(&book, at(100)), None);
    }

    #[test]
    fn what_was_seen_is_told_once() {
        let book = PresenceBook::new(at(0), TTL);
        book.heartbeat(&client(), at(3));
        assert_eq!(book.take_seen(at(4)), [(client(), at(3))]);
        assert_eq!(book.take_seen(at(5)), []);
    }
}
