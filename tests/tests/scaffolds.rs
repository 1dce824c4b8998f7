//! What `fedwit plugin new` writes: each project is set up, built and tested by the commands of its own README, and what
//! comes of it does what a plugin of its world has to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fedwit_runtime::{Fault, Limits, Plugin};
use fedwit_tensor::DType;
use fedwit_tests::{model, round, runtime, target, update, values};
use tempfile::TempDir;

/// A project, and the worlds that there are templates for in its language. What one sets up serves the next as well.
struct Projects {
    language: &'static str,
    worlds: &'static [&'static str],
    /// What is installed, and no part of the project.
    installed: &'static str,
}

#[test]
fn plugins_in_rust_build_by_their_readme_and_run() {
    Projects { language: "rust", worlds: &["aggregator"], installed: "target" }.check();
}

#[test]
fn plugins_in_python_build_by_their_readme_and_run() {
    Projects { language: "python", worlds: &["aggregator"], installed: ".venv" }.check();
}

#[test]
fn plugins_in_javascript_build_by_their_readme_and_run() {
    Projects { language: "javascript", worlds: &["aggregator"], installed: "node_modules" }.check();
}

#[test]
fn plugins_in_c_build_by_their_readme_and_run() {
    Projects { language: "c", worlds: &["aggregator"], installed: ".venv" }.check();
}

#[test]
fn nothing_is_written_where_something_is() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("precious"), "work of years").unwrap();
    let refused = scaffold("mean", "aggregator", "c", folder.path()).unwrap_err();
    assert!(refused.contains("not empty"), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = folder.path().join("precious");
    let refused = scaffold("mean", "aggregator", "c", &file).unwrap_err();
    assert!(refused.contains("precious"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), b"work of years");

    // An empty folder is as good as none, even the one that one is in, and so is one whose parents are not there.
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let arguments = ["plugin", "new", "mean", "--world", "aggregator", "--lang", "c", "--path", "."];
    let made = Command::new(target::fedwit().unwrap()).args(arguments).current_dir(&empty).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let written: Vec<_> = fs::read_dir(&empty).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(empty.join("Makefile").is_file() && written.len() == 7, "{written:?}");
    scaffold("mean", "aggregator", "c", &folder.path().join("some/where")).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn a_name_that_is_none_in_some_language_is_refused() {
    let folder = TempDir::new().unwrap();
    for name in ["Mean", "../mean", "a_b", "1st", "mean-"] {
        let refused = scaffold(name, "aggregator", "c", &folder.path().join("project")).unwrap_err();
        assert!(refused.contains("lower-case"), "{name}: {refused}");
    }
    let refused = scaffold("serde", "aggregator", "rust", &folder.path().join("project")).unwrap_err();
    assert!(refused.contains("`serde`"), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

impl Projects {
    fn check(&self) {
        let folder = TempDir::new().unwrap();
        let mut installed: Option<PathBuf> = None;
        for world in self.worlds {
            let name = format!("my-{world}");
            let project = folder.path().join(&name);
            scaffold(&name, world, self.language, &project).unwrap();
            let readme = fs::read_to_string(project.join("README.md")).unwrap();
            let place = project.join(self.installed);
            match &installed {
                // Set up once: it takes as long as all the rest.
                Some(earlier) => fs::rename(earlier, &place).unwrap(),
                None => run(&project, &commands(&readme, "Set up")),
            }
            run(&project, &commands(&readme, "Build"));
            run(&project, &commands(&readme, "Test"));
            load(&name, &component(&project, &readme), world);
            if readme.contains("\n## Build otherwise\n") {
                run(&project, &commands(&readme, "Build otherwise"));
            }
            installed = Some(place);
        }
    }
}

/// Writes a project. The error is what was printed.
fn scaffold(name: &str, world: &str, language: &str, folder: &Path) -> Result<(), String> {
    let mut fedwit = Command::new(target::fedwit().unwrap());
    fedwit.args(["plugin", "new", name, "--world", world, "--lang", language, "--path"]).arg(folder);
    if language == "rust" {
        fedwit.arg("--sdk").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/plugin"));
    }
    let output = fedwit.output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// The commands of a section: what stands behind `$ ` in it.
fn commands(readme: &str, section: &str) -> Vec<String> {
    let (_, rest) = readme.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section `{section}`"));
    let section_text = rest.split("\n## ").next().unwrap();
    let commands: Vec<_> = section_text.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect();
    assert!(!commands.is_empty(), "no command in `{section}`");
    commands
}

/// Runs commands as an author does, in the project's folder.
fn run(project: &Path, commands: &[String]) {
    for command in commands {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(project).env("PATH", target::path().unwrap());
        // Kept between runs, like the compilers' own caches.
        shell.env("ZIG_GLOBAL_CACHE_DIR", target::folder().join("examples/zig-cache"));
        // What cargo says to its tests is not meant for a project of its own.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO") && name != "CARGO_HOME") {
            shell.env_remove(name);
        }
        let output = shell.output().unwrap();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "`{command}` in {}: {printed}", project.display());
    }
}

/// The component that the README says is written by its build.
fn component(project: &Path, readme: &str) -> PathBuf {
    let (_, build) = readme.split_once("\n## Build\n").unwrap();
    let file = build.split('`').find(|text| Path::new(text).extension().is_some_and(|ending| ending == "wasm"));
    project.join(file.expect("a component is named"))
}

fn load(name: &str, component: &Path, world: &str) {
    let plugin = runtime(Limits::default()).load(name, &fs::read(component).unwrap()).unwrap();
    assert_eq!((plugin.name(), plugin.version()), (name, "0.1.0"));
    match world {
        "aggregator" => aggregates(&plugin),
        other => panic!("nothing is known of the world `{other}`"),
    }
}

/// Goes half of the way to a mean by examples, in shares.
fn aggregates(plugin: &Plugin) {
    let global = model(DType::F32, &[1.0, 2.0]);
    let begin = || plugin.begin(round(&global, r#"{"learning_rate": 0.5}"#)).unwrap();
    let mut share = begin();
    share.add(update("a", 30, &model(DType::F32, &[5.0, 2.0]), &global)).unwrap();
    let mut whole = begin();
    whole.add(update("b", 10, &model(DType::F32, &[1.0, 10.0]), &global)).unwrap();
    whole.merge(share.partial().unwrap()).unwrap();
    assert_eq!(values(&whole.finish().unwrap().model), [2.5, 3.0]);

    let refused = plugin.begin(round(&global, r#"{"learning_rate": 0}"#)).map(drop).unwrap_err();
    assert!(matches!(refused.fault, Fault::InvalidConfig(_)), "{refused}");
}
