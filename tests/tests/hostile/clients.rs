//! Clients that send what a server has to refuse.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use fedwit_tests::load::{Answer, Behaviour, Options, Step, Task};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Notify};

use super::files;

/// A client, and what is to become of it.
pub(crate) struct Hostile {
    /// Its name.
    pub(crate) id: &'static str,
    /// The codes that are right for it.
    pub(crate) codes: &'static [&'static str],
    /// What its refusal speaks of.
    pub(crate) reason: &'static str,
    /// The first round in which it can be hostile.
    pub(crate) from_round: u64,
    /// The step and the examples of the honest update that it sends as well.
    pub(crate) also_honest: Option<(f32, u64)>,
    behaviour: Arc<dyn Behaviour>,
}

impl Hostile {
    /// How it is started.
    pub(crate) fn options(&self) -> Options {
        Options { behaviour: Arc::clone(&self.behaviour), ..Options::new(Step { step: 0.0, examples: 1 }) }
    }
}

/// What honest and hostile clients have to do with each other.
#[derive(Default)]
pub(crate) struct Accomplices {
    duplicated: Arc<Notify>,
    stolen: Arc<Stolen>,
}

impl Accomplices {
    /// An honest client, whose round is open until a second update was refused.
    pub(crate) fn last(&self, step: Step) -> Options {
        Options::new(Last { duplicated: Arc::clone(&self.duplicated), step })
    }

    /// An honest client, whose update somebody else says is its own.
    pub(crate) fn victim(&self, step: Step) -> Options {
        Options::new(Victim { stolen: Arc::clone(&self.stolen), step })
    }
}

const TENSORS: &[&str] = &["UPDATE_TENSORS"];
const EXAMPLES: &[&str] = &["UPDATE_EXAMPLES", "UPDATE_METADATA"];

/// All of them.
pub(crate) fn hostile(accomplices: &Accomplices) -> Result<Vec<Hostile>> {
    let mut all = vec![
        file("nan", files::not_finite(f32::NAN)?, "finite"),
        file("infinity", files::not_finite(f32::NEG_INFINITY)?, "finite"),
        file("missing-tensor", files::missing()?, "1"),
        file("surplus-tensor", files::surplus()?, "2"),
        file("wrong-shape", files::shaped(&[3, 2], &files::VALUES)?, "shape"),
        file("broadcastable-row", files::shaped(&[1, 3], &[1.0; 3])?, "shape"),
        file("broadcastable-scalar", files::shaped(&[], &[1.0])?, "shape"),
        file("truncated", files::truncated()?, ""),
        file("promises-more", files::promises_more()?, "0"),
        file("promises-everything", files::promises_everything()?, "0"),
        file("claims-four-gibibytes", files::claims_four_gibibytes()?, "0"),
        file("bomb", files::bomb()?, "0"),
        file("declared-bomb", files::declared_bomb()?, "0"),
        file("pickled", files::pickled()?, "0"),
        file("text", files::text(), ""),
        examples("no-examples", json!({ "num_examples": 0 }), "example"),
        examples("negative-examples", json!({ "num_examples": -5 }), "example"),
        examples("half-an-example", json!({ "num_examples": 0.5 }), "example"),
        examples("huge-examples", json!({ "num_examples": 1e300 }), "example"),
        examples("words-for-examples", json!({ "num_examples": "many" }), "example"),
        examples("missing-examples", json!({ "epochs": 1 }), "example"),
        // Python's JSON has numbers that JSON has not.
        written("nan-examples", r#"{"training_metadata": {"num_examples": NaN}, "config": CONFIG}"#, ""),
        written("infinite-examples", r#"{"training_metadata": {"num_examples": Infinity}, "config": CONFIG}"#, ""),
        written("no-metadata", r#"{"config": CONFIG}"#, ""),
    ];
    all.extend([
        Hostile {
            codes: &["UPDATE_DUPLICATE"],
            reason: "second",
            also_honest: Some((Duplicate::STEP, Duplicate::EXAMPLES)),
            ..own("duplicate", Duplicate(Arc::clone(&accomplices.duplicated)))
        },
        Hostile {
            codes: &["UPDATE_LATE"],
            reason: "late",
            from_round: 2,
            also_honest: Some((Late::STEP, Late::EXAMPLES)),
            ..own("late", Late::default())
        },
        Hostile {
            codes: &["UPDATE_OF_ANOTHER_CLIENT"],
            reason: "another client",
            ..own("thief", Thief(Arc::clone(&accomplices.stolen)))
        },
        Hostile { codes: &["UPDATE_WITHOUT_FILE"], reason: "no file", ..own("nothing-uploaded", NothingUploaded) },
        Hostile {
            codes: &["UPDATE_METADATA", "UPDATE_WITHOUT_FILE"],
            reason: "escaped",
            ..own("path-in-id", PathInId)
        },
    ]);
    Ok(all)
}

fn own(id: &'static str, behaviour: impl Behaviour + 'static) -> Hostile {
    Hostile { id, codes: &[], reason: "", from_round: 1, also_honest: None, behaviour: Arc::new(behaviour) }
}

/// Sends a file that is no update.
struct File(Bytes);

fn file(id: &'static str, file: Bytes, reason: &'static str) -> Hostile {
    Hostile { codes: TENSORS, reason, ..own(id, File(file)) }
}

#[async_trait]
impl Behaviour for File {
    async fn train(&self, task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        Ok(vec![Answer::honest(task, self.0.clone(), 1_000_000)])
    }
}

/// Sends an update with metadata that is not right. Its step would be seen in the model.
struct Metadata(Value);

fn examples(id: &'static str, metadata: Value, reason: &'static str) -> Hostile {
    Hostile { codes: EXAMPLES, reason, ..own(id, Metadata(metadata)) }
}

#[async_trait]
impl Behaviour for Metadata {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        Ok(vec![Answer::honest(task, Step::file(model, 100.0)?, 1).with_metadata(task, &self.0)])
    }
}

/// Sends metadata that is written as no library would.
struct Written(&'static str);

fn written(id: &'static str, meta: &'static str, reason: &'static str) -> Hostile {
    Hostile { codes: EXAMPLES, reason, ..own(id, Written(meta)) }
}

#[async_trait]
impl Behaviour for Written {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let mut answer = Answer::honest(task, Step::file(model, 100.0)?, 1);
        answer.update.meta = self.0.replace("CONFIG", &json!(task.request.data).to_string());
        // What cannot be read names no round either.
        answer.update.correlation_id = task.correlation().to_owned();
        Ok(vec![answer])
    }
}

/// Sends a second update, with all the weight in the world.
struct Duplicate(Arc<Notify>);

impl Duplicate {
    const STEP: f32 = 0.125;
    const EXAMPLES: u64 = 7;
}

#[async_trait]
impl Behaviour for Duplicate {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let first = Answer::honest(task, Step::file(model, Self::STEP)?, Self::EXAMPLES);
        Ok(vec![first, Answer::honest(task, Step::file(model, 100.0)?, 1_000_000)])
    }

    async fn answered(&self, _task: &Task, text: &str) -> u32 {
        if text.starts_with("refused") {
            self.0.notify_one();
        }
        0
    }
}

/// An honest client that sends its update once another's second one was refused: the round is open until then.
struct Last {
    duplicated: Arc<Notify>,
    step: Step,
}

#[async_trait]
impl Behaviour for Last {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        self.duplicated.notified().await;
        self.step.train(task, model).await
    }
}

