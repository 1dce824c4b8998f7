//! The guest's side of `fedwit:plugin`, generated from `wit/`.
//!
//! Compiled for every target, since its plain types serve natively too; its resources work in a component only.
#![allow(unsafe_code, reason = "calls across the component's border are generated as unsafe code")]
#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "aggregator-plugin",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "fedwit_plugin::bindings",
});
