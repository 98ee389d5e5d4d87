//! What the tests share: commits to push, a server on a loopback port, a client.

use reqwest::{Client, RequestBuilder, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tidelog::{
    commit::{Command, Commit, ConfirmedCommit},
    event::Event,
    id::{CommitId, DeviceId, EventId, SessionId},
    json::Json,
    metadata::Metadata,
    stream::StreamName,
    sync::protocol::{Cursor, PROTOCOL, Page, Problem, Push, PushOutcome, PushResult, Pushed},
    time::Timestamp,
    version::{ExpectedVersion, Version},
};
use tidelog_server::{Access, Config, Limits, Sqlite, Stopped, Storage, Token, app, serve};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use uuid::Uuid;

pub(crate) const TOKEN: &str = "token-of-the-tests";
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// An id that no other call gives, in any test of this process.
pub(crate) fn id() -> Uuid {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    uuid::Builder::from_unix_timestamp_millis(1_790_000_000_000 + count, &[7; 10]).into_uuid()
}

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::parse(name).unwrap()
}

pub(crate) fn metadata() -> Metadata {
    Metadata {
        correlation_id: Uuid::from_u128(1),
        causation_id: None,
        actor: Some("learner-7".to_owned()),
        device_id: DeviceId(Uuid::from_u128(2)),
        session_id: SessionId(Uuid::from_u128(3)),
        occurred_at: NOW,
        traceparent: None,
    }
}

pub(crate) fn event(data: &str) -> Event {
    Event {
        id: EventId(id()),
        event_type: "LessonCompleted".into(),
        schema_version: 1,
        data: Json::parse(data).unwrap(),
        occurred_at: None,
        custom: None,
    }
}

