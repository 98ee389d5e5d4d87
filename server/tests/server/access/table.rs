//! The table of who may do what: every cell is tried, over real HTTP.

use super::*;
use crate::live::Stream;
use std::{collections::BTreeSet, fmt::Write};
use tidelog::{
    id::DeviceId,
    sync::protocol::{Page, Pushed, problem as problems},
    version::ExpectedVersion::{Any, None as Nothing},
};
use uuid::Uuid;

/// What is tried. `own` is a stream of Ada's, `foreign` one of Bob's.
const REQUESTS: [&str; 15] = [
    "pull",
    "stream",
    "wait",
    "feed",
    "feed own",
    "feed foreign",
    "push own",
    "push foreign",
    "conflict foreign",
    "commit id of foreign in foreign",
    "commit id of foreign in own",
    "event id of foreign in own",
    "cursor of another log",
    "markers",
    "healthz",
];

/// What comes of it: the status; then the aggregates that were seen, or what became of the commit.
const TABLE: &str = "
nobody            | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 200
unknown           | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 200
expired           | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 200
unsigned          | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 200
wrong key         | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 200
wrong audience    | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 401 | 200
another log       | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 200
nothing           | 403 | 403 | 403 | 403 | 403 | 403 | forbidden | forbidden | forbidden | forbidden | forbidden | forbidden | 403 | 403 | 200
reads only        | ada course | ada course | ada course | ada course | ada | 403 | forbidden | forbidden | forbidden | forbidden | forbidden | forbidden | 400 | seen | 200
writes only       | 403 | 403 | 403 | 403 | 403 | 403 | committed | forbidden | forbidden | forbidden | forbidden | duplicate-event | 403 | 403 | 200
ada               | ada course | ada course | ada course | ada course | ada | 403 | committed | forbidden | forbidden | forbidden | forbidden | duplicate-event | 400 | seen | 200
on another device | ada course | ada course | ada course | ada course | ada | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 400 | seen | 200
on her device     | ada course | ada course | ada course | ada course | ada | 403 | committed | forbidden | forbidden | forbidden | forbidden | duplicate-event | 400 | seen | 200
another tenant    | eve | eve | eve | eve | 403 | 403 | forbidden | forbidden | forbidden | forbidden | forbidden | forbidden | 400 | seen | 200
teacher           | ada bob course eve | ada bob course eve | ada bob course eve | ada bob course eve | ada | bob | forbidden | committed | conflict | duplicate | duplicate | forbidden | 400 | seen | 200
plain token       | ada bob course eve | ada bob course eve | ada bob course eve | ada bob course eve | ada | bob | committed | committed | conflict | duplicate | duplicate | duplicate-event | 400 | seen | 200
";

/// The device of the kit's pushes.
const DEVICE: Uuid = Uuid::from_u128(2);

fn bearers() -> Vec<(&'static str, Option<String>)> {
    let with = |key: &str, value: Value| {
        let mut claims = claims(ada());
        claims[key] = value;
        claims
    };
    let may = |tidelog: Value| Some(hs256(&claims(tidelog)));
    let on = |device: Uuid| {
        let mut allowed = ada();
        allowed["device"] = device.to_string().into();
        may(allowed)
    };
    let forged = |header: Value, secret: &'static [u8]| {
        Some(signing::token(&header, &claims(ada()), |message| {
            if secret.is_empty() { Vec::new() } else { signing::hmac(secret, message) }
        }))
    };
    vec![
        ("nobody", None),
        ("unknown", Some("another-token".to_owned())),
        ("expired", Some(hs256(&with("exp", (now() - 60).into())))),
        ("unsigned", forged(json!({ "alg": "none" }), b"")),
        ("wrong key", forged(json!({ "alg": "HS256" }), b"not the secret that the server has")),
        ("wrong audience", Some(hs256(&with("aud", "mail".into())))),
        ("another log", may(json!({ "logs": ["school"], "read": ["*"], "write": ["*"] }))),
        ("nothing", may(json!({ "logs": ["academy"] }))),
        ("reads only", may(json!({ "logs": ["academy"], "read": ["course", "exam-ada-*"] }))),
        ("writes only", may(json!({ "logs": ["academy"], "write": ["exam-ada-*"] }))),
        ("ada", may(ada())),
        ("on another device", on(Uuid::from_u128(9))),
        ("on her device", on(DEVICE)),
        (
            "another tenant",
            may(json!({ "logs": ["academy"], "read": ["exam-eve-*"], "write": ["exam-eve-*"] })),
        ),
        ("teacher", may(json!({ "logs": ["aca*"], "read": ["course", "exam"], "write": ["exam-bob-*"] }))),
        ("plain token", Some(TOKEN.to_owned())),
    ]
}

