//! Carrying out queries, within limits.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Data, Executor, Request, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::Semaphore;

use super::failure::coded;
use super::{Failure, Schema, limits};

/// How long a query or mutation may take. What has been begun by then, such as recording an event, is finished.
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

    /// Answers a query or mutation that is not too large.
    async fn answer(self, request: Request) -> Response {
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
    async fn execute(&self, mut request: Request) -> Response {
        match limits::check(&mut request) {
            Ok(()) => self.clone().answer(request).await,
            Err(failure) => failure.into_response(),
        }
    }

    fn execute_stream(&self, mut request: Request, data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let Ok(place) = self.places.clone().map(Semaphore::try_acquire_owned).transpose() else {
            let problem = format!("a connection carries {AT_ONCE} operations at once, and no more");
            return once(Failure::new("UNAVAILABLE", problem).into_response());
        };
        if let Err(failure) = limits::check(&mut request) {
            return once(failure.into_response());
        }
        let responses = if is_subscription(&mut request) {
            let responses = self.schema.execute_stream_with_session_data(request, data.unwrap_or_default());
            responses.map(coded).boxed()
        } else {
            stream::once(self.clone().answer(request)).boxed()
        };
        // The place is free again once the stream is dropped.
        responses
            .inspect(move |_| {
                let _taken = &place;
            })
            .boxed()
    }
}

fn is_subscription(request: &mut Request) -> bool {
    let named = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return false };
    let operation = match &document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(operations) => named.and_then(|name| operations.get(name.as_str())),
    };
    operation.is_some_and(|operation| operation.node.ty == OperationType::Subscription)
}

fn once(response: Response) -> BoxStream<'static, Response> {
    stream::iter([response]).boxed()
}
