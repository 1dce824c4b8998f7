//! The guest's side of `fedwit:plugin`, generated from `wit/`.
//!
//! Compiled for every target, since its plain types serve natively too; its resources work in a component only. Each
//! world has bindings of its own, and they share the interfaces that all worlds import. A component exports what
//! [`export!`](crate::export) names, and has of the others' imports only those that it calls.
#![allow(unsafe_code, reason = "calls across the component's border are generated as unsafe code")]
#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "aggregator-plugin",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "fedwit_plugin::bindings",
});

pub mod client_selector {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "client-selector-plugin",
        with: {
            "fedwit:plugin/types@0.1.0": crate::bindings::fedwit::plugin::types,
            "fedwit:plugin/secrets@0.1.0": crate::bindings::fedwit::plugin::secrets,
            "fedwit:plugin/log@0.1.0": crate::bindings::fedwit::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "fedwit_plugin::bindings::client_selector",
    });
}

pub mod load_balancer {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "load-balancer-plugin",
        with: {
            "fedwit:plugin/types@0.1.0": crate::bindings::fedwit::plugin::types,
            "fedwit:plugin/secrets@0.1.0": crate::bindings::fedwit::plugin::secrets,
            "fedwit:plugin/log@0.1.0": crate::bindings::fedwit::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "fedwit_plugin::bindings::load_balancer",
    });
}

pub mod storage_adapter {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "storage-adapter-plugin",
        with: {
            "fedwit:plugin/types@0.1.0": crate::bindings::fedwit::plugin::types,
            "fedwit:plugin/secrets@0.1.0": crate::bindings::fedwit::plugin::secrets,
            "fedwit:plugin/log@0.1.0": crate::bindings::fedwit::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "fedwit_plugin::bindings::storage_adapter",
    });
}