struct World {
    server: Running,
    storage: Arc<Counting>,
    /// What Bob has pushed.
    foreign: Commit,
    cursor_of_another_log: String,
}

impl World {
    async fn new() -> Self {
        let storage = Counting::new();
        let server = start_with(Arc::clone(&storage), Vec::new()).await;
        let foreign = commit("exam-bob-1", Any, 3);
        let commits = [
            commit("course-1", Any, 1),
            foreign.clone(),
            commit("exam-ada-1", Any, 1),
            commit("exam-eve-1", Any, 1),
        ];
        server.client.push(&commits).await;
        let other = LogClient::new(&server.client.server, "school");
        other.push(&[commit("course-1", Any, 1)]).await;
        let cursor_of_another_log =
            other.page(&tidelog::sync::protocol::Cursor::default(), 10).await.cursor.0;
        Self { server, storage, foreign, cursor_of_another_log }
    }

    /// What comes of one request, in a word or two.
    async fn cell(&self, token: Option<&str>, request: &str) -> String {
        let client = &self.server.client;
        let with_event = || {
            let mut made = commit("exam-ada-5", Any, 1);
            made.events[0].id = self.foreign.events[0].id;
            made
        };
        let pushed = match request {
            "push own" => commit("exam-ada-1", Any, 1),
            "push foreign" => commit("exam-bob-2", Any, 1),
            "conflict foreign" => commit("exam-bob-1", Nothing, 1),
            "commit id of foreign in foreign" => with_id(commit("exam-bob-1", Any, 1), self.foreign.id),
            "commit id of foreign in own" => with_id(commit("exam-ada-4", Any, 1), self.foreign.id),
            "event id of foreign in own" => with_event(),
            "healthz" => {
                let answer = client.http.get(format!("{}/healthz", client.server)).send().await.unwrap();
                return answer.status().as_u16().to_string();
            }
            _ => return self.read(token, request).await,
        };
        let answer = push_as(client, token, &push(vec![pushed])).send().await.unwrap();
        if answer.status() != 200 {
            return self.refused(answer).await;
        }
        assert_eq!(self.storage.calls(), 1);
        let pushed: Pushed = answer.json().await.unwrap();
        let outcome = serde_json::to_value(&pushed.outcomes[0]).unwrap();
        let word = outcome["problem"]["type"].as_str().or(outcome["status"].as_str()).unwrap();
        word.rsplit(':').next().unwrap().to_owned()
    }

    async fn read(&self, token: Option<&str>, request: &str) -> String {
        let query = match request {
            "wait" => "?wait=30".to_owned(),
            "cursor of another log" => format!("?after={}", self.cursor_of_another_log),
            _ => String::new(),
        };
        if request == "markers" {
            return self.markers(token).await;
        }
        if let Some(of) = request.strip_prefix("feed") {
            return self.feed(token, of.trim()).await;
        }
        let asked = pull_as(&self.server.client, token, &query);
        let asked = if request == "stream" { asked.header("accept", "text/event-stream") } else { asked };
        let answer = asked.send().await.unwrap();
        if answer.status() != 200 {
            return self.refused(answer).await;
        }
        let page: Page = if request == "stream" {
            let mut stream = Stream::of(answer).await;
            stream.control().await;
            stream.page().await
        } else {
            answer.json().await.unwrap()
        };
        assert!(self.storage.calls() >= 1);
        owners(page.commits.iter().map(|it| it.commit.stream.as_str()))
    }

    /// Reads the markers of archived streams; the contract of the storages tells who sees which.
    async fn markers(&self, token: Option<&str>) -> String {
        let asked = self.server.client.http.get(format!("{}/archived", self.server.client.log));
        let asked = token.into_iter().fold(asked, reqwest::RequestBuilder::bearer_auth);
        let answer = asked.send().await.unwrap();
        if answer.status() != 200 {
            return self.refused(answer).await;
        }
        assert_eq!(self.storage.calls(), 1);
        "seen".to_owned()
    }

    /// Reads the feed of the log, or of one of its streams.
    async fn feed(&self, token: Option<&str>, of: &str) -> String {
        let stream = match of {
            "own" => "/exam-ada-1",
            "foreign" => "/exam-bob-1",
            _ => "",
        };
        let asked = self.server.client.http.get(format!("{}/feed{stream}", self.server.client.log));
        let asked = token.into_iter().fold(asked, reqwest::RequestBuilder::bearer_auth);
        let answer = asked.send().await.unwrap();
        if answer.status() != 200 {
            return self.refused(answer).await;
        }
        assert!(self.storage.calls() >= 1);
        let events: Vec<Value> = answer.json().await.unwrap();
        owners(events.iter().map(|event| event["stream"].as_str().unwrap()))
    }

