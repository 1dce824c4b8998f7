//! One conversation with one registry about one repository.

use fedwit_federation::RegistryError;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::tokens::{self, Challenge};
use super::wire::{self, chain};
use super::{ANSWER, Credentials, PluginReference, RegistryClient, failed};

/// What is wanted of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A registry that has answered.
pub(super) struct Session<'a> {
    pub(super) client: &'a RegistryClient,
    pub(super) reference: &'a PluginReference,
    /// Where it is, up to its host.
    base: Url,
    access: Access,
    credentials: Option<Credentials>,
    authorization: Authorization,
}

/// What requests to the registry say of who asks.
enum Authorization {
    Nobody,
    Basic(Credentials),
    Bearer(String),
}

impl<'a> Session<'a> {
    /// Sees who is there. Without encryption only where that is allowed, and where nobody speaks TLS.
    pub(super) async fn open(
        client: &'a RegistryClient,
        reference: &'a PluginReference,
        credentials: Option<Credentials>,
        access: Access,
    ) -> Result<Self, RegistryError> {
        let host = match reference.registry() {
            // Docker's registry is not where its name leads.
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let base = |scheme: &str| {
            let url = Url::parse(&format!("{scheme}://{host}/"));
            url.map_err(|error| failed(reference, format!("{host} is no host: {error}")))
        };
        let authorization = Authorization::Nobody;
        let mut session = Self { client, reference, base: base("https")?, access, credentials, authorization };
        let answer = match session.ping().await {
            Err(error) if error.is_connect() && client.may_be_plain(reference) => {
                session.base = base("http")?;
                session.ping().await
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| failed(reference, format!("{host}: {}", chain(&error))))?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let headers = answer.headers().clone();
            session.authorize(&headers).await?;
        }
        Ok(session)
    }

    async fn ping(&self) -> Result<Response, reqwest::Error> {
        self.client.own().get(self.url("v2/")).timeout(ANSWER).send().await
    }

    /// A place at the registry.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// A place in the repository.
    pub(super) fn place(&self, kind: &str, name: &str) -> Url {
        self.url(&format!("v2/{}/{kind}/{name}", self.reference.repository()))
    }

    /// Whether a URL is the registry's own.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Asks the registry, and once more as somebody if it asks back who we are.
    pub(super) async fn ask(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Response, RegistryError> {
        let answer = self.ask_once(&request).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let headers = answer.headers().clone();
        self.authorize(&headers).await?;
        self.ask_once(&request).await
    }

    async fn ask_once(&self, request: &impl Fn(&Client) -> RequestBuilder) -> Result<Response, RegistryError> {
        let request = request(self.client.own());
        let request = match &self.authorization {
            Authorization::Nobody => request,
            Authorization::Basic(credentials) => request.basic_auth(&credentials.username, Some(&credentials.password)),
            Authorization::Bearer(token) => request.bearer_auth(token),
        };
        request.send().await.map_err(|error| failed(self.reference, chain(&error)))
    }

    /// Does as the registry asks of those who come.
    async fn authorize(&mut self, headers: &HeaderMap) -> Result<(), RegistryError> {
        let mut challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenge = challenges.find_map(tokens::challenge);
        let challenge = challenge.ok_or_else(|| failed(self.reference, "it asks for credentials of no known kind"))?;
        let tried = !matches!(self.authorization, Authorization::Nobody);
        match challenge {
            Challenge::Basic => {
                let problem = match (&self.credentials, tried) {
                    (Some(credentials), false) => {
                        self.authorization = Authorization::Basic(credentials.clone());
                        return Ok(());
                    }
                    (Some(credentials), true) => format!("the registry refuses {}", credentials.shown()),
                    (None, _) => "the registry asks for a user name and a password".to_owned(),
                };
                Err(RegistryError::Denied { reference: self.reference.to_string(), problem })
            }
            Challenge::Bearer { realm, service } => {
                let token = self.token(&realm, service.as_deref()).await?;
                self.authorization = Authorization::Bearer(token);
                Ok(())
            }
        }
    }

    /// A token of the service that the registry trusts.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<String, RegistryError> {
        let realm = Url::parse(realm).map_err(|error| failed(self.reference, format!("its token service: {error}")))?;
        let client = if self.is_own(&realm) { Ok(self.client.own()) } else { self.client.for_elsewhere(&realm) };
        let client = client.map_err(|problem| failed(self.reference, format!("for a token {problem}")))?;
        let url = tokens::question(realm, service, self.reference.repository(), self.access);
        let mut request = client.get(url).timeout(ANSWER);
        if let Some(credentials) = &self.credentials {
            request = request.basic_auth(&credentials.username, Some(&credentials.password));
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| failed(self.reference, format!("its token service: {}", chain(&error))))?;
        let answer = match wire::good(answer, self.reference).await {
            Err(RegistryError::NotFound { .. }) => Err(failed(self.reference, "its token service is not there")),
            answer => answer,
        }?;
        let body = wire::body(answer, tokens::LONGEST, "token", self.reference).await?;
        tokens::token(&body).ok_or_else(|| failed(self.reference, "its token service gives no token"))
    }
}
