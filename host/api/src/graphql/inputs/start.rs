//! What is to be run.

use async_graphql::{ID, InputObject};
use fedwit_domain::Start;

use crate::graphql::Failure;

/// What is to be run.
#[derive(InputObject)]
pub(in crate::graphql) struct StartSessionInput {
    /// How many rounds, from here on.
    rounds: u32,
    /// The clients that may be asked; any if there are none.
    #[graphql(default)]
    client_ids: Vec<ID>,
    /// What the names of the models begin with.
    model_name_prefix: Option<String>,
    /// How long a round waits, in seconds; as configured if none is given.
    round_timeout_s: Option<u32>,
    /// Whether to wait for clients if fewer are there than a round needs, for as long as a round waits. Otherwise that is
    /// the error `CLIENTS_TOO_FEW`, and nothing is started.
    #[graphql(default = true)]
    pub(in crate::graphql) wait_for_clients: bool,
}

impl TryFrom<StartSessionInput> for Start {
    type Error = Failure;

    fn try_from(input: StartSessionInput) -> Result<Self, Failure> {
        let clients = input.client_ids.into_iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
        Ok(Self {
            rounds: input.rounds,
            clients,
            model_name_prefix: input.model_name_prefix,
            round_timeout_s: input.round_timeout_s,
        })
    }
}
