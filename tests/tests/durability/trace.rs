//! What `strace` writes, as calls in the order in which they began and ended.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A system call that worked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Its name.
    name: String,
    /// What it was given, and what it gave back.
    text: String,
    /// The line at which it began.
    began: usize,
    /// The line at which it ended.
    ended: usize,
}

/// All of them, in the order in which they began.
pub(crate) struct Trace {
    calls: Vec<Call>,
}

impl Trace {
    /// The calls that are looked at.
    pub(crate) const CALLS: &str = "trace=openat,rename,renameat,renameat2,link,linkat,fsync,fdatasync,sync_file_range,\
                                    write,writev,pwrite64,sendto,sendmsg";

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Reads lines of `PID NAME(ARGUMENTS) = RESULT`, and those of calls that are cut in two by another thread's.
    pub(crate) fn parse(text: &str) -> Self {
        let mut calls = Vec::new();
        let mut unfinished: HashMap<&str, Call> = HashMap::new();
        for (line, text) in text.lines().enumerate() {
            let Some((process, text)) = text.split_once(char::is_whitespace) else { continue };
            let text = text.trim_start();
            if let Some(rest) = text.strip_prefix("<... ") {
                if let Some(mut call) = unfinished.remove(process) {
                    call.text.push_str(rest);
                    call.ended = line;
                    calls.push(call);
                }
            } else if let Some((name, rest)) = text.split_once('(') {
                let call = Call { name: name.to_owned(), text: rest.to_owned(), began: line, ended: line };
                if rest.ends_with("<unfinished ...>") {
                    unfinished.insert(process, call);
                } else {
                    calls.push(call);
                }
            }
        }
        calls.retain(|call: &Call| !call.text.contains(" = -1 "));
        calls.sort_by_key(|call| call.began);
        Self { calls }
    }

    pub(crate) fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// A call, as it was traced.
    pub(crate) fn line(&self, index: usize) -> String {
        let Call { name, text, began, .. } = &self.calls[index];
        format!("line {began}: {name}({text:.200}")
    }

    /// The first call from this one on that writes a text to a socket.
    pub(crate) fn first_written_to_socket(&self, text: &str, from: usize) -> Result<usize> {
        let writes = |call: &Call| {
            matches!(call.name.as_str(), "write" | "writev" | "sendto" | "sendmsg")
                && call.text.split_once('>').is_some_and(|_| is_socket(&call.text))
                && call.text.contains(text)
        };
        let found = self.calls.iter().skip(from).position(writes);
        found.map(|index| from + index).with_context(|| format!("`{text}` is never written to a socket"))
    }

    /// The last call before another that gave a blob its name.
    pub(crate) fn last_blob_named_before(&self, before: usize) -> Result<usize> {
        let began = self.calls[before].began;
        let names = |call: &Call| {
            (call.name.starts_with("rename") || call.name.starts_with("link"))
                && target(&call.text).is_some_and(|target| target.contains("/blobs/"))
                && call.ended < began
        };
        self.calls[..before].iter().rposition(names).context("no blob is named before that")
    }

    /// Checks that a blob's file was synced before it was named, and its folder after that and before another call.
    pub(crate) fn check_blob_synced(&self, named: usize, before: usize) -> Result<()> {
        let Call { text, began, ended, .. } = &self.calls[named];
        let source = quoted(text).next().context("what is renamed")?;
        let folder = target(text).and_then(|target| target.rsplit_once('/')).context("where to")?.0;
        // It may have had another name before.
        let names = self.earlier_names(source, named);
        if !names.iter().any(|name| self.synced(name, 0, *began)) {
            bail!("{source} is not synced before it is named: {}", self.line(named));
        }
        if !self.synced(folder, *ended, self.calls[before].began) {
            bail!("{folder} is not synced before {}", self.line(before));
        }
        Ok(())
    }

    /// What a file was called before a call.
    fn earlier_names<'a>(&'a self, path: &'a str, before: usize) -> Vec<&'a str> {
        let mut names = vec![path];
        for call in self.calls[..before].iter().rev().filter(|call| call.name.starts_with("rename")) {
            if target(&call.text) == names.last().copied() {
                names.extend(quoted(&call.text).next());
            }
        }
        names
    }

    /// Whether what lies at a path is synced by a call that begins after a line and ends before another.
    fn synced(&self, path: &str, after: usize, before: usize) -> bool {
        let descriptor = format!("<{path}>");
        self.calls.iter().any(|call| {
            matches!(call.name.as_str(), "fsync" | "fdatasync")
                && call.text.contains(&descriptor)
                && call.began >= after
                && call.ended < before
        })
    }

    /// The sync of the database's log between two calls.
    pub(crate) fn database_synced(&self, after: usize, before: usize) -> Option<usize> {
        let (after, before) = (self.calls[after].ended, self.calls[before].began);
        self.calls.iter().position(|call| {
            matches!(call.name.as_str(), "fsync" | "fdatasync")
                && call.text.contains("/fedwit.sqlite-wal>")
                && call.began >= after
                && call.ended < before
        })
    }
}

/// Whether the first argument is a connection.
fn is_socket(text: &str) -> bool {
    text.split_once('<').is_some_and(|(_, of)| of.starts_with("TCP:"))
}

/// The quoted arguments.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Where a file is renamed to.
fn target(text: &str) -> Option<&str> {
    quoted(text).nth(1)
}
