//! Clients that register, and whether they are there.

use fedwit_domain::{ClientId, CombinerName, ModelFormat, Timestamp};
use fedwit_store::NewClient;
use uuid::Uuid;

use crate::combiners::Joining;
use crate::{Federation, FederationError, TaskStream};

/// The longest name of a client, in bytes.
const MAX_NAME: usize = 256;

/// What a client says of itself.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its id, if it has one.
    pub id: Option<ClientId>,
    /// A name for people.
    pub name: String,
    /// Where its code comes from.
    pub package: ClientPackage,
    /// The combiner that it would like.
    pub combiner_preferred: Option<String>,
    /// Where it registers from.
    pub ip: Option<String>,
}

/// Where a client's code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientPackage {
    /// The package that the server has.
    Remote,
    /// Its own.
    Local,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationOutcome {
    /// It may connect.
    Assigned {
        /// Its id.
        id: ClientId,
        /// The format of the models that it is sent.
        format: ModelFormat,
        /// The combiner that it belongs to.
        combiner: CombinerName,
    },
    /// It wants the server's package, and there is none yet. It asks again.
    NoPackage,
}

/// Whether a client is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// It has a stream open, or was heard of recently.
    pub online: bool,
    /// When it was last heard of, since the server started.
    pub last_seen: Option<Timestamp>,
}

impl ClientPackage {
    /// In one word, as FEDn has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Local => "local",
        }
    }
}

impl Federation {
    /// Registers a client, or registers it again, and places it on a combiner.
    ///
    /// # Errors
    /// [`FederationError::Invalid`] for a name that is too long; [`FederationError::Store`].
    pub async fn register_client(&self, registration: Registration) -> Result<RegistrationOutcome, FederationError> {
        let Registration { id, name, package, combiner_preferred, ip } = registration;
        if name.len() > MAX_NAME || combiner_preferred.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            let problem = format!("a name has more than {MAX_NAME} bytes");
            return Err(FederationError::Invalid { what: "client", problem });
        }
        let active = self.store().active_package().await?;
        if package == ClientPackage::Remote && active.is_none() {
            return Ok(RegistrationOutcome::NoPackage);
        }
        let helper = self.store().helper().await?;
        let format = active.map(|package| package.format).or(helper).unwrap_or(ModelFormat::Npz);
        let id = match id {
            Some(id) => id,
            None => Uuid::new_v4().to_string().parse()?,
        };
        let name = if name.is_empty() { id.to_string() } else { name };
        let joining = Joining { client: &id, name: &name, preferred: combiner_preferred.as_deref() };
        let combiner = self.place_registered(joining).await;
        let (at, package) = (self.now(), package.name().to_owned());
        let (id_kept, placed) = (id.clone(), combiner.clone());
        let new = NewClient { id: id_kept, name, package, combiner_preferred, combiner: placed, ip, at };
        self.store().register_client(new).await?;
        tracing::info!(client.id = %id, combiner = %combiner, "client `{id}` has registered");
        Ok(RegistrationOutcome::Assigned { id, format, combiner })
    }

    /// Forgets a client. If it is connected it comes back.
    ///
    /// # Errors
    /// [`FederationError::NotFound`]; [`FederationError::Store`].
    pub async fn remove_client(&self, id: &ClientId) -> Result<(), FederationError> {
        if self.store().remove_client(id).await? {
            self.inner.combiners.remove(id);
            Ok(())
        } else {
            Err(FederationError::NotFound { kind: "client", id: id.to_string() })
        }
    }

    /// Notes a heartbeat. Waits for nothing.
    pub fn heartbeat(&self, client: &ClientId) {
        self.inner.presence.heartbeat(client, self.now());
    }

    /// Whether a client is there.
    #[must_use]
    pub fn presence(&self, client: &ClientId) -> Presence {
        let (online, last_seen) = self.inner.presence.of(client, self.now());
        Presence { online, last_seen }
    }

    /// The clients that are there.
    #[must_use]
    pub fn online(&self) -> Vec<ClientId> {
        self.inner.presence.online(self.now())
    }

    /// Opens a client's stream of tasks, which takes over from any other that it has. A client that is unknown becomes
    /// known, and is placed on a combiner, on `wished` if that is one: a client that connected to an earlier server
    /// does not register again.
    pub async fn open_task_stream(&self, client: ClientId, wished: Option<&str>) -> TaskStream {
        self.place_connected(&client, wished).await;
        let inner = &self.inner;
        inner.presence.opened(&client, self.now());
        tracing::debug!(client.id = %client, "client `{client}` is there");
        let (federation, leaving) = (self.clone(), client.clone());
        inner.outboxes.open(client, inner.draining.clone(), move || {
            federation.inner.presence.closed(&leaving, federation.now());
            tracing::debug!(client.id = %leaving, "client `{leaving}` is gone");
        })
    }
}
