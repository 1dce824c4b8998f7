//! GraphQL: the API for people and their notebooks.
//!
//! Queries and mutations over POST, subscriptions over a WebSocket, and the GraphiQL page to try them in. Reads go to the
//! store and everything else to [`Federation`], which has the rules: none is here, but for what belongs to GraphQL
//! itself, such as how large a query may be and who may have sent it.
//!
//! The schema is `host/api/schema.graphql`, and a test fails when that and this do not agree.

mod execution;
mod failure;
mod forgery;
mod http;
mod inputs;
mod limits;
mod loaders;
mod multipart;
mod mutation;
mod page;
mod paging;
mod plugins;
mod query;
mod scalars;
mod socket;
mod subscription;
mod types;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, SDLExportOptions, SchemaBuilder};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use chrono::{DateTime, Utc};
use fedwit_federation::Federation;

use self::execution::Execution;
use self::failure::Failure;
use self::loaders::Rows;
use self::mutation::Mutation;
use self::query::Query;
use self::subscription::Subscription;

/// What may be asked for by one query: a field costs 1, a list as much as all the rows that it may have.
const COMPLEXITY: usize = 100_000;
/// Directives on one field.
const DIRECTIVES: usize = 8;

type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// What requests are answered with.
#[derive(Clone)]
struct Api {
    execution: Execution,
    federation: Federation,
}

/// The routes: `/graphql` (POST; a browser that looks there is led to the page), `/graphql/ws` (WebSocket), `/graphiql/`
/// (the page). How large a request may be is said here for each.
pub fn routes(federation: Federation) -> Router {
    let schema = builder()
        .data(Rows::loader(federation.store().clone()))
        .data(federation.clone())
        .limit_complexity(COMPLEXITY)
        .limit_recursive_depth(limits::NESTING)
        .limit_directives(DIRECTIVES)
        .finish();
    let api = Api { execution: Execution::new(schema), federation };
    Router::new()
        .route("/graphql", get(page::way).post(http::post))
        .route("/graphql/ws", any(socket::open))
        // Files are as large as the federation takes them; everything else is bounded where it is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
        .merge(page::routes())
}

/// The schema, as text.
#[must_use]
pub fn schema_text() -> String {
    let options = SDLExportOptions::new().include_specified_by().prefer_single_line_descriptions();
    builder().finish().sdl_with_options(options.use_space_ident())
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    let time = "A point in time, in UTC, as RFC 3339 writes it.";
    Schema::build(Query, Mutation, Subscription).override_output_type_description::<DateTime<Utc>>(time)
}

/// The federation that a query is about: [`routes`] gave it to the schema.
fn federation<'a>(ctx: &Context<'a>) -> &'a Federation {
    ctx.data_unchecked()
}

/// The rows that a query refers to: [`routes`] gave them to the schema.
fn rows<'a>(ctx: &Context<'a>) -> &'a DataLoader<Rows> {
    ctx.data_unchecked()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::Value;

    use super::builder;

    fn undescribed(of: &str, things: &Value) -> Vec<String> {
        let things = things.as_array().map(Vec::as_slice).unwrap_or_default();
        let silent = things.iter().filter(|thing| thing["description"].as_str().unwrap_or_default().is_empty());
        silent.map(|thing| format!("{of}{}", thing["name"])).collect()
    }

    #[tokio::test]
    async fn the_schema_is_its_own_manual() {
        let parts = "name description fields { name description } inputFields { name description } \
                     enumValues { name description }";
        let query = format!("{{ __schema {{ types {{ {parts} }} }} }}");
        let response = builder().finish().execute(query).await;
        let mut types = response.data.into_json().unwrap()["__schema"]["types"].take();
        // Those of GraphQL itself, and of Relay, are described elsewhere.
        let own = |name: &str| !name.starts_with("__") && !name.ends_with("Connection") && name != "ID";
        types.as_array_mut().unwrap().retain(|kind| own(kind["name"].as_str().unwrap()));
        let mut silent = undescribed("", &types);
        for kind in types.as_array().unwrap() {
            for parts in ["fields", "inputFields", "enumValues"] {
                silent.extend(undescribed(&format!("{}.", kind["name"]), &kind[parts]));
            }
        }
        assert_eq!(silent, Vec::<String>::new());
    }
}
