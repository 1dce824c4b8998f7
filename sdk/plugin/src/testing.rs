//! Makes what a plugin's native tests need.

use std::rc::Rc;

use crate::client_selector::{Candidate, Participation, Selection};
pub use crate::double::secrets::grant_secret;
pub use crate::double::store::grant;
pub use crate::double::with_types;
use crate::load_balancer::{ClientInfo, Combiner};
use crate::{Blob, Context, DType, Parameters, State, TensorType, Update, UpdateInfo};

/// Parameters of tensors of one dimension, all in one dtype. Their values are rounded to it. For other shapes, and for
/// several dtypes in one model, see [`with_types`].
///
/// # Panics
/// If the dtype cannot hold a value, or a name is there twice.
#[must_use]
pub fn parameters(dtype: DType, tensors: &[(&str, &[f64])]) -> Parameters {
    let tensor = |(name, values): &(&str, &[f64])| {
        let shape = vec![values.len() as u64];
        (TensorType { name: (*name).to_owned(), dtype, shape }, values.to_vec())
    };
    with_types(tensors.iter().map(tensor))
}

/// An update of `base` by a client that trained on so many examples. For one with metrics or staleness, see
/// [`update_with_info`].
#[must_use]
pub fn update(client: &str, num_examples: u64, parameters: &Parameters, base: &Parameters) -> Update {
    let info = UpdateInfo { client: client.to_owned(), num_examples, staleness: 0, metrics: Vec::new() };
    update_with_info(info, parameters, base)
}

/// An update of `base`, and all that is known about it.
#[must_use]
pub fn update_with_info(info: UpdateInfo, parameters: &Parameters, base: &Parameters) -> Update {
    Update { info, parameters: parameters.clone(), base: base.clone() }
}

/// What a round begins with.
#[must_use]
pub fn context(global_model: &Parameters, state: Option<State>) -> Context {
    Context { round: 1, seed: 0, global_model: global_model.clone(), state }
}

/// The first attempt at a first round for which so many clients are requested. Its seed is 0.
#[must_use]
pub fn selection(clients_requested: u32) -> Selection {
    Selection { round: 1, attempt: 1, seed: 0, clients_requested, clients_required: 1 }
}

/// A client that has not been asked yet.
#[must_use]
pub fn candidate(client: &str) -> Candidate {
    let history = Participation {
        asked: 0,
        accepted: 0,
        refused: 0,
        given_up: 0,
        last_asked_round: None,
        last_accepted_round: None,
        mean_duration_ms: None,
        last_duration_ms: None,
        num_examples: None,
        metrics: Vec::new(),
    };
    Candidate { client: client.to_owned(), attributes: Vec::new(), history }
}

/// A client that wants to join any combiner.
#[must_use]
pub fn client_info(id: &str) -> ClientInfo {
    ClientInfo { id: id.to_owned(), name: id.to_owned(), attributes: Vec::new(), preferred: None }
}

/// A combiner of so many clients that nothing limits.
#[must_use]
pub fn combiner(name: &str, clients: u32) -> Combiner {
    Combiner { name: name.to_owned(), clients, capacity: None }
}

/// A blob of these bytes.
#[must_use]
pub fn blob(bytes: &[u8]) -> Blob {
    Blob { bytes: Rc::new(bytes.to_vec()) }
}

/// All bytes of a blob.
#[must_use]
pub fn bytes(blob: &Blob) -> &[u8] {
    &blob.bytes
}
