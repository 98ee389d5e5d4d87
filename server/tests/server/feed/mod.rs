//! The feed of a log and of its streams, over real HTTP. What the published suite asks of a feed stands in `tests/durable-streams`; here is
//! what it does not know: which events a feed has, in which shape, and for whom.

mod live;
mod reading;

use crate::kit::*;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tidelog::sync::protocol::Cursor;

fn feed(client: &LogClient, rest: &str) -> RequestBuilder {
    client.http.get(format!("{}/feed{rest}", client.log)).bearer_auth(TOKEN)
}

/// What one answer of a feed says.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    next: String,
    up_to_date: bool,
    events: Vec<Value>,
}

async fn told(answer: Response) -> Told {
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (next, up_to_date) = (header("stream-next-offset").unwrap(), header("stream-up-to-date"));
    let text = answer.text().await.unwrap();
    let events = if text.is_empty() { Vec::new() } else { serde_json::from_str(&text).unwrap() };
    Told { status, next, up_to_date: up_to_date.as_deref() == Some("true"), events }
}

async fn ask(client: &LogClient, rest: &str) -> Told {
    told(feed(client, rest).send().await.unwrap()).await
}

/// The offset behind the last event, as a pull knows it.
async fn end(client: &LogClient) -> String {
    client.page(&Cursor::default(), 1000).await.cursor.0
}
