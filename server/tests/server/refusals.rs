//! Every error, with its status and problem type, and nothing written.

use crate::{contract::academy, kit::*};
use futures_util::future::BoxFuture;
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::{collections::HashSet, slice::from_ref, sync::Arc, time::Duration};
use tidelog::{
    id::CommitId,
    stream::StreamName,
    sync::protocol::{Archived, ArchivedPage, Cursor, MAX_PUSH_COMMITS, Page, Pushed, problem},
    version::{ExpectedVersion::Any, Version},
};
use tidelog_server::{
    Access, Config, Limits, LogName, Storage,
    storage::{Bell, History, Leaving, Offer, PageError, PageLimit, PushError, StorageError, Streams},
};

fn body(commits: Value) -> Value {
    json!({ "protocol": 1, "deviceId": "00000000-0000-0000-0000-000000000002", "commits": commits })
}

#[tokio::test]
async fn bodies_that_are_no_push() {
    let server = start(config()).await;
    let good = serde_json::to_value(commit("course-1", Any, 1)).unwrap();
    let without = |field: &str| {
        let mut push = body(json!([good]));
        push.as_object_mut().unwrap().remove(field);
        push.to_string()
    };
    let nested = format!("{{\"protocol\":{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let no_id = {
        let mut commit = good.clone();
        commit["id"] = json!(7);
        body(json!([good, commit])).to_string()
    };
    let not_utf8 = [br#"{"protocol":1,"deviceId":""#.as_slice(), &[0xff], b"\"}"].concat();
    let bad_raw = String::from_utf8(body(json!([good])).to_string().into_bytes())
        .unwrap()
        .replace("\"l0\"", "\"\u{1}\"");
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (b"".to_vec(), problem::INVALID_REQUEST, "line 1 column 0"),
        (b"<html></html>".to_vec(), problem::INVALID_REQUEST, "line 1 column 1"),
        (b"{\"protocol\": 1,\n  oops".to_vec(), problem::INVALID_REQUEST, "line 2 column 3"),
        (b"[]".to_vec(), problem::INVALID_REQUEST, "invalid"),
        (b"null".to_vec(), problem::INVALID_REQUEST, "null"),
        (nested.into_bytes(), problem::INVALID_REQUEST, "protocol"),
        (not_utf8, problem::INVALID_REQUEST, "deviceId"),
        (without("deviceId").into_bytes(), problem::INVALID_REQUEST, "missing field `deviceId`"),
        (without("commits").into_bytes(), problem::INVALID_REQUEST, "missing field `commits`"),
        (without("protocol").into_bytes(), problem::INVALID_REQUEST, "missing field `protocol`"),
        (body(json!([])).to_string().into_bytes(), problem::INVALID_REQUEST, "at least one commit"),
        (body(json!({})).to_string().into_bytes(), problem::INVALID_REQUEST, "commits: invalid type: map"),
        (body(json!([good, 7])).to_string().into_bytes(), problem::INVALID_REQUEST, "commits[1]"),
        (no_id.into_bytes(), problem::INVALID_REQUEST, "commits[1].id"),
        (bad_raw.into_bytes(), problem::INVALID_REQUEST, "control character"),
        ((body(json!([good])).to_string() + "7").into_bytes(), problem::INVALID_REQUEST, "trailing"),
        (br#"{"protocol":2,"events":[]}"#.to_vec(), problem::UNSUPPORTED_PROTOCOL, "protocol 2"),
        (
            br#"{"protocol":0,"deviceId":"00000000-0000-0000-0000-000000000002","commits":[]}"#.to_vec(),
            problem::UNSUPPORTED_PROTOCOL,
            "speaks 1",
        ),
    ];
    for (body, problem_type, says) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer =
            server.client.commits().header(CONTENT_TYPE, "application/json").body(body).send().await.unwrap();
        let detail = problem(answer, (400, problem_type)).await.detail.unwrap();
        assert!(detail.contains(says), "{shown}: {detail} should say {says}");
    }
    assert_eq!(server.client.pull(1000).await, []);
}

