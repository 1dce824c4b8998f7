//! Lists, a part at a time.

use fedwit_federation::{ClientPackage, Registration};
use serde_json::{Value, json};

use super::script::Script;
use super::support::Server;

async fn register(server: &Server, name: &str) {
    let registration = Registration {
        id: Some(name.parse().unwrap()),
        name: format!("site {name}"),
        package: ClientPackage::Local,
        combiner_preferred: None,
        ip: None,
    };
    server.federation.register_client(registration).await.unwrap();
}

#[tokio::test]
async fn clients_are_read_forwards_and_backwards() {
    let server = Server::start().await;
    for name in ["a", "b", "c"] {
        register(&server, name).await;
    }
    let query = "query ($first: Int, $last: Int, $after: String, $before: String) {
        clients(first: $first, last: $last, after: $after, before: $before) {
            totalCount nodes { id name online attributes }
            edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        } }";
    let ids = |data: &Value| -> Vec<String> {
        let nodes = data["clients"]["nodes"].as_array().unwrap();
        nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
    };
    let data = server.data(query, json!({ "first": 2 })).await;
    assert_eq!(ids(&data), ["a", "b"]);
    assert_eq!(data["clients"]["totalCount"], 3);
    let first = json!({ "id": "a", "name": "site a", "online": false, "attributes": {} });
    assert_eq!(data["clients"]["nodes"][0], first);
    let page = &data["clients"]["pageInfo"];
    assert_eq!((&page["hasNextPage"], &page["hasPreviousPage"]), (&json!(true), &json!(false)));
    assert_eq!(page["endCursor"], data["clients"]["edges"][1]["cursor"]);
    let data = server.data(query, json!({ "first": 2, "after": page["endCursor"] })).await;
    assert_eq!(ids(&data), ["c"]);
    assert_eq!(data["clients"]["pageInfo"]["hasNextPage"], false);
    let data = server.data(query, json!({ "last": 1, "before": data["clients"]["pageInfo"]["startCursor"] })).await;
    assert_eq!(ids(&data), ["b"]);
}

#[tokio::test]
async fn filters_hold() {
    let server = Server::start().await;
    register(&server, "a").await;
    register(&server, "b").await;
    let script = Script::run(&server).await;
    let other = Script::create(&server).await;
    let session = script.session.id.to_string();
    for (query, expected) in [
        ("{ clients(filter: { name: \"site b\" }) { totalCount } }", json!({ "clients": { "totalCount": 1 } })),
        ("{ sessions { totalCount } }", json!({ "sessions": { "totalCount": 2 } })),
        (
            "{ sessions(filter: { status: CREATED }) { nodes { id } } }",
            json!({ "sessions": { "nodes": [{ "id": other.session.id.to_string() }] } }),
        ),
        (
            "{ rounds(filter: { status: FINISHED }) { nodes { session { id } } } }",
            json!({ "rounds": { "nodes": [{ "session": { "id": session } }] } }),
        ),
        ("{ rounds(filter: { status: FAILED }) { totalCount } }", json!({ "rounds": { "totalCount": 0 } })),
        ("{ models(filter: { seed: true }) { totalCount } }", json!({ "models": { "totalCount": 2 } })),
        (
            "{ models(filter: { leaf: true, seed: false }) { nodes { round { number } } } }",
            json!({ "models": { "nodes": [{ "round": { "number": 1 } }] } }),
        ),
        (
            "{ refusals(filter: { code: \"UPDATE_TENSORS\" }) { totalCount } }",
            json!({ "refusals": { "totalCount": 1 } }),
        ),
        ("{ refusals(filter: { clientId: \"good\" }) { totalCount } }", json!({ "refusals": { "totalCount": 0 } })),
        (
            "{ validations(filter: { clientId: \"good\", round: 1 }) { totalCount } }",
            json!({ "validations": { "totalCount": 1 } }),
        ),
        ("{ packages(filter: { active: true }) { totalCount } }", json!({ "packages": { "totalCount": 0 } })),
        (
            "{ predictions { totalCount } metrics { totalCount } plugins { name } activePackage { id } }",
            json!({ "predictions": { "totalCount": 0 }, "metrics": { "totalCount": 0 }, "plugins": [],
                 "activePackage": null }),
        ),
    ] {
        assert_eq!(server.data(query, Value::Null).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_many_nodes_refer_to_is_found() {
    let server = Server::start().await;
    let first = Script::run(&server).await;
    let second = Script::run(&server).await;
    let query = "{ rounds { nodes { session { name } base { id } model { id parent { id } } } } }";
    let data = server.data(query, Value::Null).await;
    let nodes = data["rounds"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    for (node, script) in nodes.iter().zip([&first, &second]) {
        assert_eq!(node["session"]["name"], "digits");
        assert_eq!(node["model"]["id"], script.session.model.id.to_string());
        assert_eq!(node["model"]["parent"], node["base"]);
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_is_refused() {
    let server = Server::start().await;
    for arguments in ["first: 501", "first: 1, last: 1", "after: \"x\"", "before: \"!\""] {
        let (code, text) = server.error(&format!("{{ clients({arguments}) {{ totalCount }} }}"), Value::Null).await;
        assert_eq!(code, "INVALID", "{arguments}: {text}");
    }
}
