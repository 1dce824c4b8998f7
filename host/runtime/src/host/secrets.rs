//! `secrets`: what the operator has entrusted to a plugin.

use super::{Failure, HostState};
use crate::bindings::{secrets, types};

impl secrets::Host for HostState {
    fn get(&mut self, name: String) -> Result<Vec<u8>, Failure> {
        // What was not declared is not in there.
        match self.grants.secret(&name) {
            Some(secret) => Ok(secret.to_vec()),
            None => Err(Failure::Told(types::Error::Failed(format!("the secret {name:.80?} was not granted")))),
        }
    }
}
