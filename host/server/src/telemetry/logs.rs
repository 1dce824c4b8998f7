//! Log lines on standard error: coloured text where a person reads them, JSON where a machine does.
//!
//! Standard error and no file of its own: whatever started the server already keeps, rotates or shows what it prints.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing::Subscriber;
use tracing::field::display;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::{Filter, LogFormat, LogSettings};

/// Sends what is logged from here on to standard error, panics included. Once a process.
pub(crate) fn start(settings: &LogSettings) -> Result<()> {
    let style =
        Style::choose(settings.log_format, std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR").is_some());
    let subscriber = subscriber(style, &settings.log, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).context("starting to log")?;
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("(no message)");
        // Where RUST_BACKTRACE asks for one.
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(display(backtrace));
        tracing::error!(panic.location = location, panic.backtrace = backtrace, "panicked at {location}: {message}");
    }));
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Text { ansi: bool },
    Json,
}

impl Style {
    fn choose(format: LogFormat, is_terminal: bool, no_color: bool) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Auto if !is_terminal => Self::Json,
            LogFormat::Auto | LogFormat::Text => Self::Text { ansi: is_terminal && !no_color },
        }
    }
}

fn subscriber<W>(style: Style, filter: &Filter, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter.to_env_filter()).with_writer(writer);
    match style {
        Style::Text { ansi } => Box::new(lines.with_ansi(ansi).finish()),
        Style::Json => Box::new(lines.json().flatten_event(true).finish()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(style: Style, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(style, &filter.parse().unwrap(), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(round.id = 7, "a round ended");
            tracing::debug!(target: "fedwit_store", "a detail");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn terminals_get_text_and_machines_json_unless_told_otherwise() {
        for (format, is_terminal, no_color, style) in [
            (LogFormat::Auto, true, false, Style::Text { ansi: true }),
            (LogFormat::Auto, true, true, Style::Text { ansi: false }),
            (LogFormat::Auto, false, false, Style::Json),
            (LogFormat::Text, false, false, Style::Text { ansi: false }),
            (LogFormat::Json, true, false, Style::Json),
        ] {
            assert_eq!(Style::choose(format, is_terminal, no_color), style, "{format:?} {is_terminal} {no_color}");
        }
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_in_it() {
        let logged = logged(Style::Json, "info");
        let line: serde_json::Value = serde_json::from_str(logged.trim_end()).unwrap();
        assert_eq!((line["message"].as_str(), line["level"].as_str()), (Some("a round ended"), Some("INFO")));
        assert_eq!((line["round.id"].as_u64(), line["timestamp"].is_string()), (Some(7), true));
    }

    #[test]
    fn the_filter_chooses_by_target() {
        let text = logged(Style::Text { ansi: false }, "warn,fedwit_store=debug");
        assert!(text.contains("a detail") && !text.contains("a round ended"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn on_a_terminal_there_is_colour() {
        assert!(logged(Style::Text { ansi: true }, "info").contains('\u{1b}'));
    }
}
