//! Following an installation to its end.
//!
//! The server says how far it is as it goes on, over a subscription. A connection that breaks is opened anew and goes on
//! with the same job, which the server knows by its id.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::server::{Refused, Server};
use super::subscription::Subscription;

/// What is asked of a job.
pub(super) const JOB: &str = "id stage digest code message receivedBytes sizeBytes plugin { name version enabled }";

/// How long an installation may take: many times what the slowest language and the slowest line do.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How often in a row a connection may fail before it is given up.
const ATTEMPTS: u32 = 5;
/// How long the first failure is waited after; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until the job has ended, and gives it if it went well.
pub(super) async fn follow(server: &Server, job: &Value) -> Result<Value> {
    let id = job["id"].clone();
    let named = || format!("following the installation, which is the server's job {id}");
    let until = Instant::now() + PATIENCE;
    let mut said = Said::default();
    if let Some(ended) = said.hear(job)? {
        return Ok(ended);
    }
    let mut failures = 0;
    loop {
        let watching = watch(server, &id, &mut said, &mut failures);
        let error = match tokio::time::timeout_at(until, watching).await {
            Ok(Ok(job)) => return Ok(job),
            Ok(Err(error)) => error,
            Err(_) => bail!("the server is not done with its job {id} after {} s", PATIENCE.as_secs()),
        };
        failures += 1;
        // Refused, or a job that has failed: asking again changes nothing.
        if error.is::<Refused>() || said.is_over || failures >= ATTEMPTS {
            return Err(error).with_context(named);
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(failures - 1)).await;
    }
}

/// Listens on one connection until the job has ended.
async fn watch(server: &Server, id: &Value, said: &mut Said, failures: &mut u32) -> Result<Value> {
    let query = format!("subscription ($id: ID!) {{ pluginJob(id: $id) {{ {JOB} }} }}");
    let mut subscription = Subscription::open(server, &query, json!({ "id": id })).await?;
    while let Some(mut data) = subscription.next().await? {
        *failures = 0;
        if let Some(ended) = said.hear(&data["pluginJob"].take())? {
            return Ok(ended);
        }
    }
    bail!("the server ended the subscription before the installation");
}

/// What was told on standard error.
#[derive(Default)]
struct Said {
    last: String,
    is_over: bool,
}

impl Said {
    /// Tells how far a job is. Gives it once it has ended well.
    fn hear(&mut self, job: &Value) -> Result<Option<Value>> {
        let stage = job["stage"].as_str().unwrap_or_default().to_lowercase();
        let line = match (stage.as_str(), job["receivedBytes"].as_u64(), job["sizeBytes"].as_u64()) {
            ("pulling", Some(received), Some(size)) => format!("pulling: {received} of {size} bytes"),
            _ => stage.escape_debug().to_string(),
        };
        if line != self.last {
            // If standard error is gone there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{line}");
            self.last = line;
        }
        self.is_over = matches!(stage.as_str(), "installed" | "failed");
        if stage != "failed" {
            return Ok(self.is_over.then(|| job.clone()));
        }
        let text = |key: &str| job[key].as_str().unwrap_or_default().escape_debug().to_string();
        let (code, message) = (text("code"), text("message"));
        Err(Refused::or_failure(code, message))
    }
}
