//! The HTTP clients that registries are asked with, and where each may go.

use anyhow::{Context, Result};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Url};

use super::network::{PublicOnly, is_inside};
use super::{CONNECT, Host, PluginReference, RegistryArguments, SILENCE};

/// No certificates of a person's have as many bytes.
const MOST_CERTIFICATES: u64 = 1 << 20;

/// Asks registries. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RegistryClient {
    /// For registries, and for hosts that are trusted as they are.
    own: Client,
    /// For places that a registry sends us to.
    elsewhere: Client,
    elsewhere_is_public: bool,
    insecure: Vec<Host>,
    /// Hosts that a registry may send us to wherever they are.
    trusted: Vec<Host>,
}

impl RegistryClient {
    /// For a person at a command line, who chooses the registry: proxies of the environment are used, and where a registry
    /// sends us over https we go.
    ///
    /// # Errors
    /// If the certificates cannot be read.
    pub(crate) fn of_a_person(how: &RegistryArguments) -> Result<Self> {
        let own = build(how, |builder| builder)?;
        let insecure = how.insecure_registry.clone();
        Ok(Self { elsewhere: own.clone(), own, elsewhere_is_public: false, insecure, trusted: Vec::new() })
    }

    /// For a server, which others tell what to install: from one of these registries it is sent to other hosts over https
    /// and on public addresses alone, and without a proxy, which would look names up for itself.
    ///
    /// # Errors
    /// If the certificates cannot be read.
    pub(crate) fn of_a_server(how: &RegistryArguments, trusted: Vec<Host>) -> Result<Self> {
        let own = build(how, |builder| builder)?;
        let elsewhere = build(how, |builder| builder.no_proxy().https_only(true).dns_resolver(PublicOnly))?;
        Ok(Self { own, elsewhere, elsewhere_is_public: true, insecure: how.insecure_registry.clone(), trusted })
    }

    /// Asks the registry itself.
    pub(super) fn own(&self) -> &Client {
        &self.own
    }

    /// What asks for a URL that a registry has named; or why nothing does.
    pub(super) fn for_elsewhere(&self, url: &Url) -> Result<&Client, String> {
        let shown = shown(url);
        if url.scheme() != "https" {
            return Err(format!("it sends us to {shown}, which is not encrypted"));
        }
        if self.trusted.iter().any(|host| host.is_of(url)) {
            return Ok(&self.own);
        }
        if self.elsewhere_is_public && is_inside(url) {
            return Err(format!("it sends us to {shown}, which is no public address"));
        }
        Ok(&self.elsewhere)
    }

    /// Whether a registry may be spoken with without encryption.
    pub(super) fn may_be_plain(&self, reference: &PluginReference) -> bool {
        let registry = reference.registry();
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        Host::is_loopback(registry) || self.insecure.iter().any(|insecure| insecure.is(registry) || insecure.is(host))
    }
}

/// A URL without what may be a secret in it: storage signs the addresses that it hands out.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{:.200}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn build(how: &RegistryArguments, more: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Client> {
    let authorities = authorities(how)?;
    let builder = || {
        let agent = concat!("fedwit/", env!("CARGO_PKG_VERSION"));
        let builder = Client::builder().user_agent(agent).redirect(Policy::none()).referer(false);
        more(builder.connect_timeout(CONNECT).read_timeout(SILENCE))
    };
    let with_the_systems = builder().tls_certs_merge(authorities.clone()).build();
    // A system without certificates of its own still speaks with those that were named, and with this machine.
    with_the_systems.or_else(|_| builder().tls_certs_only(authorities).build()).context("an HTTP client")
}

fn authorities(how: &RegistryArguments) -> Result<Vec<Certificate>> {
    let Some(path) = &how.registry_ca else { return Ok(Vec::new()) };
    let named = || format!("certificates in {}", path.display());
    let size = std::fs::metadata(path).with_context(named)?.len();
    anyhow::ensure!(size <= MOST_CERTIFICATES, "{}: {size} bytes are more than {MOST_CERTIFICATES}", named());
    let certificates = Certificate::from_pem_bundle(&std::fs::read(path).with_context(named)?).with_context(named)?;
    anyhow::ensure!(!certificates.is_empty(), "{}: there are none", named());
    Ok(certificates)
}
