//! What must hold of every session, whatever is asked of it and in which order: commands that are legal or not, late,
//! repeated and reordered, and crashes at any point.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fedwit_domain::{AttemptNumber, ClientId, Event, Recorded, RoundNumber, SessionConfig, Timestamp};
use proptest::prelude::*;

use crate::support::{Act, World, acts, configs};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_holds_whatever_is_asked(config in configs(), acts in acts()) {
        let mut world = World::new(config.clone());
        world.act(&Act::Start(3));
        for act in &acts {
            world.act(act);
            world.check_bounded();
            prop_assert_eq!(&world.replayed(), &world.session, "the log does not say what is in memory");
        }
        Auditor::new(&config).audit(&world.log);
    }

    /// A crash at each point gives a session that can be brought to its end.
    #[test]
    fn every_session_ends_if_clients_answer(config in configs(), acts in acts()) {
        let mut world = World::new(config);
        world.act(&Act::Start(2));
        for act in &acts {
            world.act(act);
        }
        world.crash();
        for turn in 0_u8.. {
            if !world.session.is_active() {
                break;
            }
            prop_assert!(turn < 200, "the session goes on for ever: {:?}", world.session);
            world.act(&Act::Open((0..5).collect()));
            for number in 0..5 {
                let submission = support::Submission {
                    client: number, update: 100 + number, round: Some(0), attempt: Some(0), task: None, examples: 1, bad: false,
                };
                world.act(&Act::Submit(submission));
            }
            world.act(&Act::Commit);
            world.act(&Act::Wait(40));
            world.act(&Act::Wake);
        }
    }
}

/// Reads a log from its start, and knows of the rules only what the plan says.
struct Auditor<'a> {
    config: &'a SessionConfig,
    completed: u32,
    open: Option<Open>,
    active: bool,
    paused: bool,
    validated: BTreeMap<RoundNumber, BTreeSet<ClientId>>,
    last_at: Timestamp,
    opened: BTreeSet<(RoundNumber, AttemptNumber)>,
}

struct Open {
    round: RoundNumber,
    attempt: AttemptNumber,
    asked: BTreeSet<ClientId>,
    counted: BTreeMap<ClientId, u64>,
    ever_counted: BTreeSet<ClientId>,
    deadline: Timestamp,
    closed: bool,
}

impl<'a> Auditor<'a> {
    fn new(config: &'a SessionConfig) -> Self {
        let last_at = Timestamp(0);
        Self {
            config,
            completed: 0,
            open: None,
            active: false,
            paused: false,
            validated: BTreeMap::new(),
            last_at,
            opened: BTreeSet::new(),
        }
    }

    fn audit(&mut self, log: &[Recorded]) {
        for (index, recorded) in log.iter().enumerate() {
            assert_eq!(recorded.sequence, index as u64 + 1);
            assert!(recorded.at >= self.last_at, "time goes forward");
            self.event(recorded);
            self.last_at = recorded.at;
        }
    }

    fn the_open(&mut self, round: RoundNumber, attempt: AttemptNumber) -> &mut Open {
        assert!(self.active, "nothing happens in a session that is not running");
        let open = self.open.as_mut().expect("an attempt is open");
        assert_eq!((open.round, open.attempt), (round, attempt));
        open
    }

