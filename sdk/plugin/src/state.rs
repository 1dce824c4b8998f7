//! What an aggregator keeps from one round to the next, and how it takes it back.

use crate::{Error, NamedParameters, Parameters};

/// What an aggregator keeps from one round to the next.
#[derive(Debug)]
pub struct State {
    /// Tensors: what an optimiser remembers.
    pub parameters: Vec<NamedParameters>,
    /// Anything else, in a form of the plugin's own; at most 1 MiB.
    pub bytes: Vec<u8>,
}

impl State {
    /// Tensors by name, and nothing else.
    #[must_use]
    pub fn of<const N: usize>(parameters: [(&str, Parameters); N]) -> Self {
        let named = |(name, value): (&str, Parameters)| NamedParameters { name: name.to_owned(), value };
        Self { parameters: parameters.map(named).into(), bytes: Vec::new() }
    }

    /// Takes out the tensors of a name. They must have the names and shapes of the model, which arithmetic would find
    /// out only after the clients have done their work.
    ///
    /// # Errors
    /// [`Error::Failed`] if there are none, or they are of another model.
    pub fn take(&mut self, name: &str, model: &Parameters) -> Result<Parameters, Error> {
        let position = self.parameters.iter().position(|set| set.name == name);
        let position = position.ok_or_else(|| Error::Failed(format!("the state lacks `{name}`")))?;
        let value = self.parameters.remove(position).value;
        check(name, &value, model)?;
        Ok(value)
    }

    /// Makes sure that everything was taken out: what a plugin does not know, another one has left.
    ///
    /// # Errors
    /// [`Error::Failed`] names what is left.
    pub fn emptied(self) -> Result<(), Error> {
        if let Some(NamedParameters { name, .. }) = self.parameters.first() {
            return Err(Error::Failed(format!("the state has `{name}`, which this plugin does not keep")));
        }
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(Error::Failed("the state has bytes, but this plugin keeps none".to_owned()))
        }
    }
}

fn check(set: &str, found: &Parameters, model: &Parameters) -> Result<(), Error> {
    let (found, expected) = (found.layout(), model.layout());
    for tensor in &expected {
        let same = found.iter().find(|other| other.name == tensor.name);
        match same {
            Some(same) if same.shape == tensor.shape => {}
            Some(same) => {
                let why = format!(
                    "`{set}` of the state has tensor `{}` of shape {:?}, but the model's has shape {:?}",
                    tensor.name, same.shape, tensor.shape
                );
                return Err(Error::Failed(why));
            }
            None => return Err(Error::Failed(format!("`{set}` of the state lacks tensor `{}`", tensor.name))),
        }
    }
    if found.len() == expected.len() {
        Ok(())
    } else {
        let why = format!("`{set}` of the state has {} tensors, but the model {}", found.len(), expected.len());
        Err(Error::Failed(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::testing::parameters;

    fn model(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    fn whole() -> State {
        State::of([("momentum", model(&[1.0])), ("scale", model(&[2.0]))])
    }

    fn restored(mut state: State) -> Result<(Parameters, Parameters), Error> {
        let parts = (state.take("momentum", &model(&[0.0]))?, state.take("scale", &model(&[0.0]))?);
        state.emptied()?;
        Ok(parts)
    }

    fn why(state: State) -> String {
        let Err(Error::Failed(why)) = restored(state) else { panic!("such a state is refused") };
        why
    }

    #[test]
    fn what_was_kept_is_taken_back() {
        let (momentum, scale) = restored(whole()).unwrap();
        assert_eq!((momentum.values("w").unwrap(), scale.values("w").unwrap()), (&[1.0][..], &[2.0][..]));
    }

    #[test]
    fn a_state_that_is_not_this_plugins_or_models_is_refused_and_says_why() {
        let mut lacking = whole();
        lacking.parameters.pop();
        assert_eq!(why(lacking), "the state lacks `scale`");
        let mut more = whole();
        more.parameters.extend(State::of([("variance", model(&[1.0]))]).parameters);
        assert!(why(more).contains("`variance`"));
        assert!(why(State { bytes: vec![1], ..whole() }).contains("bytes"));
        let wide = why(State::of([("momentum", model(&[1.0, 1.0])), ("scale", model(&[2.0]))]));
        assert!(wide.contains("`momentum`") && wide.contains("`w`") && wide.contains("shape"), "{wide}");
        let other = parameters(DType::Float32, &[("v", &[1.0])]);
        assert!(why(State::of([("momentum", model(&[1.0])), ("scale", other)])).contains("lacks tensor `w`"));
        let more = parameters(DType::Float32, &[("w", &[1.0]), ("v", &[1.0])]);
        assert!(why(State::of([("momentum", model(&[1.0])), ("scale", more)])).contains("2 tensors"));
    }
}