/// A commit of `count` events.
pub(crate) fn commit(name: &str, expected_version: ExpectedVersion, count: usize) -> Commit {
    Commit {
        id: CommitId(id()),
        stream: stream(name),
        expected_version,
        generation: 0,
        since: None,
        metadata: Arc::new(metadata()),
        command: Some(Command {
            command_type: "CompleteLesson".into(),
            data: Json::parse(r#"{"lesson":"l1"}"#).unwrap(),
        }),
        events: (0..count).map(|index| event(&format!(r#"{{"lesson":"l{index}"}}"#))).collect(),
    }
}

pub(crate) fn caused_by(cause: Uuid, commit: Commit) -> Commit {
    Commit { metadata: Arc::new(Metadata { causation_id: Some(cause), ..metadata() }), ..commit }
}

pub(crate) fn push(commits: Vec<Commit>) -> Push {
    Push {
        protocol: PROTOCOL,
        device_id: DeviceId(Uuid::from_u128(2)),
        producer: None,
        cursor: None,
        commits,
    }
}

pub(crate) fn committed(outcome: &PushOutcome) -> (Version, u64) {
    match outcome.result {
        PushResult::Committed { first_version, first_position } => (first_version, first_position),
        ref other => panic!("{} is {other:?} instead of committed", outcome.id),
    }
}

/// The status words of the outcomes.
pub(crate) fn statuses(pushed: &Pushed) -> Vec<String> {
    let status = |outcome| match serde_json::to_value(outcome).unwrap() {
        Value::Object(fields) => fields["status"].as_str().unwrap().to_owned(),
        other => panic!("{other}"),
    };
    pushed.outcomes.iter().map(status).collect()
}

/// Checks that positions and versions begin at 1 and have neither hole nor double, and ids no double.
#[track_caller]
pub(crate) fn check_log(commits: &[ConfirmedCommit]) {
    let (mut position, mut versions) = (1, BTreeMap::<&str, Version>::new());
    let mut ids = std::collections::HashSet::new();
    for confirmed in commits {
        assert_eq!(confirmed.first_position, position, "position of {}", confirmed.commit.id);
        let version = versions.entry(confirmed.commit.stream.as_str()).or_default();
        assert_eq!(confirmed.first_version, *version + 1, "version of {}", confirmed.commit.id);
        position += confirmed.commit.count();
        *version += confirmed.commit.count();
        assert!(ids.insert(confirmed.commit.id.0), "{} twice", confirmed.commit.id);
        for event in &confirmed.commit.events {
            assert!(ids.insert(event.id.0), "event {} twice", event.id);
        }
    }
}

/// A server in this process, on a free loopback port.
pub(crate) struct Running {
    pub(crate) client: LogClient,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) stopped: JoinHandle<Stopped>,
}

pub(crate) fn config() -> Config {
    config_over(Arc::new(Sqlite::in_memory().unwrap()))
}

pub(crate) fn config_over(storage: Arc<dyn Storage>) -> Config {
    let access = Access::Tokens(vec![Token::parse("another").unwrap(), Token::parse(TOKEN).unwrap()]);
    Config::new(storage, access)
}

pub(crate) async fn start(config: Config) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = LogClient::new(&format!("http://{}", listener.local_addr().unwrap()), "academy");
    let (stop, told) = oneshot::channel();
    let limits: Limits = config.limits;
    let stopped = tokio::spawn(serve(listener, app(config), limits, async {
        // A test that ends without a word stops the server too.
        let _ = told.await;
    }));
    Running { client, stop, stopped }
}

/// Talks to one log of a server.
#[derive(Clone)]
pub(crate) struct LogClient {
    pub(crate) http: Client,
    pub(crate) server: String,
    pub(crate) log: String,
}

impl LogClient {
    pub(crate) fn new(server: &str, log: &str) -> Self {
        // A proxy of the machine's environment must not stand between.
        let http = Client::builder().no_proxy().build().unwrap();
        Self { http, server: server.to_owned(), log: format!("{server}/logs/{log}") }
    }

    pub(crate) fn commits(&self) -> RequestBuilder {
        self.http.post(format!("{}/commits", self.log)).bearer_auth(TOKEN)
    }

    pub(crate) fn events(&self, query: &str) -> RequestBuilder {
        self.http.get(format!("{}/events{query}", self.log)).bearer_auth(TOKEN)
    }

    pub(crate) async fn try_push(&self, push: &Push) -> reqwest::Result<Pushed> {
        self.commits().json(push).send().await?.error_for_status()?.json().await
    }

    pub(crate) async fn push(&self, commits: &[Commit]) -> Pushed {
        let answer = self.commits().json(&push(commits.to_vec())).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn page(&self, after: &Cursor, limit: usize) -> Page {
        let answer = self.events(&format!("?after={}&limit={limit}", after.0)).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The whole log, page by page.
    pub(crate) async fn pull(&self, limit: usize) -> Vec<ConfirmedCommit> {
        let (mut commits, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let page = self.page(&cursor, limit).await;
            commits.extend(page.commits);
            cursor = page.cursor;
            if page.up_to_date {
                return commits;
            }
        }
    }
}

/// Reads an error: it has to be a problem of this status and type that says more in its detail.
#[track_caller]
pub(crate) fn problem_in(status: StatusCode, media_type: &str, text: &str, expected: (u16, &str)) -> Problem {
    assert_eq!(status.as_u16(), expected.0, "{text}");
    assert_eq!(media_type, "application/problem+json", "{text}");
    let problem: Problem = serde_json::from_str(text).unwrap();
    assert_eq!(&*problem.problem_type, expected.1, "{text}");
    assert_eq!(problem.status, Some(expected.0));
    assert!(problem.detail.as_ref().is_some_and(|detail| !detail.is_empty()), "{text}");
    problem
}

pub(crate) async fn problem(answer: Response, expected: (u16, &str)) -> Problem {
    let status = answer.status();
    let media_type = answer.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
    let text = answer.text().await.unwrap();
    problem_in(status, &media_type.unwrap_or_default(), &text, expected)
}