    #[allow(clippy::too_many_lines, reason = "a rule an event")]
    fn event(&mut self, recorded: &Recorded) {
        let required = self.config.clients_required as usize;
        match &recorded.event {
            Event::RunStarted { .. } => {
                assert!(!self.active && !self.paused);
                self.active = true;
            }
            Event::AttemptOpened { round, attempt, asked, deadline, .. } => {
                assert!(self.active && !self.paused && self.open.is_none());
                assert_eq!(round.0, self.completed + 1);
                assert!(self.opened.insert((*round, *attempt)), "no two attempts have one name");
                let asked: BTreeSet<ClientId> = asked.iter().cloned().collect();
                assert!(asked.len() >= required);
                assert!(self.config.clients_requested.is_none_or(|most| asked.len() <= most as usize));
                self.open = Some(Open {
                    round: *round,
                    attempt: *attempt,
                    asked,
                    counted: BTreeMap::new(),
                    ever_counted: BTreeSet::new(),
                    deadline: *deadline,
                    closed: false,
                });
            }
            Event::UpdateAccepted { round, attempt, client, examples, .. } => {
                let at = recorded.at;
                let open = self.the_open(*round, *attempt);
                assert!(open.asked.contains(client), "only those that were asked");
                assert!(open.ever_counted.insert(client.clone()), "once");
                assert!(!open.closed && at < open.deadline, "in time");
                assert!((1..=40).contains(examples));
                open.counted.insert(client.clone(), *examples);
            }
            Event::UpdateExcluded { round, attempt, client, .. } => {
                let open = self.the_open(*round, *attempt);
                assert!(open.counted.remove(client).is_some(), "only what counted can be excluded");
            }
            Event::ClientGivenUp { round, attempt, task: None, client, gone_since } => {
                let grace = Duration::from_secs(self.config.reconnect_grace_s.into());
                assert!(recorded.at >= gone_since.plus(grace), "not before the grace is over");
                let open = self.the_open(*round, *attempt);
                assert!(open.asked.contains(client) && !open.counted.contains_key(client));
            }
            Event::AttemptClosed { round, attempt, updates } => {
                let open = self.the_open(*round, *attempt);
                assert!(open.counted.len() >= required && open.counted.len() == *updates as usize);
                open.closed = true;
            }
            Event::AttemptFailed { .. } => self.open = None,
            Event::RoundCommitted { round, attempt, updates, examples, .. } => {
                let open = self.the_open(*round, *attempt);
                assert!(open.closed, "nothing is committed that still takes updates");
                assert!(open.counted.len() >= required, "a quorum counts");
                assert_eq!(open.counted.len(), *updates as usize);
                assert_eq!(open.counted.values().sum::<u64>(), *examples);
                self.completed = round.0;
                self.open = None;
            }
            Event::ValidationOpened { round, .. } => {
                assert!(self.config.validate);
                self.validated.insert(*round, BTreeSet::new());
            }
            Event::ValidationReported { round, client, .. } => {
                let reports = self.validated.get_mut(round).expect("a validation is open");
                assert!(reports.insert(client.clone()), "once");
            }
            Event::ValidationClosed { round, reports, .. } => {
                let heard = self.validated.remove(round).expect("a validation is open");
                assert_eq!(heard.len(), *reports as usize);
            }
            Event::PauseRequested => assert!(self.active && !self.paused),
            Event::Paused => {
                assert!(self.open.is_none(), "pausing lets the open round end");
                (self.active, self.paused) = (false, true);
            }
            Event::Resumed => (self.active, self.paused) = (true, false),
            Event::Recovered => {
                let (last, at, grace) = (self.last_at, recorded.at, self.config.reconnect_grace_s);
                if let Some(open) = &mut self.open {
                    let left = open.deadline.since(last);
                    open.deadline = at.plus(left.max(Duration::from_secs(grace.into())));
                }
            }
            Event::Stopped { .. } => {
                self.open = None;
                self.validated.clear();
                (self.active, self.paused) = (false, false);
            }
            Event::Finished { .. } => {
                assert!(self.open.is_none() && self.completed > 0, "a session that finished has a model of its own");
                self.validated.clear();
                self.active = false;
            }
            Event::Failed { round, .. } => {
                assert_eq!(round.0, self.completed + 1);
                self.validated.clear();
                self.active = false;
            }
            Event::ClientsAsked { .. } | Event::ClientGivenUp { task: Some(_), .. } => panic!("no task has a number"),
            Event::SessionCreated { .. }
            | Event::ClientsAwaited { .. }
            | Event::UpdateRefused { .. }
            | Event::ValidationGivenUp { .. } => {}
        }
    }
}
