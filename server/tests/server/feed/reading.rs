//! What is there.

use super::*;
use serde_json::json;
use std::sync::Arc;
use tidelog::{
    event::Event, json::Json, sync::protocol::problem, time::Timestamp, version::ExpectedVersion::Any,
};
use tidelog_server::{Config, Sqlite, Storage, openapi};

#[tokio::test]
async fn a_feed_has_the_events_of_its_log_or_of_a_stream() {
    let server = start(config()).await;
    let commits = [commit("course-1", Any, 2), commit("exam-1", Any, 1), commit("course-1", Any, 1)];
    server.client.push(&commits).await;
    let all = ask(&server.client, "").await;
    let places = |told: &Told| -> Vec<_> {
        let place = |it: &Value| {
            (
                it["stream"].as_str().unwrap().to_owned(),
                it["version"].as_u64().unwrap(),
                it["position"].as_u64().unwrap(),
            )
        };
        told.events.iter().map(place).collect()
    };
    let at = |stream: &str, version, position| (stream.to_owned(), version, position);
    assert_eq!(
        places(&all),
        [at("course-1", 1, 1), at("course-1", 2, 2), at("exam-1", 1, 3), at("course-1", 3, 4)]
    );
    assert_eq!((all.status, all.up_to_date, &all.next), (200, true, &end(&server.client).await));
    assert_eq!(all.events[2]["id"], commits[1].events[0].id.to_string());
    assert_eq!(all.events[2]["commitId"], commits[1].id.to_string());
    let one = ask(&server.client, "/course-1").await;
    assert_eq!(places(&one), [at("course-1", 1, 1), at("course-1", 2, 2), at("course-1", 3, 4)]);
    assert_eq!((one.up_to_date, &one.next), (true, &all.next));
    let none = ask(&server.client, "/course-2").await;
    assert_eq!((none.events.len(), none.status, none.up_to_date), (0, 200, true));
}

