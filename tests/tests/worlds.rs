//! Client selectors, load balancers and storage adapters, written by hand: what they answer is used, or refused.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use fedwit_runtime::{
    Blob, BlobStore, Candidate, ClientInfo, Combiner, Fault, Grants, Limit, Limits, Participation, Permission,
    Placement, Plugin, PluginError, Selected, Selection, Storage, StorageError, World,
};
use fedwit_tensor::DType;
use fedwit_tests::{Handmade, model, round, runtime};

fn load(component: &Handmade) -> Plugin {
    load_with(component, Limits::default())
}

fn load_with(component: &Handmade, limits: Limits) -> Plugin {
    runtime(limits).load("handmade", &component.build()).unwrap()
}

fn selection() -> Selection {
    let config = "{}".to_owned();
    Selection { config, round: 1, attempt: 1, seed: 0, clients_requested: 2, clients_required: 1 }
}

fn candidates() -> Vec<Candidate> {
    let candidate = |client: &str| Candidate {
        client: client.to_owned(),
        attributes: vec![("region".to_owned(), "north".to_owned())],
        history: Participation { asked: 3, mean_duration_ms: Some(1.5), ..Participation::default() },
    };
    ["a", "b"].map(candidate).to_vec()
}

/// A selector that chooses `count` of the clients that lie from address 64 on: their ids, then their settings.
fn choosing(count: u32, clients: &[(&str, &str)]) -> Handmade {
    let mut texts = String::new();
    let mut words = Vec::new();
    let mut place = 1024;
    for text in clients.iter().flat_map(|(client, settings)| [client, settings]) {
        words.extend([place, text.len()]);
        place += text.len();
        texts.push_str(&text.replace('"', "\\22"));
    }
    let words: String = words
        .iter()
        .flat_map(|word| u32::try_from(*word).unwrap().to_le_bytes())
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let data = format!(
        "(data (i32.const 64) \"{words}\") (data (i32.const 1024) \"{texts}\")
        (data (i32.const 0) \"\\00\\00\\00\\00\\40\\00\\00\\00\\{count:02x}\\00\\00\\00\")"
    );
    Handmade::new("client-selector").with_fields("", &data).with("select", "(i32.const 0)")
}

fn select(component: &Handmade) -> Result<Vec<Selected>, PluginError> {
    load(component).select(selection(), candidates())
}

#[test]
fn a_selector_chooses_among_the_candidates() {
    let selected = select(&choosing(2, &[("b", r#"{"epochs": 3}"#), ("a", "")])).unwrap();
    let shown: Vec<_> = selected.iter().map(|one| (one.client.as_str(), one.settings.len())).collect();
    assert_eq!(shown, [("b", 1), ("a", 0)]);
    assert_eq!(selected[0].settings["epochs"], 3);
    assert!(select(&choosing(0, &[])).unwrap().is_empty());
}

#[test]
fn a_choice_that_cannot_be_asked_is_refused_by_name() {
    for (clients, named) in [
        (&[("c", "")][..], "\"c\""),
        (&[("a", ""), ("a", "")], "\"a\""),
        (&[("a", "[1]")], "settings"),
        (&[("a", "{")], "settings"),
    ] {
        let error = select(&choosing(u32::try_from(clients.len()).unwrap(), clients)).unwrap_err();
        assert!(matches!(&error.fault, Fault::Answer(why) if why.contains(named)), "{error}");
        assert_eq!((error.plugin.as_str(), error.function), ("handmade", "select"));
    }
}

#[test]
fn settings_of_one_client_are_bounded() {
    let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(20_000));
    assert!(select(&choosing(1, &[("a", &long)])).is_ok());
    // One byte more than is allowed, in memory that is new and holds zeros.
    let many = choosing(1, &[("a", "{}")])
        .with_fields("", r#"(data (i32.const 72) "\00\00\02\00\01\00\01\00")"#)
        .with("select", "(drop (memory.grow (i32.const 4))) (i32.const 0)");
    let error = select(&many).unwrap_err();
    assert!(matches!(&error.fault, Fault::Answer(why) if why.contains("65537")), "{error}");
}

#[test]
fn a_list_without_measure_is_refused() {
    let endless = choosing(0, &[]).with_fields("", r#"(data (i32.const 8) "\ff\ff\ff\0f")"#);
    let error = select(&endless).unwrap_err();
    assert!(matches!(error.fault, Fault::Trap(_) | Fault::Limit(Limit::HostCallBytes { .. })), "{error}");
}

#[test]
fn a_selector_that_breaks_is_an_error_and_the_next_question_a_new_instance() {
    let plugin = load(&Handmade::new("client-selector"));
    for _ in 0..2 {
        let error = plugin.select(selection(), candidates()).unwrap_err();
        assert!(matches!(error.fault, Fault::Trap(_)), "{error}");
    }
    let metrics = plugin.metrics();
    assert_eq!((metrics.calls, metrics.traps), (2, 2));
    assert!(metrics.peak_memory_bytes >= 128 << 10, "{metrics:?}");
}

fn place(component: &Handmade) -> Result<String, PluginError> {
    let client = ClientInfo { id: "1".to_owned(), name: "a".to_owned(), attributes: Vec::new(), preferred: None };
    let combiner = |name: &str| Combiner { name: name.to_owned(), clients: 0, capacity: Some(3) };
    let combiners = ["north", "south"].map(combiner).to_vec();
    load(component).place(Placement { config: String::new(), client, combiners })
}

fn placing(name: &str) -> Handmade {
    let data = format!(
        r#"(data (i32.const 0) "\00\00\00\00\40\00\00\00\{:02x}\00\00\00") (data (i32.const 64) "{name}")"#,
        name.len()
    );
    Handmade::new("load-balancer").with_fields("", &data).with("place", "(i32.const 0)")
}

#[test]
fn a_balancer_names_one_of_the_combiners() {
    assert_eq!(place(&placing("south")).unwrap(), "south");
    let error = place(&placing("west")).unwrap_err();
    assert!(matches!(&error.fault, Fault::Answer(why) if why.contains("west")), "{error}");
    assert!(matches!(place(&Handmade::new("load-balancer")).unwrap_err().fault, Fault::Trap(_)));
}

#[test]
fn a_configuration_can_be_looked_at_before() {
    let taken = placing("south").with("check", "(i32.const 16)");
    load(&taken).check("{}").unwrap();
    let refused = "(data (i32.const 16) \"\\01\\00\\00\\00\\00\\00\\00\\00\\40\\00\\00\\00\\05\\00\\00\\00\")";
    let error = load(&taken.with_fields("", refused)).check("{}").unwrap_err();
    assert!(matches!(&error.fault, Fault::InvalidConfig(why) if why == "south"), "{error}");
    let error = load(&placing("south")).check("[]").unwrap_err();
    assert!(matches!(error.fault, Fault::InvalidConfig(_)), "{error}");
}

#[test]
fn a_plugin_is_used_for_what_it_is() {
    let balancer = load(&placing("south"));
    assert_eq!((balancer.world(), balancer.mergeable()), (World::LoadBalancer, false));
    let error = balancer.select(selection(), candidates()).unwrap_err();
    assert!(error.to_string().contains("is a load-balancer, and no client-selector"), "{error}");
    let begun = balancer.begin(round(&model(DType::F32, &[0.0]), "{}"));
    assert_eq!(begun.err().unwrap().fault.code(), "PLUGIN_WORLD");
}

#[test]
fn each_world_has_imports_of_its_own() {
    let spying = Handmade::new("load-balancer")
        .importing("fedwit:plugin/blobs@0.1.0", "package test:none;")
        .with_fields(r#"(import "fedwit:plugin/blobs@0.1.0" "store-remove" (func (param i32 i32 i32)))"#, "");
    let error = runtime(Limits::default()).load("handmade", &spying.build()).unwrap_err();
    assert_eq!(error.code(), "PLUGIN_IMPORT", "{error}");
    assert!(error.to_string().contains("blobs"), "{error}");
}

#[test]
fn a_plugin_that_cannot_say_what_it_is_is_refused() {
    for world in ["aggregator", "client-selector", "load-balancer", "storage-adapter"] {
        let mute = Handmade::new(world).with("describe", "unreachable").build();
        let error = runtime(Limits::default()).load("mute", &mute).unwrap_err();
        assert_eq!(error.code(), "PLUGIN_TRAP", "{world}: {error}");
        assert!(error.to_string().contains("plugin `mute`") && error.to_string().contains("`describe`"), "{error}");
    }
    let torn = Handmade::new("aggregator").with("mergeable", "unreachable").build();
    let error = runtime(Limits::default()).load("torn", &torn).unwrap_err();
    assert!(error.code() == "PLUGIN_TRAP" && error.to_string().contains("`mergeable`"), "{error}");
}

/// Blobs in memory, for a test.
#[derive(Default)]
struct Memory {
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
}

struct InMemory(Vec<u8>);

impl Blob for InMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, first: u64, buffer: &mut [u8]) -> io::Result<()> {
        let first = usize::try_from(first).map_err(io::Error::other)?;
        let bytes = self.0.get(first..first + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl BlobStore for Memory {
    fn put(&self, key: &str, blob: &Arc<dyn Blob>) -> io::Result<()> {
        self.blobs.lock().unwrap().insert(key.to_owned(), bytes(blob.as_ref()));
        Ok(())
    }

    fn get(&self, key: &str) -> io::Result<Option<Arc<dyn Blob>>> {
        let found = self.blobs.lock().unwrap().get(key).cloned();
        Ok(found.map(|bytes| Arc::new(InMemory(bytes)) as Arc<dyn Blob>))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.blobs.lock().unwrap().remove(key);
        Ok(())
    }

    fn keys(&self, prefix: &str, after: Option<&str>, most: usize) -> io::Result<Vec<String>> {
        let blobs = self.blobs.lock().unwrap();
        let wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        Ok(blobs.keys().filter(wanted).take(most).cloned().collect())
    }
}

fn bytes(blob: &dyn Blob) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(blob.size()).unwrap()];
    blob.read(0, &mut bytes).unwrap();
    bytes
}

fn blob(bytes: &[u8]) -> Arc<dyn Blob> {
    Arc::new(InMemory(bytes.to_vec()))
}

const BLOBS: &str = r#"
    (import "fedwit:plugin/blobs@0.1.0" "[constructor]blob-writer" (func $writer (result i32)))
    (import "fedwit:plugin/blobs@0.1.0" "[method]blob-writer.append" (func $append (param i32 i32 i64 i64 i32)))
    (import "fedwit:plugin/blobs@0.1.0" "[static]blob-writer.finish" (func $finish (param i32 i32)))
    (import "fedwit:plugin/blobs@0.1.0" "[method]blob.size" (func $size (param i32) (result i64)))
    (import "fedwit:plugin/blobs@0.1.0" "[resource-drop]blob" (func $drop (param i32)))
    (import "fedwit:plugin/blobs@0.1.0" "store-put" (func $put (param i32 i32 i32 i32)))
    (import "fedwit:plugin/blobs@0.1.0" "store-get" (func $get (param i32 i32 i32)))
    (import "fedwit:plugin/blobs@0.1.0" "store-remove" (func $remove (param i32 i32 i32)))
    (import "fedwit:plugin/blobs@0.1.0" "store-keys" (func $keys (param i32 i32 i32 i32 i32 i32 i32)))
"#;

/// An adapter that keeps every blob as it is, under the key that it is given, and `get`s it from there. Its answers are
/// those of the host's functions, which have the same types.
fn passing_on() -> Handmade {
    Handmade::new("storage-adapter")
        .with_fields(BLOBS, "")
        .with("open", "(i32.const 0)")
        .with(
            "put",
            "(call $put (local.get 0) (local.get 1) (local.get 2) (i32.const 128)) (call $drop (local.get 2)) (i32.const 128)",
        )
        .with("get", "(call $get (local.get 0) (local.get 1) (i32.const 128)) (i32.const 128)")
        .with("remove", "(call $remove (local.get 0) (local.get 1) (i32.const 128)) (i32.const 128)")
        .with(
            "keys",
            "(call $keys (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)
                (i32.const 128)) (i32.const 128)",
        )
        .wants(1, "kept/")
}

fn open_in(component: &Handmade, store: &Arc<Memory>, limits: Limits, scratch: &Path) -> Storage {
    let grants = Grants::default().with(Permission::StoragePrefix("kept/".to_owned()));
    let plugin = load_with(component, limits).granted(&grants).unwrap();
    plugin.open_storage("{}", Arc::clone(store) as Arc<dyn BlobStore>, scratch).unwrap()
}

fn open(component: &Handmade, store: &Arc<Memory>) -> Storage {
    open_in(component, store, Limits::default(), &std::env::temp_dir())
}

#[test]
fn an_adapter_keeps_finds_lists_and_removes_blobs() {
    let store = Arc::new(Memory::default());
    let mut storage = open(&passing_on(), &store);
    for (key, content) in [("kept/a", "1"), ("kept/b/c", "22"), ("kept/b/d", "")] {
        storage.put(key, blob(content.as_bytes())).unwrap();
        assert_eq!(bytes(storage.get(key).unwrap().unwrap().as_ref()), content.as_bytes());
    }
    assert!(storage.get("kept/none").unwrap().is_none());
    assert_eq!(storage.keys("kept/", None, 2).unwrap(), ["kept/a", "kept/b/c"]);
    assert_eq!(storage.keys("kept/b/", Some("kept/b/c"), 10).unwrap(), ["kept/b/d"]);
    storage.remove("kept/a").unwrap();
    storage.remove("kept/a").unwrap();
    assert!(storage.get("kept/a").unwrap().is_none());
    // A new instance finds what the old one kept.
    assert_eq!(open(&passing_on(), &store).keys("kept/", None, 10).unwrap().len(), 2);
}

#[test]
fn an_adapter_stays_under_its_prefix() {
    let store = Arc::new(Memory::default());
    store.blobs.lock().unwrap().insert("other/secret".to_owned(), b"1".to_vec());
    for key in ["other/secret", "keptx"] {
        let error = open(&passing_on(), &store).get(key).err().unwrap();
        assert!(error.to_string().contains("granted"), "{error}");
    }
    let error = open(&passing_on(), &store).keys("other/", None, 10).unwrap_err();
    assert!(error.to_string().contains("granted"), "{error}");
    assert!(open(&passing_on(), &store).put("other/new", blob(b"2")).is_err());
    assert_eq!(store.blobs.lock().unwrap().len(), 1);
}

#[test]
fn keys_that_are_none_never_reach_the_adapter() {
    let mut storage = open(&passing_on(), &Arc::default());
    for key in ["", "/", "kept/../other", "kept/", "a b", "kept//a", "kept/\0", &"a".repeat(257)] {
        assert!(matches!(storage.get(key), Err(StorageError::Key(_))), "{key:?}");
    }
    assert!(storage.get("kept/a").unwrap().is_none(), "it is open still");
}

/// Keeps a blob twice over.
fn doubling() -> Handmade {
    passing_on().with(
        "put",
        "(local $writer i32)
        (local.set $writer (call $writer))
        (call $append (local.get $writer) (local.get 2) (i64.const 0) (call $size (local.get 2)) (i32.const 160))
        (call $append (local.get $writer) (local.get 2) (i64.const 0) (call $size (local.get 2)) (i32.const 160))
        (call $finish (local.get $writer) (i32.const 160))
        (call $put (local.get 0) (local.get 1) (i32.load (i32.const 164)) (i32.const 128))
        (call $drop (i32.load (i32.const 164)))
        (call $drop (local.get 2))
        (i32.const 128)",
    )
}

#[test]
fn what_an_adapter_writes_is_spooled_and_gone_afterwards() {
    let (store, scratch) = (Arc::new(Memory::default()), tempfile::tempdir().unwrap());
    let mut storage = open_in(&doubling(), &store, Limits::default(), scratch.path());
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    storage.put("kept/a", blob(&content)).unwrap();
    storage.put("kept/b", blob(b"")).unwrap();
    assert!(store.blobs.lock().unwrap()["kept/a"] == [content.clone(), content].concat());
    assert!(store.blobs.lock().unwrap()["kept/b"].is_empty());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn what_an_adapter_writes_is_bounded() {
    let limits = Limits { blob_bytes: 1000, ..Limits::default() };
    let mut storage = open_in(&doubling(), &Arc::default(), limits, &std::env::temp_dir());
    storage.put("kept/a", blob(&[0; 500])).unwrap();
    let error = storage.put("kept/a", blob(&[0; 501])).unwrap_err();
    assert!(
        matches!(&error, StorageError::Plugin(error) if matches!(error.fault, Fault::Limit(Limit::BlobBytes { .. }))),
        "{error}"
    );
    assert!(matches!(storage.get("kept/a"), Err(StorageError::Plugin(error)) if matches!(error.fault, Fault::Ended)));
}

#[test]
fn pages_that_do_not_go_forward_are_refused() {
    let page = |keys: &str| {
        passing_on().with("keys", "(i32.const 256)").with_fields(
            "",
            &format!(
                r#"(data (i32.const 256) "\00\00\00\00\10\01\00\00\01\00\00\00") (data (i32.const 272)
                "\00\02\00\00\06\00\00\00") (data (i32.const 512) "{keys}")"#
            ),
        )
    };
    let keys = |keys: &str, after: Option<&str>| open(&page(keys), &Arc::default()).keys("kept/", after, 5);
    assert_eq!(keys("kept/b", Some("kept/a")).unwrap(), ["kept/b"]);
    for (answer, after) in [("kept/a", Some("kept/a")), ("kept/a", Some("kept/b")), ("othe/a", None), ("kept//", None)]
    {
        let error = keys(answer, after).unwrap_err();
        assert!(error.to_string().contains("cannot be used"), "{error}");
    }
}