    async fn refused(&self, answer: reqwest::Response) -> String {
        let status = answer.status().as_u16();
        let kind = match status {
            401 => problems::UNAUTHORIZED,
            403 => problems::FORBIDDEN,
            _ => problems::INVALID_CURSOR,
        };
        problem(answer, (status, kind)).await;
        // Who may not do it does not make the server look.
        assert_eq!(self.storage.calls(), usize::from(status == 400));
        status.to_string()
    }
}

/// Whose streams these are.
fn owners<'a>(streams: impl Iterator<Item = &'a str>) -> String {
    let owner = |stream: &'a str| match stream.split('-').collect::<Vec<_>>()[..] {
        ["exam", owner, _] => owner,
        _ => "course",
    };
    let owners: BTreeSet<_> = streams.map(owner).collect();
    owners.into_iter().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_may_do_what() {
    let mut table = String::from("\n");
    for (name, token) in bearers() {
        let world = World::new().await;
        write!(table, "{name:17}").unwrap();
        world.storage.calls();
        for request in REQUESTS {
            // A stream that ends may still look once more: it has a world of its own.
            let own = if request == "stream" { Some(World::new().await) } else { None };
            let world = own.as_ref().unwrap_or(&world);
            world.storage.calls();
            write!(table, " | {}", world.cell(token.as_deref(), request).await).unwrap();
        }
        table += "\n";
    }
    assert_eq!(table, TABLE);
}

#[tokio::test]
async fn a_log_that_is_not_allowed_is_as_one_that_does_not_exist() {
    let World { server, storage, .. } = World::new().await;
    let token = hs256(&claims(ada()));
    storage.calls();
    let mut answers = BTreeSet::new();
    for name in ["school", "nowhere", "academy-2"] {
        let other = LogClient::new(&server.client.server, name);
        for request in [
            pull_as(&other, Some(&token), ""),
            push_as(&other, Some(&token), &push(vec![commit("exam-ada-1", Any, 1)])),
        ] {
            let answer = request.send().await.unwrap();
            let head = format!("{} {:?}", answer.status(), answer.headers().get("content-type"));
            answers.insert(format!("{head} {}", answer.text().await.unwrap()));
        }
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(storage.calls(), 0);
}

#[tokio::test]
async fn other_tenants_streams_are_invisible() {
    let World { server, storage, foreign, .. } = World::new().await;
    let token = hs256(&claims(ada()));
    let answer = async |made: Commit| {
        storage.calls();
        let answer = push_as(&server.client, Some(&token), &push(vec![made.clone()])).send().await.unwrap();
        let text = answer.text().await.unwrap();
        // The same calls, of which a rejected commit's stream is no part (`facts` of each storage leaves it out).
        assert_eq!(storage.calls(), 1);
        text.replace(&made.id.to_string(), "ID").replace(made.stream.as_str(), "STREAM")
    };
    for expected in [Any, Nothing] {
        let there = answer(commit("exam-bob-1", expected, 1)).await;
        assert_eq!(there, answer(commit("exam-nobody-1", expected, 1)).await);
    }
    let again = answer(with_id(commit("exam-bob-1", Any, 1), foreign.id)).await;
    assert_eq!(again, answer(commit("exam-nobody-1", Any, 1)).await);
}

#[tokio::test]
async fn producers_of_others_can_be_neither_fenced_nor_found_out() {
    let World { server, .. } = World::new().await;
    let as_subject = |subject: &str| {
        let mut claims = claims(json!({ "logs": ["academy"], "read": ["*"], "write": ["*"] }));
        claims["sub"] = subject.into();
        hs256(&claims)
    };
    let numbered = |sequence| {
        let producer = tidelog::sync::protocol::Producer { id: DeviceId(DEVICE), epoch: 0, sequence };
        Push { producer: Some(producer), ..push(vec![commit("course-1", Any, 1)]) }
    };
    let status = async |token: &str, sequence| {
        push_as(&server.client, Some(token), &numbered(sequence)).send().await.unwrap().status().as_u16()
    };
    let (ada, bob) = (as_subject("ada"), as_subject("bob"));
    assert_eq!(status(&ada, 900).await, 200);
    assert_eq!(status(&bob, 1).await, 200);
    assert_eq!(status(&bob, 1).await, 409);
    assert_eq!(status(&as_subject("ada"), 899).await, 409, "another token of the same subject is the same");
}
