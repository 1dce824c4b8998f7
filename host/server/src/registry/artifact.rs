//! A plugin as an artifact: a manifest of one layer, which is the component.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use bytes::Bytes;
use fedwit_domain::Digest;
use fedwit_federation::{RegistryError, Signature, component_digest};
use oci_client::manifest::OciImageManifest;
use oci_wasm::{
    ToConfig, WASM_LAYER_MEDIA_TYPE, WASM_MANIFEST_CONFIG_MEDIA_TYPE, WASM_MANIFEST_MEDIA_TYPE, WasmConfig,
};
use wit_component::DecodedWasm;

use super::{PluginReference, no_plugin};

/// The layer's annotation that holds the component's signature: 128 hexadecimal digits.
const SIGNATURE: &str = "fedwit.plugin.signature";
/// What an index of several manifests says that it is.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// What a component's file begins with: `\0asm`, and the version of the format.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// The component, as a manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    pub(crate) signature: Option<String>,
}

/// What is pushed.
pub(super) struct Artifact {
    pub(super) component: Bytes,
    pub(super) config: Bytes,
    pub(super) manifest: Bytes,
}

/// Reads a manifest.
pub(super) fn layer(manifest: &[u8], reference: &PluginReference) -> Result<Layer, RegistryError> {
    let no = |problem: String| no_plugin(reference, problem);
    let value: serde_json::Value =
        serde_json::from_slice(manifest).map_err(|error| no(format!("its manifest is no JSON: {error}")))?;
    let kind = value["mediaType"].as_str().unwrap_or_default();
    if INDEXES.contains(&kind) || value["manifests"].is_array() {
        return Err(no("it is an index of several manifests: name one of them by its digest".to_owned()));
    }
    let manifest: OciImageManifest =
        serde_json::from_value(value).map_err(|error| no(format!("its manifest is none: {error}")))?;
    if manifest.config.media_type != WASM_MANIFEST_CONFIG_MEDIA_TYPE {
        let found = &manifest.config.media_type;
        return Err(no(format!("its config is {found:.100?} and not {WASM_MANIFEST_CONFIG_MEDIA_TYPE}")));
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(no(format!("it has {} layers, and a plugin has one", manifest.layers.len())));
    };
    if layer.media_type != WASM_LAYER_MEDIA_TYPE {
        return Err(no(format!("its layer is {:.100?} and not {WASM_LAYER_MEDIA_TYPE}", layer.media_type)));
    }
    let digest = layer.digest.strip_prefix("sha256:").and_then(|digest| digest.parse().ok());
    let digest = digest.ok_or_else(|| no(format!("its layer's digest is {:.100?}, no sha256", layer.digest)))?;
    let size_bytes = u64::try_from(layer.size).map_err(|_| no(format!("its layer has {} bytes", layer.size)))?;
    let signature = layer.annotations.as_ref().and_then(|annotations| annotations.get(SIGNATURE));
    let signature = signature.map(|signature| signature.parse::<Signature>().map(|signature| signature.to_string()));
    let signature = signature.transpose().map_err(|error| no(format!("its annotation {SIGNATURE}: {error}")))?;
    Ok(Layer { digest, size_bytes, signature })
}

impl Artifact {
    /// What a component is pushed as. The same component and signature always give the same manifest.
    ///
    /// # Errors
    /// If it is no component.
    pub(super) fn new(component: Vec<u8>, signature: Option<String>) -> Result<Self> {
        check(&component)?;
        let (mut config, mut layer) = WasmConfig::from_raw_component(component, None)?;
        // The beginning of time: who pushes a thing twice has pushed one thing.
        config.created = Default::default();
        layer.annotations = signature.map(|signature| BTreeMap::from([(SIGNATURE.to_owned(), signature)]));
        let config = config.to_config()?;
        let layers = [layer];
        let mut manifest = OciImageManifest::build(&layers, &config, None);
        manifest.media_type = Some(WASM_MANIFEST_MEDIA_TYPE.to_owned());
        let manifest = serde_json::to_vec(&manifest).context("the manifest")?.into();
        let [layer] = layers;
        Ok(Self { component: layer.data, config: config.data, manifest })
    }

