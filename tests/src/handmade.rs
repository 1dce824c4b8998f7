//! Components written by hand, in WebAssembly's text format: for what a plugin of another language than Rust might do,
//! and for what no compiler would let through.
//!
//! A function that is not given traps. What is returned lies in the module's memory, laid out as the component model's
//! canonical ABI says.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Memory that grows as the host asks for it, and nothing is ever freed. What a module lays out for itself lies below
/// 64 KiB.
const MEMORY: &str = r#"
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
        (local $place i32)
        (local.set $place (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
        (global.set $next (i32.add (local.get $place) (local.get $size)))
        (block $room
            (br_if $room (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
            (br_if $room (i32.ne (i32.const -1) (memory.grow
                (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536))))))
            unreachable)
        (local.get $place))
"#;

/// What each world's interface has besides `describe`, and the core types that its functions come down to.
const FUNCTIONS: [(&str, &[(&str, &str)]); 4] = [
    (
        "aggregator",
        &[
            ("mergeable", "(result i32)"),
            ("begin", "(param i32 i32 i64 i64 i32 i32 i32 i32 i32 i32) (result i32)"),
            ("add", "(param i32) (result i32)"),
            ("partial", "(result i32)"),
            ("merge", "(param i32 i32 i32 i32 f64 i64) (result i32)"),
            ("finish", "(result i32)"),
        ],
    ),
    (
        "client-selector",
        &[
            ("check", "(param i32 i32) (result i32)"),
            ("select", "(param i32 i32 i64 i32 i64 i32 i32 i32 i32) (result i32)"),
        ],
    ),
    (
        "load-balancer",
        &[
            ("check", "(param i32 i32) (result i32)"),
            ("place", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)"),
        ],
    ),
    (
        "storage-adapter",
        &[
            ("open", "(param i32 i32) (result i32)"),
            ("put", "(param i32 i32 i32) (result i32)"),
            ("get", "(param i32 i32) (result i32)"),
            ("remove", "(param i32 i32) (result i32)"),
            ("keys", "(param i32 i32 i32 i32 i32 i32) (result i32)"),
        ],
    ),
];

/// A component in the making.
#[derive(Clone, Debug)]
pub struct Handmade {
    world: &'static str,
    schema: String,
    permissions: Vec<(u8, String)>,
    bodies: Vec<(&'static str, String)>,
    fields: String,
    /// Interfaces from elsewhere, and the packages that declare them.
    packages: Vec<(String, String)>,
    imports: String,
}

impl Handmade {
    /// A plugin `handmade` of a world, such as `aggregator`, that takes any configuration and wants nothing.
    #[must_use]
    pub fn new(world: &'static str) -> Self {
        Self {
            world,
            schema: "{}".to_owned(),
            permissions: Vec::new(),
            bodies: Vec::new(),
            fields: String::new(),
            packages: Vec::new(),
            imports: String::new(),
        }
    }

    /// What a function does instead of trapping, or instead of what it was given before: the instructions of its body.
    #[must_use]
    pub fn with(mut self, function: &'static str, body: &str) -> Self {
        self.bodies.push((function, body.to_owned()));
        self
    }

    /// The JSON Schema of its configuration.
    #[must_use]
    pub fn with_schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.schema);
        self
    }

    /// Wants to be granted the permission with this number in `types.wit`, with its text if it has one.
    #[must_use]
    pub fn wants(mut self, number: u8, text: &str) -> Self {
        self.permissions.push((number, text.to_owned()));
        self
    }

    /// More of the module: imports come first, then functions and data, below address 32,768.
    #[must_use]
    pub fn with_fields(mut self, imports: &str, fields: &str) -> Self {
        self.imports.push_str(imports);
        self.fields.push_str(fields);
        self
    }

    /// Imports an interface that is declared in `package`.
    #[must_use]
    pub fn importing(mut self, interface: &str, package: &str) -> Self {
        self.packages.push((interface.to_owned(), package.to_owned()));
        self
    }

    /// The component.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut wit = Resolve::default();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        wit.push_dir(folder).expect("the WIT package");
        let mut imports = String::new();
        for (interface, package) in &self.packages {
            imports.push_str(&format!("import {interface};"));
            wit.push_str("system.wit", package).expect("the text of a package");
        }
        let world = self.world;
        let own = format!(
            "package test:handmade; world handmade {{ include fedwit:plugin/{world}-plugin@0.1.0; {imports} }}"
        );
        let package = wit.push_str("handmade.wit", &own).expect("the text of a world");
        let world = wit.select_world(&[package], Some("handmade")).expect("the world");
        let mut module = wat::parse_str(self.text()).expect("a module");
        embed_component_metadata(&mut module, &wit, world, StringEncoding::UTF8, false).expect("a world's module");
        let component = ComponentEncoder::default().validate(true).module(&module).and_then(ComponentEncoder::encode);
        component.expect("a component")
    }

    fn text(&self) -> String {
        let interface = format!("fedwit:plugin/{}@0.1.0", self.world);
        let mut functions = String::new();
        let describe = [("describe", "(result i32)")];
        let (_, others) = FUNCTIONS.iter().find(|(world, _)| *world == self.world).expect("a world");
        for (name, kind) in describe.iter().chain(*others) {
            let given = self.bodies.iter().rfind(|(given, _)| given == name).map(|(_, body)| body.as_str());
            let own = match *name {
                "describe" => "(i32.const 32768)",
                "mergeable" => "(i32.const 1)",
                _ => "unreachable",
            };
            functions.push_str(&format!("(func (export \"{interface}#{name}\") {kind} {})\n", given.unwrap_or(own)));
        }
        let (imports, fields, description) = (&self.imports, &self.fields, self.description());
        format!("(module {imports} {MEMORY} {functions} {fields} {description})")
    }

    /// The record that `describe` returns, at address 32,768, and its texts after it.
    fn description(&self) -> String {
        const PLACE: usize = 32_768;
        const PERMISSION: usize = 12;
        let mut record = Vec::new();
        let permissions_place = PLACE + 40;
        let mut texts_place = permissions_place + PERMISSION * self.permissions.len();
        let mut texts = Vec::new();
        let mut text = |text: &str| {
            let place = texts_place;
            texts_place += text.len();
            texts.extend_from_slice(text.as_bytes());
            [place, text.len()]
        };
        let mut words = Vec::new();
        for part in ["handmade", "1.0.0", "Made by hand.", &self.schema] {
            words.extend(text(part));
        }
        words.extend([permissions_place, self.permissions.len()]);
        for (number, name) in &self.permissions {
            words.push(usize::from(*number));
            words.extend(text(name));
        }
        for word in words {
            record.extend(u32::try_from(word).expect("an address").to_le_bytes());
        }
        record.extend(texts);
        let bytes: String = record.iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!("(data (i32.const {PLACE}) \"{bytes}\")")
    }
}
