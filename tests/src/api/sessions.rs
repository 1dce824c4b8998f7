//! Sessions, as GraphQL shows them.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Api;
use crate::wait;

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it is doing.
    pub status: String,
    /// Why it is.
    pub reason: Option<String>,
    /// Rounds that gave a model.
    pub rounds_completed: u64,
}

/// A round, as it is on record.
#[derive(Clone, Debug)]
pub struct Round {
    /// Which one, from 1.
    pub number: u64,
    /// The last attempt at it, from 1.
    pub attempt: u64,
    /// What it is doing.
    pub status: String,
    /// The global model that it improves upon.
    pub base: String,
    /// The model that it ended with.
    pub model: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
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
    /// How many models had been made since the one that it started from.
    pub staleness: u64,
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

const RUN: &str = "mutation ($seed: ID!, $config: SessionConfigInput!, $rounds: Int!) {
    runSession(input: { seedModelId: $seed, config: $config }, run: { rounds: $rounds }) { id }
}";

const SESSION: &str = "query ($id: ID!) { session(id: $id) { status reason roundsCompleted } }";

const ROUND: &str = "query ($id: ID!, $number: Int!) { session(id: $id) { round(number: $number) {
    number attempt status durationMs base { id } model { id }
    refusals(first: 100) { nodes { clientId updateId code reason } }
} } }";

const PARTICIPANTS: &str =
    "query ($id: ID!, $number: Int!, $after: String) { session(id: $id) { round(number: $number) {
    participants(first: 200, after: $after) {
        nodes { clientId status updateId digest examples staleness }
        pageInfo { hasNextPage endCursor }
    }
} } }";

impl Api {
    /// Makes a session and starts it. Gives its id.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn run_session(&self, seed: &str, config: Value, rounds: u64) -> Result<String> {
        let variables = json!({ "seed": seed, "config": config, "rounds": rounds });
        text(&self.graphql(RUN, variables).await?["runSession"], "id")
    }

    /// A session.
    ///
    /// # Errors
    /// If there is none of this id.
    pub async fn session(&self, id: &str) -> Result<Session> {
        let found = &self.graphql(SESSION, json!({ "id": id })).await?["session"];
        let rounds_completed =
            found["roundsCompleted"].as_u64().with_context(|| format!("there is no session {id}"))?;
        Ok(Session { status: text(found, "status")?, reason: optional(found, "reason"), rounds_completed })
    }

    /// A round of a session, with all who were asked in its last attempt.
    ///
    /// # Errors
    /// If there is none.
    pub async fn round(&self, session: &str, number: u64) -> Result<Round> {
        let answer = self.graphql(ROUND, json!({ "id": session, "number": number })).await?;
        let found = &answer["session"]["round"];
        ensure!(found.is_object(), "there is no round {number} of session {session}");
        let mut refusals = Vec::new();
        for refusal in found["refusals"]["nodes"].as_array().into_iter().flatten() {
            let (client, update) = (text(refusal, "clientId")?, text(refusal, "updateId")?);
            refusals.push(Refused { client, update, code: text(refusal, "code")?, reason: text(refusal, "reason")? });
        }
        Ok(Round {
            number,
            attempt: found["attempt"].as_u64().context("no attempt")?,
            status: text(found, "status")?,
            base: text(&found["base"], "id")?,
            model: optional(&found["model"], "id"),
            duration_ms: found["durationMs"].as_u64(),
            participants: self.participants(session, number).await?,
            refusals,
        })
    }

    async fn participants(&self, session: &str, number: u64) -> Result<Vec<Participant>> {
        let (mut participants, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({ "id": session, "number": number, "after": after });
            let mut answer = self.graphql(PARTICIPANTS, variables).await?;
            let mut page = answer["session"]["round"]["participants"].take();
            for participant in page["nodes"].as_array().into_iter().flatten() {
                participants.push(Participant {
                    client: text(participant, "clientId")?,
                    status: text(participant, "status")?,
                    update: optional(participant, "updateId"),
                    digest: optional(participant, "digest"),
                    examples: participant["examples"].as_u64(),
                    staleness: participant["staleness"].as_u64().context("no staleness")?,
                });
            }
            if page["pageInfo"]["hasNextPage"] != true {
                return Ok(participants);
            }
            after = page["pageInfo"]["endCursor"].take();
        }
    }

    /// Waits until a session has finished.
    ///
    /// # Errors
    /// If it ends otherwise, or not at all.
    pub async fn wait_for_end(&self, session: &str, patience: Duration) -> Result<()> {
        wait::until(format_args!("session {session} to end"), patience, async || {
            let found = self.session(session).await?;
            match found.status.as_str() {
                "FINISHED" => Ok(Some(())),
                "FAILED" | "STOPPED" => bail!("the session is {found:?}"),
                _ => Ok(None),
            }
        })
        .await
    }

    /// Waits until a session has done this many rounds.
    ///
    /// # Errors
    /// If it ends before.
    pub async fn wait_for_round(&self, session: &str, round: u64, patience: Duration) -> Result<()> {
        wait::until(format_args!("round {round} of session {session}"), patience, async || {
            let found = self.session(session).await?;
            ensure!(found.status != "FAILED", "the session is {found:?}");
            Ok((found.rounds_completed >= round).then_some(()))
        })
        .await
    }
}

fn text(value: &Value, field: &str) -> Result<String> {
    optional(value, field).with_context(|| format!("no `{field}` in {value}"))
}

fn optional(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}
