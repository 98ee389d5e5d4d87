//! News as they come, over real HTTP: streams and answers that wait.

mod ending;
mod stream;
mod waiting;

use crate::kit::*;
use reqwest::{RequestBuilder, Response, header::ACCEPT};
use serde_json::Value;
use std::time::Duration;
use tidelog::sync::protocol::Page;
use tidelog_server::{Config, Limits};

pub(crate) fn limited(limits: Limits) -> Config {
    Config { limits, ..config() }
}

/// A part of a stream.
#[derive(Debug)]
pub(crate) enum Part {
    /// A comment.
    Beat,
    Control(Value),
    Data {
        id: String,
        page: Page,
    },
}

/// A stream of server-sent events, read as it comes.
pub(crate) struct Stream {
    answer: Response,
    text: String,
}

fn asking(client: &LogClient, query: &str) -> RequestBuilder {
    client.events(query).header(ACCEPT, "text/event-stream")
}

impl Stream {
    async fn open(client: &LogClient, query: &str) -> Self {
        Self::of(asking(client, query).send().await.unwrap()).await
    }

    pub(crate) async fn of(answer: Response) -> Self {
        let status = answer.status();
        if status != 200 {
            panic!("{status}: {}", answer.text().await.unwrap());
        }
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert!(header("cache-control").contains("no-store"));
        Self { answer, text: String::new() }
    }

    /// The next part; none at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Part> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(part(&block));
            }
            let chunk = self.answer.chunk().await.unwrap();
            let Some(chunk) = chunk else {
                assert_eq!(self.text, "", "the stream ends with a whole event");
                return None;
            };
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    pub(crate) async fn control(&mut self) -> Value {
        match self.next().await {
            Some(Part::Control(control)) => control,
            other => panic!("{other:?} instead of a control event"),
        }
    }

    /// The next page; heartbeats are passed over.
    pub(crate) async fn page(&mut self) -> Page {
        loop {
            match self.next().await {
                Some(Part::Beat) => (),
                Some(Part::Data { page, .. }) => return page,
                other => panic!("{other:?} instead of a page"),
            }
        }
    }
}

fn part(block: &str) -> Part {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim_start());
    let data = || field("data:").unwrap_or_else(|| panic!("no data in {block:?}"));
    match field("event:") {
        None if block.starts_with(':') => Part::Beat,
        Some("control") => Part::Control(serde_json::from_str(data()).unwrap()),
        Some("data") => {
            let page: Page = serde_json::from_str(data()).unwrap();
            let id = field("id:").unwrap().to_owned();
            assert_eq!(id, page.cursor.0, "the id is the cursor behind the page");
            Part::Data { id, page }
        }
        _ => panic!("not a part of a stream: {block:?}"),
    }
}

/// A heartbeat that no test waits for.
const NEVER: Duration = Duration::from_secs(1_000);
