//! The feeds.

use super::{REFUSALS, archived_parameter, log_parameter, operation, text_parameter};
use serde_json::{Value, json};

/// The feed of a log.
pub(super) fn of_log(event: &Value, problem: &Value) -> Value {
    json!({
        "parameters": [log_parameter()],
        "get": read("readFeed", "The events of a log as a Durable Stream", event, problem),
        "head": describe("describeFeed", "Where the feed of a log ends"),
    })
}

/// The feed of one stream of a log.
pub(super) fn of_stream(stream: &Value, event: &Value, problem: &Value) -> Value {
    let stream = json!({
        "name": "stream", "in": "path", "required": true, "description": "The name of the stream", "schema": stream,
    });
    json!({
        "parameters": [log_parameter(), stream],
        "get": read("readStreamFeed", "The events of a stream as a Durable Stream", event, problem),
        "head": describe("describeStreamFeed", "Where the feed of a stream ends"),
    })
}

fn read(id: &str, summary: &str, event: &Value, problem: &Value) -> Value {
    let head = json!({
        "operationId": id,
        "summary": summary,
        "parameters": [
            text_parameter("query", "offset", "Where to go on: a `Stream-Next-Offset` of an earlier answer; -1 or absent: from the beginning; now: at the end"),
            choice("live", &["long-poll", "sse"], "How to wait for what comes; wants `offset`. Absent: not at all"),
            choice("payload", &["event", "data"], "What a message is: the event (if absent), or its `data` alone"),
            text_parameter("query", "cursor", "With `live`: the `Stream-Cursor` of an earlier answer"),
            archived_parameter(),
            text_parameter("header", "If-None-Match", "The `ETag` of an earlier answer of the same address"),
        ],
    });
    let messages = json!({ "type": "array", "items": { "anyOf": [event, true] } });
    let content = json!({
        "application/json": { "schema": messages },
        "text/event-stream": { "schema": { "type": "string" } },
    });
    let success = "The messages after the offset, or, with `live=sse`, a stream of them";
    let mut read = operation(&head, &content, success, &[400, 401, 403, 404, 410, 429, 503], problem);
    let standing = json!({ "Stream-Next-Offset": header("Where to go on"), "Stream-Up-To-Date": header("`true` if there was nothing more") });
    read["responses"]["204"] =
        json!({ "description": "With `live=long-poll`: nothing came in time", "headers": standing });
    read["responses"]["304"] = json!({ "description": "The reader has it already" });
    read
}

fn describe(id: &str, summary: &str) -> Value {
    let mut responses = json!({
        "200": { "description": summary, "headers": { "Stream-Next-Offset": header("The offset behind the last event") } },
    });
    // Without a body, as all answers to this method.
    for (status, description) in
        REFUSALS.iter().filter(|(status, _)| [401, 403, 404, 429, 503].contains(status))
    {
        responses[status.to_string()] = json!({ "description": description });
    }
    json!({ "operationId": id, "summary": summary, "responses": responses })
}

fn header(description: &str) -> Value {
    json!({ "description": description, "schema": { "type": "string" } })
}

fn choice(name: &str, words: &[&str], description: &str) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": { "type": "string", "enum": words } })
}