/// Sends an update of the round before, and then the one that it was asked for.
#[derive(Default)]
struct Late(Mutex<Option<Task>>);

impl Late {
    const STEP: f32 = 2.0;
    const EXAMPLES: u64 = 3;
}

#[async_trait]
impl Behaviour for Late {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        if let Some(before) = self.0.lock().await.replace(task.clone()) {
            answers.push(Answer::honest(&before, Step::file(model, 100.0)?, 1_000_000));
        }
        answers.push(Answer::honest(task, Step::file(model, Self::STEP)?, Self::EXAMPLES));
        Ok(answers)
    }
}

/// An update's id, on its way from its victim to its thief.
#[derive(Default)]
struct Stolen {
    uploaded: Notify,
    used: Notify,
    id: Mutex<Option<String>>,
}

/// An honest client that uploads a file, and waits with saying so until somebody else has.
struct Victim {
    stolen: Arc<Stolen>,
    step: Step,
}

#[async_trait]
impl Behaviour for Victim {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let answers = self.step.train(task, model).await?;
        *self.stolen.id.lock().await = answers.first().map(|answer| answer.update.model_update_id.clone());
        Ok(answers)
    }

    async fn uploaded(&self, _task: &Task) {
        self.stolen.uploaded.notify_one();
        self.stolen.used.notified().await;
    }
}

/// Says that what somebody else has uploaded is its own.
struct Thief(Arc<Stolen>);

#[async_trait]
impl Behaviour for Thief {
    async fn train(&self, task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        self.0.uploaded.notified().await;
        let mut answer = Answer::honest(task, Bytes::new(), 1_000_000);
        answer.file = None;
        answer.update.model_update_id = self.0.id.lock().await.take().context("an id to steal")?;
        Ok(vec![answer])
    }

    async fn answered(&self, _task: &Task, _text: &str) -> u32 {
        self.0.used.notify_one();
        0
    }
}

/// Speaks of a file that it never uploaded.
struct NothingUploaded;

#[async_trait]
impl Behaviour for NothingUploaded {
    async fn train(&self, task: &Task, _model: &Bytes) -> Result<Vec<Answer>> {
        let mut answer = Answer::honest(task, Bytes::new(), 1_000_000);
        answer.file = None;
        Ok(vec![answer])
    }
}

/// Names its file so that it would lie beside the data folder.
struct PathInId;

#[async_trait]
impl Behaviour for PathInId {
    async fn train(&self, task: &Task, model: &Bytes) -> Result<Vec<Answer>> {
        let mut answer = Answer::honest(task, Step::file(model, 100.0)?, 1_000_000);
        let id = "../../escaped.npz".to_owned();
        answer.file = answer.file.map(|(_, file)| (id.clone(), file));
        answer.update.model_update_id = id;
        Ok(vec![answer])
    }
}
