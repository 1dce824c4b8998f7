//! A load balancer that does as it is told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{BalancingError, LoadBalancer, Placement};

/// Places clients where they would like to be, else on the combiner with the fewest; or gives a wrong answer, or none.
#[derive(Debug, Default)]
pub struct FakeLoadBalancer {
    fault: Mutex<Fault>,
    asked: Mutex<Vec<Placement>>,
}

#[derive(Clone, Debug, Default)]
enum Fault {
    #[default]
    None,
    Fails(String),
    Answers(String),
    Hangs,
}

impl FakeLoadBalancer {
    /// Fails from now on, with these words.
    pub fn fail(&self, problem: &str) {
        *locked(&self.fault) = Fault::Fails(problem.to_owned());
    }

    /// Answers with this from now on.
    pub fn answer(&self, name: &str) {
        *locked(&self.fault) = Fault::Answers(name.to_owned());
    }

    /// Does not answer from now on.
    pub fn hang(&self) {
        *locked(&self.fault) = Fault::Hangs;
    }

    /// Does its work from now on.
    pub fn heal(&self) {
        *locked(&self.fault) = Fault::None;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Placement> {
        locked(&self.asked).clone()
    }
}

#[async_trait]
impl LoadBalancer for FakeLoadBalancer {
    fn name(&self) -> &str {
        "fake"
    }

    async fn place(&self, placement: Placement) -> Result<String, BalancingError> {
        locked(&self.asked).push(placement.clone());
        let fault = locked(&self.fault).clone();
        match fault {
            Fault::None => {}
            Fault::Fails(problem) => return Err(BalancingError(problem)),
            Fault::Answers(name) => return Ok(name),
            Fault::Hangs => std::future::pending().await,
        }
        let Placement { preferred, combiners, .. } = placement;
        let preferred = preferred.filter(|name| combiners.iter().any(|combiner| combiner.name.as_str() == name));
        let least = combiners.iter().min_by_key(|combiner| combiner.clients).map(|combiner| combiner.name.to_string());
        preferred.or(least).ok_or_else(|| BalancingError("there is no combiner".to_owned()))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
