//! Which template becomes which file.

use super::{Language, World};

/// A file of a project: where it goes, and what is written there.
pub(super) type Template = (&'static str, &'static str);

macro_rules! template {
    ($from:literal => $to:literal) => {
        ($to, include_str!(concat!("../../../../templates/", $from)))
    };
}

/// What projects in a language share.
pub(super) fn common(language: Language) -> &'static [Template] {
    match language {
        Language::Rust => &[
            template!("rust/project/README.md" => "README.md"),
            template!("rust/project/manifest.toml" => "Cargo.toml"),
            template!("rust/project/gitignore" => ".gitignore"),
        ],
        Language::Python => &[
            template!("python/project/README.md" => "README.md"),
            template!("python/project/Makefile" => "Makefile"),
            template!("python/project/requirements.txt" => "requirements.txt"),
            template!("python/project/gitignore" => ".gitignore"),
        ],
        Language::Javascript => &[
            template!("javascript/project/README.md" => "README.md"),
            template!("javascript/project/package.json" => "package.json"),
            template!("javascript/project/package-lock.json" => "package-lock.json"),
            template!("javascript/project/gitignore" => ".gitignore"),
            template!("javascript/project/errors.js" => "errors.js"),
            template!("javascript/project/host.js" => "test/host.js"),
            template!("javascript/project/resolve.js" => "test/resolve.js"),
        ],
        Language::C => &[
            template!("c/project/README.md" => "README.md"),
            template!("c/project/Makefile" => "Makefile"),
            template!("c/project/requirements.txt" => "requirements.txt"),
            template!("c/project/gitignore" => ".gitignore"),
            template!("c/project/config.c" => "src/config.c"),
            template!("c/project/config.h" => "src/config.h"),
            template!("c/project/check.h" => "test/check.h"),
        ],
    }
}

/// What the plugins of a world have of their own; nothing where there is no such template.
pub(super) fn own(language: Language, world: World) -> &'static [Template] {
    match (language, world) {
        (Language::Rust, World::Aggregator) => &[template!("rust/aggregator/lib.rs" => "src/lib.rs")],
        (Language::Python, World::Aggregator) => &[
            template!("python/aggregator/plugin.py" => "plugin.py"),
            template!("python/aggregator/doubles.py" => "tests/doubles.py"),
            template!("python/aggregator/test_plugin.py" => "tests/test_plugin.py"),
        ],
        (Language::Javascript, World::Aggregator) => &[
            template!("javascript/aggregator/plugin.js" => "plugin.js"),
            template!("javascript/aggregator/mean-delta.js" => "mean-delta.js"),
            template!("javascript/aggregator/tensors.js" => "test/doubles/tensors.js"),
            template!("javascript/aggregator/updates.js" => "test/doubles/updates.js"),
            template!("javascript/aggregator/plugin.test.js" => "test/plugin.test.js"),
        ],
        (Language::C, World::Aggregator) => &[
            template!("c/aggregator/plugin.c" => "src/plugin.c"),
            template!("c/aggregator/mean_delta.c" => "src/mean_delta.c"),
            template!("c/aggregator/mean_delta.h" => "src/mean_delta.h"),
            template!("c/aggregator/double.c" => "test/double.c"),
            template!("c/aggregator/double.h" => "test/double.h"),
            template!("c/aggregator/test.c" => "test/test.c"),
        ],
        _ => &[],
    }
}

macro_rules! wit {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../../../../../wit/", $name)))),*]
    };
}

/// The package `fedwit:plugin`, whole: the worlds share most of it.
pub(super) const WIT: &[(&str, &str)] = wit![
    "aggregator.wit",
    "blobs.wit",
    "client-selector.wit",
    "load-balancer.wit",
    "log.wit",
    "secrets.wit",
    "storage-adapter.wit",
    "tensors.wit",
    "types.wit",
    "updates.wit",
    "world.wit"
];