#[tokio::test]
async fn a_malformed_commit_is_refused_and_the_others_are_not() {
    let server = start(config()).await;
    let spoil = |pointer: &str, value: Value| {
        let mut commit = serde_json::to_value(commit("course-1", Any, 2)).unwrap();
        *commit.pointer_mut(pointer).unwrap() = value;
        commit
    };
    let cases = [
        (spoil("/stream", json!("course")), "commits[0].stream: "),
        (spoil("/stream", json!(format!("course-{}", "x".repeat(512)))), "519 bytes"),
        (spoil("/stream", json!("course-\n")), "control character"),
        (spoil("/expectedVersion", json!(1.5)), "commits[0].expectedVersion: "),
        (spoil("/expectedVersion", json!(-1)), "commits[0].expectedVersion: "),
        (spoil("/expectedVersion", json!(9_007_199_254_740_992_u64)), "9007199254740991"),
        (spoil("/metadata", json!([])), "commits[0].metadata"),
        (spoil("/metadata/deviceId", json!("phone")), "commits[0].metadata.deviceId: "),
        (spoil("/command/type", Value::Null), "commits[0].command.type: "),
        (spoil("/events", json!("none")), "commits[0].events: "),
        (spoil("/events/1", json!({})), "commits[0].events[1]"),
        (spoil("/events/1/id", json!("e1")), "commits[0].events[1].id: "),
        (spoil("/events/1/schemaVersion", json!(-1)), "commits[0].events[1].schemaVersion: "),
        (spoil("/events/1/type", json!("")), "event 1 has an empty type"),
    ];
    for (index, (spoiled, says)) in cases.into_iter().enumerate() {
        let good = serde_json::to_value(commit("course-2", Any, 1)).unwrap();
        let answer = server.client.commits().json(&body(json!([spoiled, good]))).send().await.unwrap();
        let pushed: Pushed = answer.error_for_status().unwrap().json().await.unwrap();
        assert_eq!(statuses(&pushed), ["rejected", "committed"], "{says}");
        assert_eq!(pushed.outcomes[0].id.to_string(), spoiled["id"].as_str().unwrap());
        let outcome = serde_json::to_value(&pushed.outcomes[0]).unwrap();
        assert_eq!(outcome["problem"]["type"], problem::INVALID_COMMIT);
        let detail = outcome["problem"]["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail} should say {says}");
        assert_eq!(server.client.pull(1000).await.len(), index + 1);
    }
}

