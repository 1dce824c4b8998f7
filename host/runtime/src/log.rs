//! What a plugin wrote to its log.

use crate::{Limits, bindings};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Steps inside a call.
    Trace,
    /// What helps the plugin's author.
    Debug,
    /// What a user of the plugin may want to know.
    Info,
    /// Something is unusual; the result stands.
    Warn,
    /// Something is wrong.
    Error,
}

impl From<bindings::log::Level> for Level {
    fn from(level: bindings::log::Level) -> Self {
        match level {
            bindings::log::Level::Trace => Self::Trace,
            bindings::log::Level::Debug => Self::Debug,
            bindings::log::Level::Info => Self::Info,
            bindings::log::Level::Warn => Self::Warn,
            bindings::log::Level::Error => Self::Error,
        }
    }
}

/// A line of a plugin's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says; cut if it was too long. Control characters are escaped: a plugin does not write to terminals.
    pub message: String,
}

/// Tells the process's log what a plugin wrote during a call that is over.
pub(crate) fn tell(plugin: &str, function: &str, lines: Vec<LogLine>) {
    for LogLine { level, message } in lines {
        match level {
            Level::Trace => tracing::trace!(plugin.name = plugin, plugin.function = function, "{message}"),
            Level::Debug => tracing::debug!(plugin.name = plugin, plugin.function = function, "{message}"),
            Level::Info => tracing::info!(plugin.name = plugin, plugin.function = function, "{message}"),
            Level::Warn => tracing::warn!(plugin.name = plugin, plugin.function = function, "{message}"),
            Level::Error => tracing::error!(plugin.name = plugin, plugin.function = function, "{message}"),
        }
    }
}

/// A plugin's text as it can be shown: cut to `limit` bytes, and control characters escaped.
pub(crate) fn shown(text: &str, limit: usize) -> String {
    let cut = &text[..text.floor_char_boundary(limit)];
    let mut shown = String::with_capacity(cut.len());
    for character in cut.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if cut.len() < text.len() {
        shown.push_str(&format!(" [cut: {} of {} bytes]", cut.len(), text.len()));
    }
    shown
}

/// The lines of one instance, up to a number of bytes in all and of lines in a call.
pub(crate) struct PluginLog {
    lines: Vec<LogLine>,
    line_limit: usize,
    bytes_left: usize,
    lines_limit: usize,
    lines_left: usize,
    dropped: u64,
}

impl PluginLog {
    pub(crate) fn new(limits: &Limits) -> Self {
        let lines_limit = limits.log_lines_per_call;
        Self {
            lines: Vec::new(),
            line_limit: limits.log_line_bytes,
            bytes_left: limits.log_bytes,
            lines_limit,
            lines_left: lines_limit,
            dropped: 0,
        }
    }

    /// Each call may write so many lines.
    pub(crate) fn start_call(&mut self) {
        self.lines_left = self.lines_limit;
    }

    pub(crate) fn write(&mut self, level: Level, message: &str) {
        if self.bytes_left == 0 || self.lines_left == 0 {
            self.dropped += 1;
            return;
        }
        self.lines_left -= 1;
        let limit = self.line_limit.min(self.bytes_left);
        // An empty line takes room too.
        self.bytes_left -= limit.min(message.len().max(64));
        let line = shown(message, limit);
        self.lines.push(LogLine { level, message: line });
    }

    /// The lines so far, and a last one that says how many were dropped since.
    pub(crate) fn take(&mut self) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut self.lines);
        if self.dropped > 0 {
            let message = format!("{} further lines were dropped: more than the log may hold", self.dropped);
            lines.push(LogLine { level: Level::Warn, message });
            self.dropped = 0;
        }
        lines
    }
}
