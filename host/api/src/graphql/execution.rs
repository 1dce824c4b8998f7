//! Carrying out queries, within limits.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, Executor, Request, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::Semaphore;

use super::failure::coded;
use super::{Failure, Schema, limits};

/// How long a query or mutation may take. What has been begun by then, such as writing an event, is finished.
const LONGEST: Duration = Duration::from_secs(120);
/// How many operations may go on at once in one WebSocket connection.
const AT_ONCE: usize = 64;

/// Carries out queries.
#[derive(Clone)]
pub(super) struct Execution {
    schema: Schema,
    /// Places for operations that go on, where these are bounded.
    places: Option<Arc<Semaphore>>,
}

impl Execution {
    pub(super) fn new(schema: Schema) -> Self {
        Self { schema, places: None }
    }

    /// For one connection.
    pub(super) fn of_connection(&self) -> Self {
        Self { schema: self.schema.clone(), places: Some(Arc::new(Semaphore::new(AT_ONCE))) }
    }

    async fn run(&self, mut request: Request) -> Response {
        if let Err(failure) = limits::check(&mut request) {
            return failure.into_response();
        }
        match tokio::time::timeout(LONGEST, self.schema.execute(request)).await {
            Ok(response) => coded(response),
            Err(_) => {
                let problem = format!("the query took more than {} seconds", LONGEST.as_secs());
                Failure::new("UNAVAILABLE", problem).into_response()
            }
        }
    }
}

impl Executor for Execution {
    async fn execute(&self, request: Request) -> Response {
        self.run(request).await
    }

    fn execute_stream(&self, mut request: Request, data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let place = match &self.places {
            Some(places) => match Arc::clone(places).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => {
                    let problem = format!("a connection carries {AT_ONCE} operations at once, and no more");
                    return once(Failure::new("UNAVAILABLE", problem));
                }
            },
            None => None,
        };
        if let Err(failure) = limits::check(&mut request) {
            return once(failure);
        }
        let responses = self.schema.execute_stream_with_session_data(request, data.unwrap_or_default());
        // The place is free again once the stream is dropped.
        responses
            .map(move |response| {
                let _taken = &place;
                coded(response)
            })
            .boxed()
    }
}

fn once(failure: Failure) -> BoxStream<'static, Response> {
    stream::iter([failure.into_response()]).boxed()
}
