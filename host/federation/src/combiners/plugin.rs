//! A load balancer that is a plugin.
//!
//! It is looked up at each question, so that another version takes its place between two of them. Guest code runs on a
//! thread of its own and not on the pool: a client that registers does not wait for a fold. Clients are placed one after
//! the other, so there is one such thread at a time.

use async_trait::async_trait;
use fedwit_domain::ports::{BalancingError, CombinerLoad, LoadBalancer, Placement};
use fedwit_runtime::{ClientInfo, Combiner, Placement as Question, Plugin, World};

use crate::plugins::Plugins;

/// Which plugin places clients, and how it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancing {
    /// The plugin's name.
    pub plugin: String,
    /// Its configuration, a JSON object.
    pub config: String,
}

/// The plugin that is used under a name, whichever that is.
pub(crate) struct PluginBalancer {
    balancing: LoadBalancing,
    plugins: Plugins,
}

impl PluginBalancer {
    pub(crate) fn new(balancing: LoadBalancing, plugins: Plugins) -> Self {
        Self { balancing, plugins }
    }

    /// Whether there is such a plugin, and it takes the configuration.
    pub(crate) async fn check(&self) -> Result<(), BalancingError> {
        let config = self.balancing.config.clone();
        self.ask(move |plugin| plugin.check(&config)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Plugin) -> Result<T, fedwit_runtime::PluginError> + Send + 'static,
    ) -> Result<T, BalancingError> {
        let plugin = self.plugins.get(World::LoadBalancer, &self.balancing.plugin);
        let plugin = plugin.map_err(|none| BalancingError(none.to_string()))?;
        let asked = tokio::task::spawn_blocking(move || question(&plugin)).await;
        let answer = asked.map_err(|error| BalancingError(format!("the question broke: {error}")))?;
        answer.map_err(|error| BalancingError(format!("{error} ({})", error.fault.code())))
    }
}

#[async_trait]
impl LoadBalancer for PluginBalancer {
    fn name(&self) -> &str {
        &self.balancing.plugin
    }

    async fn place(&self, placement: Placement) -> Result<String, BalancingError> {
        let Placement { client, name, attributes, preferred, combiners } = placement;
        let client =
            ClientInfo { id: client.to_string(), name, attributes: attributes.into_iter().collect(), preferred };
        let combiner = |load: CombinerLoad| Combiner {
            name: load.name.to_string(),
            clients: load.clients,
            capacity: load.capacity,
        };
        let combiners = combiners.into_iter().map(combiner).collect();
        let question = Question { config: self.balancing.config.clone(), client, combiners };
        self.ask(move |plugin| plugin.place(question)).await
    }
}
