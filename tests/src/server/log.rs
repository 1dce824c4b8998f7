//! What a server logs: JSON, an object a line, in a file that outlives its process.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::wait;

/// The lines that a failing test shows.
const TAIL: usize = 40;

/// The log of a server, over all its lives.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    read: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    offset: u64,
    /// What is not a whole line yet.
    rest: Vec<u8>,
    lines: Vec<Arc<Value>>,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

/// A line of a log.
#[derive(Clone, Debug)]
pub struct Line(Arc<Value>);

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Here: what is logged from now on comes after it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.lines(Mark(0)).len())
    }

    /// The lines after a mark.
    #[must_use]
    pub fn lines(&self, after: Mark) -> Vec<Line> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Not there before the server's first start; that is an empty log.
        if let Ok(mut file) = File::open(&self.path) {
            read.follow(&mut file);
        }
        read.lines.iter().skip(after.0).cloned().map(Line).collect()
    }

    /// The first line after a mark that is wanted.
    #[must_use]
    pub fn find(&self, after: Mark, wanted: impl Fn(&Line) -> bool) -> Option<Line> {
        self.lines(after).into_iter().find(wanted)
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn wait_for(
        &self,
        after: Mark,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&Line) -> bool,
    ) -> Result<Line> {
        wait::until(format_args!("the log line `{what}`"), patience, async || Ok(self.find(after, &wanted))).await
    }

    /// The end of it.
    #[must_use]
    pub fn tail(&self) -> String {
        let lines = self.lines(Mark(0));
        let tail = lines[lines.len().saturating_sub(TAIL)..].iter().map(|line| format!("\n  {line}"));
        tail.collect()
    }
}

impl Lines {
    fn follow(&mut self, file: &mut File) {
        let mut bytes = Vec::new();
        let more = file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.read_to_end(&mut bytes));
        self.offset += more.unwrap_or(0) as u64;
        self.rest.append(&mut bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            // What is no JSON is a panic's or the allocator's last word, and worth showing too.
            let value = serde_json::from_slice(&line)
                .unwrap_or_else(|_| serde_json::json!({ "message": String::from_utf8_lossy(&line).trim_end() }));
            self.lines.push(Arc::new(value));
        }
    }
}

impl Line {
    /// What it says.
    #[must_use]
    pub fn message(&self) -> &str {
        self.text("message").unwrap_or_default()
    }

    /// When it was logged.
    ///
    /// # Errors
    /// If it does not say.
    pub fn time(&self) -> Result<DateTime<Utc>> {
        let text = self.text("timestamp").with_context(|| format!("no time in {self}"))?;
        Ok(DateTime::parse_from_rfc3339(text)?.to_utc())
    }

    /// A field that is a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.field(field).as_str()
    }

    /// A field; `null` if it has none of this name. Those of the spans that it was logged in count too, the innermost
    /// first.
    #[must_use]
    pub fn field(&self, name: &str) -> &Value {
        let spans = self.0["spans"].as_array().into_iter().flatten().rev();
        std::iter::once(&*self.0)
            .chain(spans)
            .map(|fields| &fields[name])
            .find(|value| !value.is_null())
            .unwrap_or(&Value::Null)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
