//! A session, read from end to end.

use serde_json::json;

use super::script::Script;
use super::support::Server;

#[tokio::test]
async fn a_session_says_how_it_is_run_and_how_it_went() {
    let server = Server::start().await;
    let script = Script::run(&server).await;
    let query = "query ($id: ID!) { session(id: $id) {
        name status reason roundsCompleted roundsUntil
        config { aggregator clientsRequired validate maxExamples modelFormat aggregatorConfig
                 bestModel { metric direction } }
        seedModel { name parent { id } }
        model { round { number } parent { name } trail { name } }
        bestModel { round { number } }
        validationSeries { name rounds values }
        aggregatorSeries(names: [\"step\"]) { name rounds values }
        runs { nodes { rounds completedModel { round { number } } } }
    } }";
    let data = server.data(query, json!({ "id": script.session.id.to_string() })).await;
    let expected = json!({ "session": {
        "name": "digits", "status": "FINISHED", "reason": data["session"]["reason"],
        "roundsCompleted": 1, "roundsUntil": 1,
        "config": { "aggregator": "mean", "clientsRequired": 1, "validate": true, "maxExamples": null,
                    "modelFormat": "NPZ", "aggregatorConfig": {},
                    "bestModel": { "metric": "loss", "direction": "MINIMIZE" } },
        "seedModel": { "name": "seed", "parent": null },
        "model": { "round": { "number": 1 }, "parent": { "name": "seed" }, "trail": [{ "name": "seed" }] },
        "bestModel": { "round": { "number": 1 } },
        "validationSeries": [{ "name": "loss", "rounds": [1], "values": [data["session"]["validationSeries"][0]["values"][0]] }],
        "aggregatorSeries": [{ "name": "step", "rounds": [1], "values": [1.0] }],
        "runs": { "nodes": [{ "rounds": 1, "completedModel": { "round": { "number": 1 } } }] },
    } });
    assert_eq!(data, expected);
    let mean = data["session"]["validationSeries"][0]["values"][0].as_f64().unwrap();
    assert!((mean - 0.3).abs() < 1e-12, "{mean}");
}

#[tokio::test]
async fn a_round_says_who_took_part_and_why_who_did_not() {
    let server = Server::start().await;
    let script = Script::run(&server).await;
    let query = "query ($id: ID!) { round(id: $id) {
        number attempt status updates examples collectingMs
        plugin { name version digest }
        aggregatorMetrics validationMetrics
        participants { totalCount nodes { clientId status examples metrics updateId durationMs } }
        accepted: participants(filter: { status: ACCEPTED }) { nodes { clientId } }
        earlier: participants(filter: { attempt: 2 }) { totalCount }
        refusals { nodes { clientId code reason updateId } }
        validations { nodes { clientId metrics weight data } }
    } }";
    let data = server.data(query, json!({ "id": format!("{}.1", script.session.id) })).await;
    let round = &data["round"];
    assert_eq!(round["status"], "FINISHED");
    assert_eq!(round["plugin"], json!({ "name": "mean", "version": "1.0.0", "digest": "07".repeat(32) }));
    assert_eq!((&round["updates"], &round["examples"]), (&json!(1), &json!(40)));
    assert_eq!(round["collectingMs"], 1500);
    assert_eq!(round["aggregatorMetrics"], json!({ "step": 1.0 }));
    let participants = json!({ "totalCount": 2, "nodes": [
        { "clientId": "bad", "status": "REFUSED", "examples": null, "metrics": {}, "updateId": script.update("bad"),
          "durationMs": 1500 },
        { "clientId": "good", "status": "ACCEPTED", "examples": 40, "metrics": { "loss": 0.5 },
          "updateId": script.update("good"), "durationMs": 1500 },
    ] });
    assert_eq!(round["participants"], participants);
    assert_eq!(round["accepted"], json!({ "nodes": [{ "clientId": "good" }] }));
    assert_eq!(round["earlier"], json!({ "totalCount": 0 }));
    let refusal = json!({ "clientId": "bad", "code": "UPDATE_TENSORS", "updateId": script.update("bad"),
                          "reason": "tensor `weights` has a value that is not finite" });
    assert_eq!(round["refusals"], json!({ "nodes": [refusal] }));
    let validation = json!({ "clientId": "bad", "metrics": { "loss": 0.4 }, "weight": 10.0,
                             "data": { "loss": 0.4, "note": "of 10" } });
    assert_eq!(round["validations"]["nodes"][0], validation);
}

#[tokio::test]
async fn a_session_has_its_events_with_what_matters_of_each() {
    let server = Server::start().await;
    let script = Script::run(&server).await;
    let query = "query ($id: ID!, $after: Int64!) { session(id: $id) { events(after: $after) {
        sequence type round attempt clientId updateId code reason metrics examples modelId data
    } } }";
    let id = script.session.id.to_string();
    let data = server.data(query, json!({ "id": id, "after": 0 })).await;
    let events = data["session"]["events"].as_array().unwrap();
    let sequences: Vec<u64> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=script.session.sequence).collect::<Vec<_>>());
    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    assert_eq!(of("SESSION_CREATED")["data"]["name"], "digits");
    let refused = of("UPDATE_REFUSED");
    assert_eq!((&refused["code"], &refused["clientId"]), (&json!("UPDATE_TENSORS"), &json!("bad")));
    assert!(refused["reason"].as_str().unwrap().contains("weights"));
    let accepted = of("UPDATE_ACCEPTED");
    assert_eq!((&accepted["examples"], &accepted["metrics"]), (&json!(40), &json!({ "loss": 0.5 })));
    assert_eq!((&accepted["round"], &accepted["attempt"]), (&json!(1), &json!(1)));
    assert_eq!(of("ROUND_COMMITTED")["modelId"], script.session.model.id.to_string());
    assert_eq!(of("FINISHED")["reason"], "all rounds are done");
    let last = script.session.sequence - 1;
    let data = server.data(query, json!({ "id": id, "after": last.to_string() })).await;
    assert_eq!(data["session"]["events"].as_array().unwrap().len(), 1);
}
