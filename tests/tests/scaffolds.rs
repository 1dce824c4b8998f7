//! What `fedwit plugin new` writes: each project is set up, built and tested by the commands of its own README, and what
//! comes of it does what a plugin of its world has to do.
//!
//! An aggregator is installed into a running server as well, and used by a session of FEDn's own clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "scaffolds/project.rs"]
mod project;
#[path = "scaffolds/served.rs"]
mod served;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fedwit_runtime::{Candidate, ClientInfo, Combiner, Fault, Limits, Participation, Placement, Plugin, Selection};
use fedwit_tensor::DType;
use fedwit_tests::{model, round, runtime, target, update, values};
use tempfile::TempDir;

use self::project::{Project, scaffold};

/// The projects of a language, one for each world. What one sets up serves the next as well.
struct Projects {
    language: &'static str,
    /// The worlds that are built; the rest are tested as they are. A component with an interpreter in it takes a minute.
    built: &'static [&'static str],
    /// What is installed, and no part of the project.
    installed: &'static str,
}

const WORLDS: [&str; 4] = ["aggregator", "client-selector", "load-balancer", "storage-adapter"];

#[test]
fn plugins_in_rust_build_by_their_readme_and_run() {
    Projects { language: "rust", built: &WORLDS, installed: "target" }.check();
}

#[test]
fn plugins_in_python_build_by_their_readme_and_run() {
    Projects { language: "python", built: &["aggregator", "storage-adapter"], installed: ".venv" }.check();
}

#[test]
fn plugins_in_javascript_build_by_their_readme_and_run() {
    Projects { language: "javascript", built: &["aggregator", "client-selector"], installed: "node_modules" }.check();
}

#[test]
fn plugins_in_c_build_by_their_readme_and_run() {
    Projects { language: "c", built: &WORLDS, installed: ".venv" }.check();
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
        for world in WORLDS {
            let name = format!("my-{world}");
            let project = Project::new(&name, world, self.language, folder.path().join(&name));
            let place = project.path(self.installed);
            match &installed {
                // Set up once: it takes as long as all the rest. It stays where it is, since programs that Python installs
                // know their place.
                Some(earlier) => std::os::unix::fs::symlink(earlier, &place).unwrap(),
                None => project.follow("Set up"),
            }
            project.follow("Test");
            if self.built.contains(&world) {
                build(&project, &name, world);
            }
            installed.get_or_insert(place);
        }
    }
}

/// Builds a project in all ways that its README knows, and sees what comes of it.
fn build(project: &Project, name: &str, world: &str) {
    project.follow("Build");
    let mut components = project.components("Build");
    let otherwise = project.components("Build otherwise");
    // For the other worlds it is the same manifest, with another name in it.
    if !otherwise.is_empty() && ["aggregator", "storage-adapter"].contains(&world) {
        project.follow("Build otherwise");
        components.extend(otherwise);
    }
    if world == "aggregator" {
        let tokio = tokio::runtime::Runtime::new().unwrap();
        tokio.block_on(served::aggregate(name, &components)).unwrap();
    }
    for component in &components {
        conforms(component);
        load(name, component, world);
    }
}

/// What `fedwit plugin check` says of it.
fn conforms(component: &Path) {
    let mut fedwit = Command::new(target::fedwit().unwrap());
    fedwit.args(["plugin", "check"]).arg(component).arg("--plugin-cache").arg(target::plugin_cache());
    let output = fedwit.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{}: {printed}", component.display());
    // The adapters of the scaffolds detect what was changed behind their back.
    assert!(!printed.contains("\nnoted"), "{}: {printed}", component.display());
}

fn load(name: &str, component: &Path, world: &str) {
    let plugin = runtime(Limits::default()).load(name, &fs::read(component).unwrap()).unwrap();
    assert_eq!((plugin.name(), plugin.version()), (name, "0.1.0"));
    match world {
        "aggregator" => aggregates(&plugin),
        "client-selector" => selects(&plugin),
        "load-balancer" => balances(&plugin),
        // What an adapter has to do is all that these do.
        "storage-adapter" => assert!(plugin.permissions()[0].to_string().ends_with(&format!("{name}/"))),
        other => panic!("nothing is known of the world `{other}`"),
    }
}

/// Asks the one that was asked least often, and the unreliable one last.
fn selects(plugin: &Plugin) {
    let candidate = |client: &str, asked, given_up| Candidate {
        client: client.to_owned(),
        attributes: Vec::new(),
        history: Participation { asked, given_up, ..Participation::default() },
    };
    let selected = |config: &str, clients_requested| -> Vec<String> {
        let (config, round, attempt, seed) = (config.to_owned(), 1, 1, 0);
        let selection = Selection { config, round, attempt, seed, clients_requested, clients_required: 1 };
        let candidates = vec![candidate("a", 0, 2), candidate("b", 3, 0), candidate("c", 1, 1)];
        plugin.select(selection, candidates).unwrap().into_iter().map(|one| one.client).collect()
    };
    assert_eq!(selected(r#"{"patience": 1}"#, 2), ["c", "b"]);
    assert_eq!(selected("{}", 1), ["a"]);
    let refused = plugin.check(r#"{"patience": -1}"#).unwrap_err();
    assert!(matches!(&refused.fault, Fault::InvalidConfig(why) if why.contains("patience")), "{refused}");
}

/// Grants a wish unless another has far less to do.
fn balances(plugin: &Plugin) {
    let combiner = |name: &str, clients| Combiner { name: name.to_owned(), clients, capacity: None };
    let placed = |config: &str, preferred: &str| {
        let (id, name, preferred) = ("1".to_owned(), "one".to_owned(), Some(preferred.to_owned()));
        let client = ClientInfo { id, name, attributes: Vec::new(), preferred };
        let combiners = vec![combiner("a", 5), combiner("b", 2)];
        plugin.place(Placement { config: config.to_owned(), client, combiners }).unwrap()
    };
    assert_eq!((placed("{}", "a"), placed("{}", "c")), ("a".to_owned(), "b".to_owned()));
    assert_eq!(placed(r#"{"tolerance": 2}"#, "a"), "b");
    let refused = plugin.check(r#"{"tolerance": "much"}"#).unwrap_err();
    assert!(matches!(&refused.fault, Fault::InvalidConfig(why) if why.contains("tolerance")), "{refused}");
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