    /// What it is addressed by.
    pub(super) fn digest(&self) -> Digest {
        component_digest(&self.manifest)
    }
}

/// Refuses a file that no registry should have as a plugin.
pub(crate) fn check(component: &[u8]) -> Result<()> {
    // What decodes types takes those of a core module too.
    anyhow::ensure!(component.starts_with(PREAMBLE), "it is no component");
    match wit_component::decode(component) {
        Ok(DecodedWasm::Component(..)) => Ok(()),
        Ok(DecodedWasm::WitPackage(..)) => anyhow::bail!("it is a WIT package, and no component"),
        Err(error) => Err(error.context("it is no component")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::{Value, json};

    use super::*;

    const EMPTY: &[u8] = PREAMBLE;

    fn reference() -> PluginReference {
        "oci://r.example/x:1".parse().unwrap()
    }

    fn read(manifest: &Value) -> Result<Layer, RegistryError> {
        layer(manifest.to_string().as_bytes(), &reference())
    }

    fn manifest() -> Value {
        serde_json::from_slice(&Artifact::new(EMPTY.to_vec(), Some("0f".repeat(64))).unwrap().manifest).unwrap()
    }

    #[test]
    fn what_is_pushed_is_what_is_read() {
        let found = read(&manifest()).unwrap();
        assert_eq!((found.digest, found.size_bytes), (component_digest(EMPTY), 8));
        assert_eq!(found.signature, Some("0f".repeat(64)));
        let again = |signature: Option<String>| Artifact::new(EMPTY.to_vec(), signature).unwrap().digest();
        assert_eq!(again(None), again(None));
        assert_ne!(again(None), again(Some("0f".repeat(64))));
    }

    #[test]
    fn other_tools_find_what_they_look_for() {
        let manifest = manifest();
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
        let artifact = Artifact::new(EMPTY.to_vec(), None).unwrap();
        let config: Value = serde_json::from_slice(&artifact.config).unwrap();
        assert_eq!((&config["os"], &config["architecture"]), (&json!("wasip2"), &json!("wasm")));
        assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
        assert_eq!(manifest["config"]["digest"], format!("sha256:{}", component_digest(&artifact.config)));
    }

    #[test]
    fn what_is_no_plugin_is_refused_by_what_is_wrong_with_it() {
        let with = |path: &str, value: Value| {
            let mut manifest = manifest();
            *manifest.pointer_mut(path).unwrap() = value;
            manifest
        };
        let two = manifest()["layers"][0].clone();
        for (manifest, said) in [
            (json!([]), "none"),
            (json!({ "manifests": [] }), "index"),
            (with("/layers", json!([])), "0 layers"),
            (with("/layers", json!([two, two])), "2 layers"),
            (with("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar")), "tar"),
            (with("/config/mediaType", json!("application/vnd.oci.image.config.v1+json")), "config"),
            (with("/layers/0/digest", json!("sha512:00")), "sha512"),
            (with("/layers/0/digest", json!("sha256:../../x")), "sha256"),
            (with("/layers/0/size", json!(-1)), "-1 bytes"),
            (with("/layers/0/annotations", json!({ SIGNATURE: "zz" })), "zz"),
        ] {
            let error = read(&manifest).unwrap_err();
            assert!(matches!(error, RegistryError::Artifact { .. }), "{error:?}");
            assert!(error.to_string().contains(said), "{error}");
        }
        assert!(matches!(layer(b"{", &reference()), Err(RegistryError::Artifact { .. })));
    }

    #[test]
    fn only_components_are_pushed() {
        for bad in [&b""[..], b"hello", b"\0asm\x01\0\0\0"] {
            assert!(Artifact::new(bad.to_vec(), None).is_err(), "{bad:?}");
        }
    }
}
