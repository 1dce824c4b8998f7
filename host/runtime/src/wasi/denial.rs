//! How a function of WASI that is not there says so.

use thiserror::Error;
use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{LinkerInstance, Val};

use crate::host::HostState;

/// The plugin called something that it does not get, and that has no way to say so.
#[derive(Debug, Error)]
#[error("`{0}` is not there")]
pub(crate) struct Denied(pub(crate) String);

/// What interfaces call it when something is not allowed.
const REFUSALS: [&str; 4] = ["access-denied", "not-permitted", "HTTP-request-denied", "not-supported"];

/// Links a function that always says no: by the error that its type has for that, or with nothing where it returns a
/// list or an option. Where it has neither, the call ends.
pub(super) fn link(
    linked: &mut LinkerInstance<'_, HostState>,
    import: &str,
    name: &str,
    kind: &ComponentFunc,
) -> wasmtime::Result<()> {
    let function = format!("{import}#{name}");
    let mut results = kind.results();
    let answer = match (results.next(), results.next()) {
        (Some(result), None) => refusal(&result),
        _ => None,
    };
    linked.func_new(name, move |mut store, _, parameters, results| {
        for parameter in parameters {
            give_back(&mut store, parameter)?;
        }
        match (&answer, results) {
            (Some(answer), [result]) => {
                *result = answer.clone();
                Ok(())
            }
            _ => Err(wasmtime::Error::new(Denied(function.clone()))),
        }
    })
}

/// Lets go of the handles in a value: a call that keeps one cannot end.
fn give_back(store: &mut StoreContextMut<'_, HostState>, value: &Val) -> wasmtime::Result<()> {
    match value {
        Val::Resource(handle) => handle.resource_drop(&mut *store)?,
        Val::List(values) | Val::Tuple(values) => {
            for value in values {
                give_back(store, value)?;
            }
        }
        Val::Record(fields) => {
            for (_, value) in fields {
                give_back(store, value)?;
            }
        }
        Val::Variant(_, Some(value)) | Val::Option(Some(value)) | Val::Result(Ok(Some(value)) | Err(Some(value))) => {
            give_back(store, value)?;
        }
        _ => {}
    }
    Ok(())
}

fn refusal(result: &Type) -> Option<Val> {
    match result {
        Type::Option(_) => Some(Val::Option(None)),
        Type::List(_) => Some(Val::List(Vec::new())),
        Type::Result(result) => {
            let error = match result.err()? {
                Type::Enum(kind) => {
                    let refused = REFUSALS.iter().find(|refused| kind.names().any(|name| name == **refused))?;
                    Val::Enum((*refused).to_owned())
                }
                Type::Variant(kind) => {
                    let has = |refused: &&&str| kind.cases().any(|case| case.name == **refused && case.ty.is_none());
                    Val::Variant((*REFUSALS.iter().find(has)?).to_owned(), None)
                }
                _ => return None,
            };
            Some(Val::Result(Err(Some(Box::new(error)))))
        }
        _ => None,
    }
}
