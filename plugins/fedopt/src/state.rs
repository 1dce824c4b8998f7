//! What an optimiser remembers: its momentum and its second moment.

use fedwit_plugin::{Error, NamedParameters, Parameters, State};

const MOMENTUM: &str = "momentum";
const SECOND_MOMENT: &str = "second_moment";

/// The state to hand back.
pub(crate) fn kept(momentum: Parameters, second_moment: Parameters) -> State {
    let named = |name: &str, value| NamedParameters { name: name.to_owned(), value };
    State { parameters: vec![named(MOMENTUM, momentum), named(SECOND_MOMENT, second_moment)], bytes: Vec::new() }
}

/// Momentum and second moment of a state that was handed back, if they are those of such a model.
pub(crate) fn restored(state: State, global_model: &Parameters) -> Result<(Parameters, Parameters), Error> {
    let (mut momentum, mut second_moment) = (None, None);
    for NamedParameters { name, value } in state.parameters {
        let place = match name.as_str() {
            MOMENTUM => &mut momentum,
            SECOND_MOMENT => &mut second_moment,
            other => return Err(Error::Failed(format!("the state has `{other}`, which is not this optimiser's"))),
        };
        check(&name, &value, global_model)?;
        *place = Some(value);
    }
    if !state.bytes.is_empty() {
        return Err(Error::Failed("the state has bytes, but this optimiser keeps none".to_owned()));
    }
    let lacks = |name: &str| Error::Failed(format!("the state lacks `{name}`"));
    Ok((momentum.ok_or_else(|| lacks(MOMENTUM))?, second_moment.ok_or_else(|| lacks(SECOND_MOMENT))?))
}

/// Whether a part of the state has the names and shapes of the model, which arithmetic would find out only after the
/// clients have done their work.
fn check(set: &str, found: &Parameters, global_model: &Parameters) -> Result<(), Error> {
    let (found, expected) = (found.layout(), global_model.layout());
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
        Err(Error::Failed(format!(
            "`{set}` of the state has {} tensors, but the model {}",
            found.len(),
            expected.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use fedwit_plugin::DType;
    use fedwit_plugin::testing::parameters;

    use super::*;

    fn model(values: &[f64]) -> Parameters {
        parameters(DType::Float32, &[("w", values)])
    }

    fn why(state: State) -> String {
        let Err(Error::Failed(why)) = restored(state, &model(&[0.0])) else { panic!("such a state is refused") };
        why
    }

    #[test]
    fn what_was_kept_is_restored() {
        let state = kept(model(&[1.0]), model(&[2.0]));
        let (momentum, second_moment) = restored(state, &model(&[0.0])).unwrap();
        assert_eq!((momentum.values("w").unwrap(), second_moment.values("w").unwrap()), (&[1.0][..], &[2.0][..]));
    }

    #[test]
    fn a_state_that_is_not_this_models_is_refused_and_says_why() {
        let whole = || kept(model(&[1.0]), model(&[2.0]));
        let mut lacking = whole();
        lacking.parameters.pop();
        assert_eq!(why(lacking), "the state lacks `second_moment`");
        let mut foreign = whole();
        foreign.parameters[0].name = "variance".to_owned();
        assert!(why(foreign).contains("`variance`"));
        assert!(why(State { bytes: vec![1], ..whole() }).contains("bytes"));
        let wide = why(kept(model(&[1.0, 1.0]), model(&[2.0])));
        assert!(wide.contains("`momentum`") && wide.contains("`w`") && wide.contains("shape"), "{wide}");
        let other = parameters(DType::Float32, &[("v", &[1.0])]);
        assert!(why(kept(model(&[1.0]), other)).contains("lacks tensor `w`"));
        let more = parameters(DType::Float32, &[("w", &[1.0]), ("v", &[1.0])]);
        assert!(why(kept(model(&[1.0]), more)).contains("2 tensors"));
    }
}
