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
            template!("python/project/config.py" => "config.py"),
            template!("python/project/requirements.txt" => "requirements.txt"),
            template!("python/project/gitignore" => ".gitignore"),
        ],
        Language::Javascript => &[
            template!("javascript/project/README.md" => "README.md"),
            template!("javascript/project/package.json" => "package.json"),
            template!("javascript/project/package-lock.json" => "package-lock.json"),
            template!("javascript/project/gitignore" => ".gitignore"),
            template!("javascript/project/errors.js" => "errors.js"),
            template!("javascript/project/config.js" => "config.js"),
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

/// What the plugins of a world have of their own.
pub(super) fn own(language: Language, world: World) -> &'static [Template] {
    match language {
        Language::Rust => rust(world),
        Language::Python => python(world),
        Language::Javascript => javascript(world),
        Language::C => c(world),
    }
}

fn rust(world: World) -> &'static [Template] {
    match world {
        World::Aggregator => &[template!("rust/aggregator/lib.rs" => "src/lib.rs")],
        World::ClientSelector => &[template!("rust/client-selector/lib.rs" => "src/lib.rs")],
        World::LoadBalancer => &[template!("rust/load-balancer/lib.rs" => "src/lib.rs")],
        World::StorageAdapter => &[
            template!("rust/storage-adapter/lib.rs" => "src/lib.rs"),
            template!("rust/storage-adapter/checksum.rs" => "src/checksum.rs"),
        ],
    }
}

fn python(world: World) -> &'static [Template] {
    match world {
        World::Aggregator => &[
            template!("python/aggregator/plugin.py" => "plugin.py"),
            template!("python/aggregator/doubles.py" => "tests/doubles.py"),
            template!("python/aggregator/test_plugin.py" => "tests/test_plugin.py"),
        ],
        World::ClientSelector => &[
            template!("python/client-selector/plugin.py" => "plugin.py"),
            template!("python/client-selector/doubles.py" => "tests/doubles.py"),
            template!("python/client-selector/test_plugin.py" => "tests/test_plugin.py"),
        ],
        World::LoadBalancer => &[
            template!("python/load-balancer/plugin.py" => "plugin.py"),
            template!("python/load-balancer/doubles.py" => "tests/doubles.py"),
            template!("python/load-balancer/test_plugin.py" => "tests/test_plugin.py"),
        ],
        World::StorageAdapter => &[
            template!("python/storage-adapter/plugin.py" => "plugin.py"),
            template!("python/storage-adapter/doubles.py" => "tests/doubles.py"),
            template!("python/storage-adapter/test_plugin.py" => "tests/test_plugin.py"),
        ],
    }
}

fn javascript(world: World) -> &'static [Template] {
    match world {
        World::Aggregator => &[
            template!("javascript/aggregator/plugin.js" => "plugin.js"),
            template!("javascript/aggregator/mean-delta.js" => "mean-delta.js"),
            template!("javascript/aggregator/tensors.js" => "test/doubles/tensors.js"),
            template!("javascript/aggregator/updates.js" => "test/doubles/updates.js"),
            template!("javascript/aggregator/plugin.test.js" => "test/plugin.test.js"),
        ],
        World::ClientSelector => &[
            template!("javascript/client-selector/plugin.js" => "plugin.js"),
            template!("javascript/client-selector/plugin.test.js" => "test/plugin.test.js"),
        ],
        World::LoadBalancer => &[
            template!("javascript/load-balancer/plugin.js" => "plugin.js"),
            template!("javascript/load-balancer/plugin.test.js" => "test/plugin.test.js"),
        ],
        World::StorageAdapter => &[
            template!("javascript/storage-adapter/plugin.js" => "plugin.js"),
            template!("javascript/storage-adapter/checksum.js" => "checksum.js"),
            template!("javascript/storage-adapter/blobs.js" => "test/doubles/blobs.js"),
            template!("javascript/storage-adapter/plugin.test.js" => "test/plugin.test.js"),
        ],
    }
}

fn c(world: World) -> &'static [Template] {
    match world {
        World::Aggregator => &[
            template!("c/aggregator/plugin.c" => "src/plugin.c"),
            template!("c/aggregator/mean_delta.c" => "src/mean_delta.c"),
            template!("c/aggregator/mean_delta.h" => "src/mean_delta.h"),
            template!("c/aggregator/double.c" => "test/double.c"),
            template!("c/aggregator/double.h" => "test/double.h"),
            template!("c/aggregator/test.c" => "test/test.c"),
        ],
        World::ClientSelector => &[
            template!("c/client-selector/plugin.c" => "src/plugin.c"),
            template!("c/client-selector/double.c" => "test/double.c"),
            template!("c/client-selector/test.c" => "test/test.c"),
        ],
        World::LoadBalancer => &[
            template!("c/load-balancer/plugin.c" => "src/plugin.c"),
            template!("c/load-balancer/double.c" => "test/double.c"),
            template!("c/load-balancer/test.c" => "test/test.c"),
        ],
        World::StorageAdapter => &[
            template!("c/storage-adapter/plugin.c" => "src/plugin.c"),
            template!("c/storage-adapter/checksum.c" => "src/checksum.c"),
            template!("c/storage-adapter/checksum.h" => "src/checksum.h"),
            template!("c/storage-adapter/double.c" => "test/double.c"),
            template!("c/storage-adapter/double.h" => "test/double.h"),
            template!("c/storage-adapter/test.c" => "test/test.c"),
        ],
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
