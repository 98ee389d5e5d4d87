//! The OpenAPI document: it is the one in docs, and what goes over the wire is what it says.
//!
//! With `TIDELOG_WRITE_DOCS=1` it is written into docs instead.

use crate::{documented::exchanges, kit::*};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};
use tidelog_server::openapi;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

#[test]
fn the_file_in_docs_is_what_the_server_prints() {
    let printed = format!("{:#}\n", openapi());
    if std::env::var_os("TIDELOG_WRITE_DOCS").is_some() {
        fs::write(FILE, printed).unwrap();
        return;
    }
    let file = fs::read_to_string(FILE).unwrap();
    assert!(file == printed, "docs/openapi.json is out of date: run this test with TIDELOG_WRITE_DOCS=1");
}

/// What breaks the schema of this name.
fn faults(name: &str, message: &Value) -> Vec<String> {
    let mut schema = json!({ "$ref": format!("#/components/schemas/{name}") });
    schema["components"] = openapi()["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(message).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_documented_conversation_fits_the_schemas() {
    let mut seen = BTreeSet::new();
    for (request, status, response) in exchanges() {
        if let Some(push) = request {
            let broken = faults("Push", &push);
            let has_outcomes = response["outcomes"].as_array();
            let is_malformed = has_outcomes.is_some_and(|outcomes| {
                outcomes.iter().any(|it| it["problem"]["type"] == "urn:tidelog:problem:invalid-commit")
            });
            assert_eq!(broken.is_empty(), !is_malformed, "{push:#}: {broken:?}");
        }
        let name = match status {
            200 if response.get("outcomes").is_some() => "Pushed",
            200 => "Page",
            _ => "Problem",
        };
        assert_eq!(faults(name, &response), Vec::<String>::new(), "{response:#}");
        seen.insert(name);
        for outcome in response["outcomes"].as_array().into_iter().flatten() {
            seen.insert(match outcome["status"].as_str() {
                Some("committed") => "committed",
                Some("duplicate") => "duplicate",
                Some("conflict") => "conflict",
                Some("rejected") => "rejected",
                Some("blocked") => "blocked",
                other => panic!("status {other:?}"),
            });
        }
    }
    let all = ["Page", "Problem", "Pushed", "blocked", "committed", "conflict", "duplicate", "rejected"];
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn the_schemas_say_no_to_what_is_no_message() {
    let outcome = |more: Value| {
        let mut outcome = json!({ "id": "01992a10-7c01-7000-8000-000000000001", "generation": 0 });
        outcome.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "logId": "5fd92462-5f6a-4e8b-9c55-3d7f0a6be1c2", "outcomes": [outcome] })
    };
    let committed = json!({ "status": "committed", "firstVersion": 1, "firstPosition": 1 });
    assert_eq!(faults("Pushed", &outcome(committed)), Vec::<String>::new());
    for lacking in [
        json!({ "status": "committed", "firstVersion": 1 }),
        json!({ "status": "conflict", "expected": 1 }),
        json!({ "status": "rejected" }),
        json!({ "status": "blocked" }),
        json!({ "status": "lost" }),
        json!({}),
    ] {
        assert!(!faults("Pushed", &outcome(lacking.clone())).is_empty(), "{lacking}");
    }
    let push = |more: Value| {
        let mut commit = json!({
            "id": "01992a10-7c01-7000-8000-000000000001", "stream": "course-1", "expectedVersion": 0,
            "metadata": {
                "correlationId": "01992a10-7c01-7000-8000-000000000001",
                "deviceId": "01992a10-7c00-7000-8000-0000000000a1",
                "sessionId": "01992a10-7c00-7000-8000-0000000000a2", "occurredAt": 1
            },
            "events": [{ "id": "01992a10-7c01-7000-8000-000000000002", "type": "Done", "data": null }]
        });
        commit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "protocol": 1, "deviceId": "01992a10-7c00-7000-8000-0000000000a1", "commits": [commit] })
    };
    assert_eq!(faults("Push", &push(json!({}))), Vec::<String>::new());
    for wrong in [
        json!({ "id": 7 }),
        json!({ "stream": "course" }),
        json!({ "stream": format!("course-{}", "x".repeat(600)) }),
        json!({ "expectedVersion": -1 }),
        json!({ "expectedVersion": "some" }),
        json!({ "events": [] }),
        json!({ "events": [{ "id": "01992a10-7c01-7000-8000-000000000002", "type": "", "data": null }] }),
        json!({ "events": [{ "id": "01992a10-7c01-7000-8000-000000000002", "type": "Done" }] }),
        json!({ "metadata": {} }),
    ] {
        assert!(!faults("Push", &push(wrong.clone())).is_empty(), "{wrong}");
    }
}

#[tokio::test]
async fn every_resource_of_the_document_is_there_and_has_only_its_methods() {
    let server = start(config()).await;
    let document = openapi();
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        let address = format!(
            "{}{}",
            server.client.server,
            path.replace("{log}", "academy").replace("{stream}", "course-1")
        );
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = server.client.http.request(method.clone(), &address).send().await.unwrap();
            let is_there = item.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(answer.status() != 405, is_there, "{method} {path}: {}", answer.status());
            assert_ne!(answer.status(), 404, "{method} {path}");
        }
    }
}
