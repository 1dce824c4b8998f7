//! Which benchmarks are to run.

/// Whether the one of this name is: `cargo bench` says that it wants benchmarks, and may name a part of their names.
/// Without that they are only built, as when all targets are tested.
#[must_use]
pub fn is_asked_for(name: &str) -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    let named = filters.peek().is_none() || filters.any(|filter| name.contains(filter.as_str()));
    named && is_running()
}

/// Whether benchmarks are what this process runs.
#[must_use]
pub fn is_running() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
