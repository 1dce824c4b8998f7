//! Sessions, as GraphQL shows them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Api;
use crate::wait;

/// A session, with its rounds.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it is at.
    pub status: String,
    /// Why it is.
    pub reason: Option<String>,
    /// Its rounds, from the first.
    pub rounds: Vec<Round>,
}

/// A round, as it is on record.
#[derive(Clone, Debug)]
pub struct Round {
    /// Which one, from 1.
    pub number: u64,
    /// What it is at.
    pub status: String,
    /// The model that it ended with.
    pub model: Option<String>,
    /// When that was committed.
    pub committed_at: Option<String>,
    /// Who was asked, and what became of it.
    pub participants: Vec<Participant>,
    /// The updates that do not count.
    pub refusals: Vec<Refused>,
}

/// A client in a round.
#[derive(Clone, Debug)]
pub struct Participant {
    /// The client.
    pub client: String,
    /// What became of it.
    pub status: String,
    /// Its update.
    pub update: Option<String>,
    /// The update's file, by its SHA-256.
    pub digest: Option<String>,
    /// The examples that it rests on.
    pub examples: Option<u64>,
}

/// An update that does not count.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Who sent it.
    pub client: String,
    /// Its id.
    pub update: String,
    /// The reason's code.
    pub code: String,
    /// The reason.
    pub reason: String,
}

/// What a session is made of and began with.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The model that it starts from.
    pub seed: String,
    /// How it is run, as GraphQL names it.
    pub config: Value,
    /// How many rounds.
    pub rounds: u32,
}