#[tokio::test]
async fn sizes_and_media_types() {
    let server =
        start(Config { limits: Limits { max_body: 100_000, ..Limits::default() }, ..config() }).await;
    let many: Vec<_> = (0..=MAX_PUSH_COMMITS).map(|number| json!({ "id": number })).collect();
    let answer = server.client.commits().json(&body(json!(many))).send().await.unwrap();
    let detail = problem(answer, (413, problem::TOO_LARGE)).await.detail.unwrap();
    assert!(detail.contains("1001 commits") && detail.contains("limit of 1000"), "{detail}");

    let declared = server.client.commits().header(CONTENT_TYPE, "application/json").body(vec![b' '; 100_001]);
    let detail = problem(declared.send().await.unwrap(), (413, problem::TOO_LARGE)).await.detail.unwrap();
    assert!(detail.contains("100000 bytes"), "{detail}");

    let push = serde_json::to_vec(&push(vec![commit("course-1", Any, 1)])).unwrap();
    let media_types =
        ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data"];
    for media_type in media_types {
        let request = server.client.commits().header(CONTENT_TYPE, media_type).body(push.clone());
        problem(request.send().await.unwrap(), (415, problem::INVALID_REQUEST)).await;
    }
    let encoded =
        server.client.commits().header(CONTENT_TYPE, "application/json").header("content-encoding", "gzip");
    problem(encoded.body(push.clone()).send().await.unwrap(), (415, problem::INVALID_REQUEST)).await;
    assert_eq!(server.client.pull(1000).await, []);
    let good = server.client.commits().header(CONTENT_TYPE, "Application/JSON; charset=utf-8").body(push);
    assert_eq!(good.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn cursors_and_limits() {
    let server = start(config()).await;
    server.client.push(&[commit("course-1", Any, 1)]).await;
    let end = server.client.page(&Cursor::default(), 10).await.cursor;
    let ahead = end.0.replace("-00000000000001-", "-00000000000002-");
    for after in ["latest", "0", "%00", "%F0%9F%8C%8A", "%FF"] {
        let answer = server.client.events(&format!("?after={after}")).send().await.unwrap();
        problem(answer, (400, problem::INVALID_CURSOR)).await;
    }
    let answer = server.client.events(&format!("?after={ahead}")).send().await.unwrap();
    problem(answer, (410, problem::HISTORY_LOST)).await;
    for (cursor, expected) in
        [("latest", (400, problem::INVALID_CURSOR)), (&*ahead, (410, problem::HISTORY_LOST))]
    {
        let mut made_there = serde_json::to_value(push(vec![commit("course-1", Any, 1)])).unwrap();
        made_there["cursor"] = cursor.into();
        problem(server.client.commits().json(&made_there).send().await.unwrap(), expected).await;
    }
    for query in ["?limit=0", "?limit=1001", "?limit=-1", "?limit=ten", "?limit=", "?limit=1&limit=2"] {
        let answer = server.client.events(query).send().await.unwrap();
        problem(answer, (400, problem::INVALID_REQUEST)).await;
    }
    for query in ["?protocol=2", "?protocol=0&limit=0", "?wait=1&protocol=999"] {
        let answer = server.client.events(query).send().await.unwrap();
        let told = problem(answer, (400, problem::UNSUPPORTED_PROTOCOL)).await;
        assert_eq!(told.supported, Some(vec![1]));
    }
    let answer = server.client.events("?protocol=one").send().await.unwrap();
    problem(answer, (400, problem::INVALID_REQUEST)).await;
    for query in ["", "?", "?after=", "?protocol=1", "?limit=1000", "?unknown=1"] {
        let answer = server.client.events(query).send().await.unwrap().error_for_status().unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.json::<Page>().await.unwrap().commits.len(), 1, "{query}");
    }
}

#[tokio::test]
async fn addresses_methods_and_tokens() {
    let server = start(config()).await;
    let http = &server.client.http;
    let at = |path: &str| format!("{}{path}", server.client.server);
    let paths =
        ["/", "/logs", "/logs/academy/", "/logs/academy/events/", "/logs//events", "/healthz/x", "/%FF"];
    for path in paths {
        let answer = http.get(at(path)).bearer_auth(TOKEN).send().await.unwrap();
        problem(answer, (404, problem::NOT_FOUND)).await;
    }
    let long = "a".repeat(64);
    for name in ["Academy", "-a", "a_b", "a%2Fb", "%C3%A4", "%FF", &long] {
        let answer = http.get(at(&format!("/logs/{name}/events"))).bearer_auth(TOKEN).send().await.unwrap();
        problem(answer, (404, problem::NOT_FOUND)).await;
    }
    let methods = [
        ("/logs/academy/commits", Method::GET, "POST"),
        ("/logs/academy/commits", Method::DELETE, "POST"),
        ("/logs/academy/events", Method::POST, "GET,HEAD"),
        ("/logs/academy", Method::PUT, "GET,HEAD"),
        ("/healthz", Method::PUT, "GET,HEAD"),
    ];
    for (path, method, allow) in methods {
        let answer = http.request(method, at(path)).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.headers()["allow"], allow);
        problem(answer, (405, problem::METHOD_NOT_ALLOWED)).await;
    }
    let challenges = [
        (None, "Bearer realm=\"tidelog\""),
        (Some("Basic dG9rZW4="), "Bearer realm=\"tidelog\""),
        (Some("Bearer"), "Bearer realm=\"tidelog\""),
        (Some("Bearer wrong"), "Bearer realm=\"tidelog\", error=\"invalid_token\""),
    ];
    for (authorization, challenge) in challenges {
        for request in [http.get(at("/logs/academy/events")), http.post(at("/logs/academy/commits"))] {
            let request = match authorization {
                Some(value) => request.header("authorization", value),
                None => request,
            };
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers()["www-authenticate"], challenge);
            problem(answer, (401, problem::UNAUTHORIZED)).await;
        }
    }
    for probe in ["/healthz", "/readyz"] {
        let answer = http.get(at(probe)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "ok\n"));
    }
    let open = start(Config { access: Access::Open, ..config() }).await;
    let answer = open.client.http.get(format!("{}/events", open.client.log)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// What a broken storage says; nothing if it never answers.
type Failure = fn() -> Option<StorageError>;

/// A storage whose database is gone, or never answers.
struct Broken {
    failure: Failure,
    bell: Bell,
}

impl Broken {
    fn answer<T: Send + 'static, E: From<StorageError> + Send + 'static>(
        &self,
    ) -> BoxFuture<'_, Result<T, E>> {
        Box::pin(async {
            match (self.failure)() {
                Some(error) => Err(error.into()),
                None => std::future::pending().await,
            }
        })
    }
}

