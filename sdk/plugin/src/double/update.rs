//! One client's model update.

use super::parameters::Parameters;
use crate::bindings::fedwit::plugin::updates::UpdateInfo;
use crate::{Error, Metric};

/// One client's model update, which the host has checked.
#[derive(Debug)]
pub struct Update {
    pub(crate) info: UpdateInfo,
    pub(crate) parameters: Parameters,
    pub(crate) base: Parameters,
}

impl Update {
    /// Who sent it, and how much it rests on.
    #[must_use]
    pub fn info(&self) -> UpdateInfo {
        UpdateInfo {
            client: self.info.client.clone(),
            num_examples: self.info.num_examples,
            staleness: self.info.staleness,
            metrics: self
                .info
                .metrics
                .iter()
                .map(|metric| Metric { name: metric.name.clone(), value: metric.value })
                .collect(),
        }
    }

    /// The model that the client sent.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unnecessary_wraps, reason = "the signature is the host's")]
    pub fn parameters(&self) -> Result<Parameters, Error> {
        Ok(self.parameters.clone())
    }

    /// The model that the client sent less the one that it started from, not yet rounded.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn delta(&self) -> Result<Parameters, Error> {
        let bases = self.parameters.aligned(&self.base)?;
        let less =
            |(sent, base): (&Vec<f64>, &Vec<f64>)| sent.iter().zip(base).map(|(sent, base)| sent - base).collect();
        let values = self.parameters.values.iter().zip(bases).map(less).collect();
        Ok(Parameters::new(self.parameters.layout.to_vec(), values))
    }
}
