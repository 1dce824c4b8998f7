//! The host's side of `fedwit:plugin`, generated from `wit/`.
//!
//! One world that holds all others, so that what they share is generated once. No component is made against it: its
//! imports fill the linker, and of its exports an instance has those of its own world.
#![allow(missing_docs, reason = "the WIT files are the documentation")]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package fedwit:host;
        world every-plugin {
            include fedwit:plugin/aggregator-plugin@0.1.0;
            include fedwit:plugin/client-selector-plugin@0.1.0;
            include fedwit:plugin/load-balancer-plugin@0.1.0;
            include fedwit:plugin/storage-adapter-plugin@0.1.0;
        }
    ",
    world: "fedwit:host/every-plugin",
    imports: { default: trappable },
    with: {
        "fedwit:plugin/tensors.parameters": crate::host::ParametersHandle,
        "fedwit:plugin/tensors.builder": crate::host::BuilderHandle,
        "fedwit:plugin/tensors.accumulator": crate::host::AccumulatorHandle,
        "fedwit:plugin/updates.update": crate::host::UpdateHandle,
        "fedwit:plugin/blobs.blob": crate::host::BlobHandle,
        "fedwit:plugin/blobs.blob-writer": crate::host::BlobWriterHandle,
    },
    trappable_error_type: { "fedwit:plugin/types.error" => crate::host::Failure },
});

pub(crate) use exports::fedwit::plugin::{aggregator, client_selector, load_balancer, storage_adapter};
pub(crate) use fedwit::plugin::{blobs, log, secrets, tensors, types, updates};
