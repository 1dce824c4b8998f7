//! What a buffered session makes of its updates, in the plainest way.

/// Nguyen et al. 2022, Algorithm 1, with the staleness scaling of section 5: the model goes by the learning rate times the
/// mean of `delta / sqrt(1 + staleness)`.
pub(crate) fn model(global: &[f64], deltas: &[Vec<f64>], staleness: &[u32], learning_rate: f64) -> Vec<f64> {
    let mut model = global.to_vec();
    for (index, value) in model.iter_mut().enumerate() {
        let scaled = deltas.iter().zip(staleness).map(|(delta, age)| delta[index] / (1.0 + f64::from(*age)).sqrt());
        *value += learning_rate * scaled.sum::<f64>() / deltas.len() as f64;
    }
    model
}