impl Storage for Broken {
    fn push<'a>(&'a self, _: &'a LogName, _: Offer) -> BoxFuture<'a, Result<Pushed, PushError>> {
        self.answer()
    }
    fn page<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a Cursor,
        _: PageLimit,
        _: &'a Streams,
    ) -> BoxFuture<'a, Result<Page, PageError>> {
        self.answer()
    }
    fn end<'a>(&'a self, _: &'a LogName) -> BoxFuture<'a, Result<Option<Cursor>, StorageError>> {
        self.answer()
    }

    fn standing<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a [CommitId],
    ) -> BoxFuture<'a, Result<HashSet<CommitId>, StorageError>> {
        self.answer()
    }
    fn history<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a StreamName,
        _: Version,
        _: usize,
    ) -> BoxFuture<'a, Result<History, StorageError>> {
        self.answer()
    }
    fn archived<'a>(
        &'a self,
        _: &'a LogName,
        _: &'a Cursor,
        _: usize,
        _: &'a Streams,
    ) -> BoxFuture<'a, Result<ArchivedPage, PageError>> {
        self.answer()
    }
    fn archive<'a>(
        &'a self,
        _: &'a LogName,
        _: Vec<Leaving>,
    ) -> BoxFuture<'a, Result<Vec<Archived>, StorageError>> {
        self.answer()
    }
    fn bell(&self) -> &Bell {
        &self.bell
    }
    fn ping(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.answer()
    }
}

#[tokio::test]
async fn a_failing_database_is_told_from_a_busy_one_and_tells_nothing() {
    const SECRET: &str = "disk /var/secret is gone";
    let cases: [(Failure, u16); 5] = [
        (|| Some(StorageError::Failed(SECRET.into())), 500),
        (|| Some(StorageError::Corrupt { log: academy(), position: 3, reason: SECRET.to_owned() }), 500),
        (|| Some(StorageError::Unavailable(SECRET.into())), 503),
        (|| Some(StorageError::Stopped), 503),
        (|| None, 503),
    ];
    for (failure, status) in cases {
        let never = failure().is_none();
        let request_timeout =
            if never { Duration::from_millis(50) } else { Limits::default().request_timeout };
        let limits = Limits { request_timeout, ..Limits::default() };
        let server = start(Config {
            storage: Arc::new(Broken { failure, bell: Bell::default() }),
            limits,
            ..config()
        })
        .await;
        let requests =
            [server.client.commits().json(&push(vec![commit("course-1", Any, 1)])), server.client.events("")];
        for request in requests {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers().contains_key("retry-after"), status == 503);
            let problem = problem(answer, (status, problem::UNAVAILABLE)).await;
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
        // It is not ready, and to start it again would help nobody.
        let probe = |path| server.client.http.get(format!("{}{path}", server.client.server)).send();
        let ready = problem(probe("/readyz").await.unwrap(), (503, problem::UNAVAILABLE)).await;
        assert!(!format!("{ready:?}").contains("secret"), "{ready:?}");
        assert_eq!(probe("/healthz").await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_push_of_a_producer_that_is_behind_is_fenced() {
    let server = start(config()).await;
    let numbered = |sequence: Value, commits: &[Value]| {
        let mut push = body(json!(commits));
        push["producer"] =
            json!({ "id": "00000000-0000-0000-0000-000000000002", "epoch": 0, "sequence": sequence });
        push
    };
    let [one, other] = [1, 2].map(|_| serde_json::to_value(commit("course-1", Any, 1)).unwrap());
    let send = async |push: &Value| server.client.commits().json(push).send().await.unwrap();
    assert_eq!(send(&numbered(json!(5), from_ref(&one))).await.status(), 200);
    assert_eq!(send(&numbered(json!(5), from_ref(&one))).await.status(), 200, "the same once more");
    problem(send(&numbered(json!(5), from_ref(&other))).await, (409, problem::FENCED)).await;
    problem(send(&numbered(json!(4), from_ref(&other))).await, (409, problem::FENCED)).await;
    for bad in [json!(-1), json!(1.5), json!(9_007_199_254_740_992_u64), json!("6"), Value::Null] {
        problem(send(&numbered(bad, from_ref(&other))).await, (400, problem::INVALID_REQUEST)).await;
    }
    assert_eq!(server.client.pull(1000).await.len(), 1);
    assert_eq!(send(&numbered(json!(6), &[other])).await.status(), 200);
}