#[tokio::test]
async fn a_message_is_as_documented_and_its_data_as_it_came() {
    let server = start(config()).await;
    let text = "{\"huge\": 1.0e400,\n\t\"n\": 12345678901234567890}";
    let events = vec![Event {
        data: Json::parse(text).unwrap(),
        occurred_at: Some(Timestamp(17)),
        custom: Some(Json::parse("{\"colour\":\"red\"}").unwrap()),
        ..event("null")
    }];
    let pushed = tidelog::commit::Commit { events, ..commit("course-1", Any, 1) };
    server.client.push(std::slice::from_ref(&pushed)).await;
    let answer = feed(&server.client, "").send().await.unwrap().text().await.unwrap();
    assert!(answer.contains(text), "{answer}");
    let data = feed(&server.client, "?payload=data").send().await.unwrap().text().await.unwrap();
    assert_eq!(data, format!("[{text}]"));
    let event = &serde_json::from_str::<Value>(&answer.replace("1.0e400", "1")).unwrap()[0];
    assert_eq!(event["metadata"]["occurredAt"], 17);
    assert_eq!(event["metadata"]["custom"]["colour"], "red");
    assert_eq!(event["metadata"]["actor"], "learner-7");
    let mut schema = json!({ "$ref": "#/components/schemas/FeedEvent" });
    schema["components"] = openapi()["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let faults: Vec<_> = validator.iter_errors(event).map(|fault| fault.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new(), "{event:#}");
    let described = &schema["components"]["schemas"]["FeedEvent"]["properties"];
    for key in event.as_object().unwrap().keys() {
        assert!(described.get(key).is_some(), "{key} is not in the document");
    }
}

#[tokio::test]
async fn offsets_lead_through_a_feed_of_many_answers() {
    let server = start(config()).await;
    let commits: Vec<_> = (0..25).map(|_| commit("course-1", Any, 90)).collect();
    server.client.push(&commits).await;
    for resource in ["", "/course-1"] {
        let (mut offset, mut versions, mut answers) = ("-1".to_owned(), Vec::new(), Vec::new());
        loop {
            let part = ask(&server.client, &format!("{resource}?offset={offset}")).await;
            assert!(part.next > offset || offset == "-1", "offsets rise");
            offset = part.next;
            answers.push(part.events.len());
            versions.extend(part.events.iter().map(|event| event["version"].as_u64().unwrap()));
            if part.up_to_date {
                break;
            }
        }
        assert_eq!(answers, [990, 990, 270], "whole commits");
        assert_eq!(versions, (1..=25 * 90).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_a_reader_has_is_not_sent_again() {
    let server = start(config()).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let first = feed(&server.client, "?offset=-1").send().await.unwrap();
    assert_eq!(first.headers()["cache-control"], "private, no-cache");
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"another\", {tag}"), "*".to_owned()] {
        let again = feed(&server.client, "?offset=-1").header("if-none-match", &known).send().await.unwrap();
        assert_eq!(
            (again.status().as_u16(), again.headers()["etag"].to_str().unwrap()),
            (304, &*tag),
            "{known}"
        );
        assert_eq!(again.text().await.unwrap(), "");
    }
    // The same events, seen through the feed of another reader's rights, have another tag.
    let stream =
        feed(&server.client, "/course-1?offset=-1").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let changed = feed(&server.client, "?offset=-1").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"].to_str().unwrap(), tag);
}

#[tokio::test]
async fn head_tells_the_end_alone() {
    let server = start(config()).await;
    server.client.push(&[commit("course-1", Any, 3)]).await;
    for resource in ["", "/course-1", "/course-2"] {
        let address = format!("{}/feed{resource}", server.client.log);
        let answer = server.client.http.head(address).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(
            told(answer).await,
            Told { status: 200, next: end(&server.client).await, up_to_date: false, events: Vec::new() }
        );
    }
    let now = ask(&server.client, "?offset=now").await;
    assert_eq!(
        now,
        Told { status: 200, next: end(&server.client).await, up_to_date: true, events: Vec::new() }
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_and_makes_no_log() {
    let storage = Arc::new(Sqlite::in_memory().unwrap());
    let server = start(Config { storage: Arc::<Sqlite>::clone(&storage), ..config() }).await;
    let nowhere = feed(&server.client, "").send().await.unwrap();
    problem(nowhere, (404, problem::NOT_FOUND)).await;
    let nowhere = server.client.http.head(format!("{}/feed", server.client.log)).bearer_auth(TOKEN);
    assert_eq!(nowhere.send().await.unwrap().status(), 404);
    let name = tidelog_server::LogName::parse("academy").unwrap();
    assert_eq!(storage.end(&name).await.unwrap(), None);
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let other = LogClient::new(&server.client.server, "other");
    other.push(&[commit("course-1", Any, 1)]).await;
    let beyond = end(&server.client).await.replace("-00000000000001-", "-00000000000009-");
    for (rest, expected) in [
        ("?offset=".to_owned(), (400, problem::INVALID_REQUEST)),
        ("?offset=-1&offset=-1".to_owned(), (400, problem::INVALID_REQUEST)),
        ("?offset=0_0".to_owned(), (400, problem::INVALID_CURSOR)),
        (format!("?offset={}", end(&other).await), (400, problem::INVALID_CURSOR)),
        (format!("?offset={beyond}"), (410, problem::HISTORY_LOST)),
        ("?live=sse".to_owned(), (400, problem::INVALID_REQUEST)),
        ("?live=long-poll".to_owned(), (400, problem::INVALID_REQUEST)),
        ("?offset=-1&live=true".to_owned(), (400, problem::INVALID_REQUEST)),
        ("?offset=-1&live=sse&cursor=x".to_owned(), (400, problem::INVALID_REQUEST)),
        ("?offset=0_0&live=sse".to_owned(), (400, problem::INVALID_CURSOR)),
        ("?payload=all".to_owned(), (400, problem::INVALID_REQUEST)),
        ("/course".to_owned(), (404, problem::NOT_FOUND)),
        ("/course-1/more".to_owned(), (404, problem::NOT_FOUND)),
    ] {
        problem(feed(&server.client, &rest).send().await.unwrap(), expected).await;
    }
    let post = server.client.http.post(format!("{}/feed", server.client.log)).bearer_auth(TOKEN).body("[1]");
    let refused = post.send().await.unwrap();
    assert_eq!(refused.headers()["allow"], "GET,HEAD");
    problem(refused, (405, problem::METHOD_NOT_ALLOWED)).await;
    assert_eq!(server.client.pull(10).await.len(), 1);
}
