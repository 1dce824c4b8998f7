//! The host's side of `fedwit:plugin`, generated from `wit/`.
#![allow(missing_docs, reason = "the WIT files are the documentation")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "aggregator-plugin",
    imports: { default: trappable },
    with: {
        "fedwit:plugin/tensors.parameters": crate::host::ParametersHandle,
        "fedwit:plugin/tensors.builder": crate::host::BuilderHandle,
        "fedwit:plugin/tensors.accumulator": crate::host::AccumulatorHandle,
        "fedwit:plugin/updates.update": crate::host::UpdateHandle,
    },
    trappable_error_type: { "fedwit:plugin/types.error" => crate::host::Failure },
});

pub(crate) use exports::fedwit::plugin::aggregator;
pub(crate) use fedwit::plugin::{log, secrets, tensors, types, updates};
