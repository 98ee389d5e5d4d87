//! Who may do what.

mod counting;
mod genuine;
mod published;
mod rates;
mod signing;
mod streams;
mod table;

use crate::kit::*;
use counting::Counting;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use signing::{Issuer, SECRET, hs256, now};
use std::sync::Arc;
use tidelog::{commit::Commit, sync::protocol::Push};
use tidelog_server::{Access, Config, Key, Token, Verifier};

const AUDIENCE: &str = "tidelog";
const ISSUER: &str = "https://academy.example";

/// Claims that are in order, for an hour; `tidelog` says what they allow.
fn claims(tidelog: Value) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": now() + 3_600, "nbf": now() - 5, "tidelog": tidelog })
}

/// What Ada may do: see the courses, and her own exams, which she writes.
fn ada() -> Value {
    json!({ "logs": ["academy"], "read": ["course", "exam-ada-*"], "write": ["exam-ada-*"] })
}

/// A server that knows the token of the other tests, the secret, and these keys.
async fn start_with(storage: Arc<Counting>, keys: Vec<Key>) -> Running {
    let keys = [vec![Key::secret(SECRET).unwrap()], keys].concat();
    let verifier = Verifier::new(keys).issued_by(ISSUER).meant_for(AUDIENCE);
    let access = Access::Signed(vec![Token::parse(TOKEN).unwrap()], Arc::new(verifier));
    start(Config::new(storage, access)).await
}

/// Shows this token instead of that of the kit; none: no token.
fn pull_as(client: &LogClient, token: Option<&str>, query: &str) -> RequestBuilder {
    let request = client.http.get(format!("{}/events{query}", client.log));
    token.into_iter().fold(request, RequestBuilder::bearer_auth)
}

fn push_as(client: &LogClient, token: Option<&str>, push: &Push) -> RequestBuilder {
    let request = client.http.post(format!("{}/commits", client.log)).json(push);
    token.into_iter().fold(request, RequestBuilder::bearer_auth)
}

fn with_id(commit: Commit, id: tidelog::id::CommitId) -> Commit {
    Commit { id, ..commit }
}
