//! The conversation in docs/protocol.md, replayed: what the page shows is what the server answers.
//!
//! With `TIDELOG_WRITE_DOCS=1` the answers are written into the page instead.

use crate::{contract::Still, kit::*};
use reqwest::{Method, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fs, sync::Arc};
use tidelog::sync::protocol::{Page, Problem, Pushed};
use tidelog_server::{Access, Config, Sqlite, Storage, Token};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
/// Stands in the page for the identity that the log got by chance.
const LOG_ID: &str = "5fd92462-5f6a-4e8b-9c55-3d7f0a6be1c2";
const REQUEST: &str = "```http request\n";
const RESPONSE: &str = "```http response\n";

/// A message of the page: first line, headers, body.
struct Message<'a> {
    first: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Message<'a> {
    fn read(text: &'a str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
        let headers = headers.lines().map(|line| line.split_once(": ").unwrap()).collect();
        Self { first, headers, body }
    }
}

/// Replaces the beginning of each cursor, and the identity as a whole.
fn with_log_id(text: &str, from: &str, to: &str) -> String {
    let short = |id: &str| id.replace('-', "")[..16].to_owned();
    text.replace(from, to).replace(&short(from), &short(to))
}

async fn ask(server: &Running, text: &str) -> Response {
    let Message { first, headers, body } = Message::read(text);
    let (method, path) = first.split_once(' ').unwrap();
    let method: Method = method.parse().unwrap();
    let mut request = server.client.http.request(method, format!("{}{path}", server.client.server));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(body.to_owned()).send().await.unwrap()
}

/// The answer as the page shows it.
async fn shown(answer: Response) -> String {
    let status = answer.status();
    let mut text = format!("{} {}\n", status.as_u16(), status.canonical_reason().unwrap());
    for name in ["Content-Type", "WWW-Authenticate", "Retry-After"] {
        if let Some(value) = answer.headers().get(name) {
            text += &format!("{name}: {}\n", value.to_str().unwrap());
        }
    }
    let body = answer.text().await.unwrap();
    let body = pretty::<Page>(&body).or_else(|| pretty::<Pushed>(&body)).or_else(|| pretty::<Problem>(&body));
    text + "\n" + &body.expect("an answer is a message of the protocol") + "\n"
}

/// The body with its fields in the order of the protocol.
fn pretty<T: DeserializeOwned + Serialize>(body: &str) -> Option<String> {
    serde_json::to_string_pretty(&serde_json::from_str::<T>(body).ok()?).ok()
}

#[tokio::test]
async fn the_conversation_is_true() {
    let storage = Sqlite::in_memory().unwrap().with_clock(Still(NOW));
    the_conversation_is_true_over(Arc::new(storage)).await;
}

mod postgres {
    use crate::{contract::Place, postgres::Shared};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_conversation_is_true() {
        // The page is written once.
        if std::env::var_os("TIDELOG_WRITE_DOCS").is_none() {
            super::the_conversation_is_true_over(Shared::default().open()).await;
        }
    }
}

async fn the_conversation_is_true_over(storage: Arc<dyn Storage>) {
    let access = Access::Tokens(vec![Token::parse("learner-7").unwrap()]);
    let server = start(Config::new(storage, access)).await;
    let log_id = ask(&server, "GET /logs/academy/events\nAuthorization: Bearer learner-7").await;
    let log_id = log_id.json::<Value>().await.unwrap()["logId"].as_str().unwrap().to_owned();

    let page = fs::read_to_string(PAGE).unwrap();
    let mut parts = page.split(REQUEST);
    let mut written = parts.next().unwrap().to_owned();
    let mut exchanges = 0;
    for part in parts {
        let (request, rest) = part.split_once("```\n").unwrap();
        let documented = rest.strip_prefix(RESPONSE).expect("a response follows each request");
        // An answer that was not written yet is empty.
        let (documented, after) = documented.split_once("```\n").unwrap();
        let answer = ask(&server, &with_log_id(request, LOG_ID, &log_id)).await;
        let answer = with_log_id(&shown(answer).await, &log_id, LOG_ID);
        if std::env::var_os("TIDELOG_WRITE_DOCS").is_none() {
            assert_eq!(message(documented), message(&answer), "\n{request}");
        }
        written += &format!("{REQUEST}{request}```\n{RESPONSE}{answer}```\n{after}");
        exchanges += 1;
    }
    assert!(exchanges >= 10, "the page has a conversation");
    if std::env::var_os("TIDELOG_WRITE_DOCS").is_some() {
        fs::write(PAGE, written).unwrap();
    }
}

/// A response with its body read, so that its white space does not count.
fn message(text: &str) -> (String, Value) {
    let (head, body) = text.split_once("\n\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

/// The exchanges of the page: the body of the request, if it has one, the status of the answer and its body.
pub(crate) fn exchanges() -> Vec<(Option<Value>, u16, Value)> {
    let page = fs::read_to_string(PAGE).unwrap();
    let exchange = |part: &str| {
        let (request, rest) = part.split_once("```\n").unwrap();
        let (response, _) = rest.strip_prefix(RESPONSE).unwrap().split_once("```\n").unwrap();
        let (head, body) = message(response);
        let asked = Message::read(request).body;
        let asked = (!asked.is_empty()).then(|| serde_json::from_str(asked).unwrap());
        (asked, head[..3].parse().unwrap(), body)
    };
    page.split(REQUEST).skip(1).map(exchange).collect()
}
