//! Which client belongs to which combiner.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fedwit_domain::{ClientId, Timestamp};

use crate::presence::PresenceBook;

/// Clients that are remembered. Ids come from outside, and must not fill the memory; of others the store knows.
pub(super) const MAX_CLIENTS: usize = 200_000;

/// How long a client counts that is expected and has not come yet. Many register at once, and connect a little later; all
/// come back when the server does.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// How long a count is good for. In between it goes on with those that are placed.
const RECOUNT: Duration = Duration::from_secs(1);

/// Combiners by their number, and the clients of each.
pub(super) struct Book {
    places: Mutex<Places>,
}

struct Places {
    by_client: HashMap<ClientId, Place>,
    /// Clients of each combiner that are there or on their way, as they were counted, and the ones placed since.
    loads: Vec<u32>,
    counted_at: Option<Timestamp>,
}

#[derive(Clone, Copy)]
struct Place {
    combiner: usize,
    /// Since when it is expected.
    on_its_way: Option<Timestamp>,
}

impl Book {
    pub(super) fn new(combiners: usize) -> Self {
        let places = Places { by_client: HashMap::new(), loads: vec![0; combiners], counted_at: None };
        Self { places: Mutex::new(places) }
    }

    pub(super) fn of(&self, client: &ClientId) -> Option<usize> {
        self.places().by_client.get(client).map(|place| place.combiner)
    }

    /// Notes where a client was placed some time ago, and since when it is on its way, if it is.
    pub(super) fn remember(&self, client: ClientId, combiner: usize, on_its_way: Option<Timestamp>) {
        self.places().put(client, Place { combiner, on_its_way });
    }

    /// Places a client where `choose` says, which is told how many clients each combiner has.
    pub(super) fn place(
        &self,
        client: &ClientId,
        presence: &PresenceBook,
        now: Timestamp,
        choose: impl FnOnce(&[u32]) -> usize,
    ) -> usize {
        let mut places = self.places();
        places.count(presence, now);
        let combiner = choose(&places.loads);
        if places.put(client.clone(), Place { combiner, on_its_way: Some(now) }) {
            places.loads[combiner] = places.loads[combiner].saturating_add(1);
        }
        combiner
    }

    /// How many clients each combiner has that are there, or on their way.
    pub(super) fn loads(&self, presence: &PresenceBook, now: Timestamp) -> Vec<u32> {
        let mut places = self.places();
        places.count(presence, now);
        places.loads.clone()
    }

    pub(super) fn remove(&self, client: &ClientId) {
        let mut places = self.places();
        if let Some(Place { combiner, .. }) = places.by_client.remove(client) {
            places.loads[combiner] = places.loads[combiner].saturating_sub(1);
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Whether there is a place for it.
    fn put(&mut self, client: ClientId, place: Place) -> bool {
        let room = self.by_client.len() < MAX_CLIENTS;
        if let Some(known) = self.by_client.get_mut(&client) {
            // It may not have counted; the next count says.
            self.loads[known.combiner] = self.loads[known.combiner].saturating_sub(1);
            *known = place;
            return true;
        }
        if room {
            self.by_client.insert(client, place);
        }
        room
    }

    fn count(&mut self, presence: &PresenceBook, now: Timestamp) {
        if self.counted_at.is_some_and(|at| now < at.plus(RECOUNT)) {
            return;
        }
        self.loads.fill(0);
        let there = presence.are_there(self.by_client.keys(), now);
        for (place, there) in self.by_client.values().zip(there) {
            let on_its_way = place.on_its_way.is_some_and(|at| now < at.plus(ON_ITS_WAY));
            if there || on_its_way {
                self.loads[place.combiner] = self.loads[place.combiner].saturating_add(1);
            }
        }
        self.counted_at = Some(now);
    }
}
