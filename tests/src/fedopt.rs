//! FedAdam in float64, from the equations and from nothing of the plugin's: Reddi et al. 2021, "Adaptive Federated
//! Optimization", Algorithm 2.

/// The optimiser, with what it keeps from round to round. A model is all its values in a row.
#[derive(Clone, Debug)]
pub struct FedAdam {
    /// How far a step goes.
    pub learning_rate: f64,
    /// How much of the momentum is kept.
    pub beta1: f64,
    /// How much of the second moment is kept.
    pub beta2: f64,
    /// How adaptive the steps are.
    pub tau: f64,
    momentum: Vec<f64>,
    second_moment: Vec<f64>,
}

impl Default for FedAdam {
    fn default() -> Self {
        Self { learning_rate: 0.1, beta1: 0.9, beta2: 0.99, tau: 1e-3, momentum: Vec::new(), second_moment: Vec::new() }
    }
}

impl FedAdam {
    /// A round: the model that follows on `model` after these updates, each with its examples.
    pub fn round(&mut self, model: &[f32], updates: &[(Vec<f32>, u64)]) -> Vec<f64> {
        if self.momentum.is_empty() {
            self.momentum = vec![0.0; model.len()];
            self.second_moment = vec![self.tau * self.tau; model.len()];
        }
        let examples: f64 = updates.iter().map(|(_, examples)| *examples as f64).sum();
        let mut next = Vec::with_capacity(model.len());
        for (index, value) in model.iter().map(|value| f64::from(*value)).enumerate() {
            let deltas = updates.iter().map(|(sent, weight)| *weight as f64 * (f64::from(sent[index]) - value));
            let delta = deltas.sum::<f64>() / examples;
            let (momentum, second) = (&mut self.momentum[index], &mut self.second_moment[index]);
            *momentum = self.beta1 * *momentum + (1.0 - self.beta1) * delta;
            *second = self.beta2 * *second + (1.0 - self.beta2) * delta * delta;
            next.push(value + self.learning_rate * *momentum / (second.sqrt() + self.tau));
        }
        next
    }
}

/// The greatest difference of a model to a reference, relative to the reference's greatest value.
#[must_use]
pub fn relative_error(got: &[f32], reference: &[f64]) -> f64 {
    assert_eq!(got.len(), reference.len(), "models of one size");
    let scale = reference.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
    let worst =
        got.iter().zip(reference).fold(0.0, |worst: f64, (got, value)| worst.max((f64::from(*got) - value).abs()));
    worst / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number is worked out by hand: 0.1 * 0.1 / (sqrt(0.99e-6 + 0.01) + 0.001).
    #[test]
    fn the_first_step_of_a_scalar() {
        let next = FedAdam::default().round(&[0.0], &[(vec![0.5], 1), (vec![1.5], 1)]);
        assert!((next[0] - 0.099_005_05).abs() < 5e-9, "{next:?}");
    }
}
