//! The protocol as an OpenAPI document (<https://spec.openapis.org/oas/v3.1.1>): its messages are the schemas of the server's own
//! types, what stands around them is docs/protocol.md in short.

mod feed;

use crate::{feed::FeedEvent, log_name::MAX_LOG_NAME};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use tidelog::{
    stream::{MAX_STREAM_NAME, StreamName},
    streams::MAX_STREAM_RULES,
    sync::protocol::{About, ArchivedPage, MAX_PAGE_EVENTS, PROTOCOL, Page, Problem, Push, Pushed},
};

/// The statuses of answers other than success, and what they say.
const REFUSALS: [(u16, &str); 11] = [
    (
        400,
        "`invalid-request`, `unsupported-protocol` or `invalid-cursor`: the request is not what the protocol says",
    ),
    (401, "`unauthorized`: no token, or one that the server does not take"),
    (403, "`forbidden`: the token does not allow this"),
    (404, "`not-found`: no such resource, or a name that no log can have"),
    (408, "`timeout`: the body did not arrive in time"),
    (409, "`fenced`: another device pushes under this id"),
    (
        410,
        "`history-lost`: the log does not hold what the cursor has seen; or `archived`: some of what would be answered was archived",
    ),
    (413, "`too-large`: the body is over the limit, or holds too many commits"),
    (415, "`invalid-request`: the body is of another media type, or encoded"),
    (429, "`rate-limited`: the token has asked too much for now; `Retry-After` says when to ask again"),
    (503, "`unavailable`: the server or its database can't serve; `Retry-After` says when to ask again"),
];

/// The document, as JSON.
#[must_use]
pub fn openapi() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let push_body = schema::<Push>(&mut schemas);
    let pushed = schema::<Pushed>(&mut schemas);
    let page = schema::<Page>(&mut schemas);
    let archived = schema::<ArchivedPage>(&mut schemas);
    let about = schema::<About>(&mut schemas);
    let problem = schema::<Problem>(&mut schemas);
    let event = schema::<FeedEvent>(&mut schemas);
    let stream = schema::<StreamName>(&mut schemas);
    let mut all = Value::Object(schemas.take_definitions(true));
    without_links(&mut all);
    let push = operation(
        &json!({
            "operationId": "push",
            "summary": "Push: offer commits",
            "requestBody": { "required": true, "content": { "application/json": { "schema": push_body } } },
        }),
        &json!({ "application/json": { "schema": pushed } }),
        "An outcome for each commit, in the same order",
        &[400, 401, 403, 404, 408, 409, 410, 413, 415, 429, 503],
        &problem,
    );
    let pull = operation(
        &json!({
            "operationId": "pull",
            "summary": "Pull: fetch the commits after a cursor, or hear of those that come",
            "parameters": [
                text_parameter("query", "after", "A cursor from an earlier page; empty or absent: from the beginning"),
                number_parameter("limit", MAX_PAGE_EVENTS, "The most events on the page"),
                number_parameter("protocol", PROTOCOL as usize, "The version of the protocol; absent: 1"),
                number_parameter("wait", 30, "Seconds until an empty page is answered; absent: at once"),
                follow_parameter(),
                archived_parameter(),
                text_parameter("header", "Last-Event-ID", "With a stream: counts instead of `after`"),
            ],
        }),
        &json!({
            "application/json": { "schema": page },
            "text/event-stream": { "schema": { "type": "string" } },
        }),
        "A page, or, with `Accept: text/event-stream`, a stream of pages",
        &[400, 401, 403, 404, 410, 429, 503],
        &problem,
    );
    let archived = operation(
        &json!({
            "operationId": "archived",
            "summary": "The markers of archived streams",
            "parameters": [
                text_parameter("query", "after", "A cursor of markers, from an earlier page; empty or absent: from the first"),
                number_parameter("limit", MAX_PAGE_EVENTS, "The most markers on the page"),
                number_parameter("protocol", PROTOCOL as usize, "The version of the protocol; absent: 1"),
                follow_parameter(),
            ],
        }),
        &json!({ "application/json": { "schema": archived } }),
        "Markers, in the order in which the streams were archived",
        &[400, 401, 403, 404, 410, 429, 503],
        &problem,
    );
    let about = operation(
        &json!({ "operationId": "about", "summary": "What the server speaks and offers" }),
        &json!({ "application/json": { "schema": about } }),
        "The versions of the protocol, the limits, and what is offered beyond pushes and pulls",
        &[401, 403, 404, 429, 503],
        &problem,
    );
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Tidelog sync protocol",
            "version": PROTOCOL.to_string(),
            "description": "What the messages mean, in which order they may come and what each side must do: docs/protocol.md.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": {
            "/healthz": { "get": probe("alive", "Whether the server runs") },
            "/readyz": { "get": probe("ready", "Whether the server can serve: its database answers, and it is not stopping") },
            "/logs/{log}": { "parameters": [log_parameter()], "get": about },
            "/logs/{log}/commits": { "parameters": [log_parameter()], "post": push },
            "/logs/{log}/events": { "parameters": [log_parameter()], "get": pull },
            "/logs/{log}/archived": { "parameters": [log_parameter()], "get": archived },
            "/logs/{log}/feed": feed::of_log(&event, &problem),
            "/logs/{log}/feed/{stream}": feed::of_stream(&stream, &event, &problem),
        },
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": all,
        },
    })
}

/// Where a type's schema stands.
fn schema<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

/// Descriptions come from the documentation of the types, whose links lead nowhere here.
fn without_links(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("[`", "`").replace("`]", "`"),
        Value::Array(items) => items.iter_mut().for_each(without_links),
        Value::Object(fields) => fields.values_mut().for_each(without_links),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn operation(head: &Value, content: &Value, success: &str, refusals: &[u16], problem: &Value) -> Value {
    let mut responses = Map::new();
    responses.insert("200".into(), json!({ "description": success, "content": content }));
    for (status, description) in REFUSALS.iter().filter(|(status, _)| refusals.contains(status)) {
        let content = json!({ "application/problem+json": { "schema": problem } });
        responses.insert(status.to_string(), json!({ "description": description, "content": content }));
    }
    let mut operation = head.as_object().cloned().unwrap_or_default();
    operation.insert("responses".into(), Value::Object(responses));
    Value::Object(operation)
}

fn probe(id: &str, summary: &str) -> Value {
    let text = json!({ "text/plain": { "schema": { "type": "string" } } });
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    json!({
        "operationId": id,
        "summary": summary,
        "security": [],
        "responses": {
            "200": { "description": "Yes", "content": text },
            "503": { "description": "No", "content": problem },
        },
    })
}

fn follow_parameter() -> Value {
    let rule = json!({ "type": "string", "maxLength": MAX_STREAM_NAME });
    json!({
        "name": "follow",
        "in": "query",
        "required": false,
        "description": format!(
            "Only commits of these streams, by at most {MAX_STREAM_RULES} rules: the name of one, the name of an aggregate, or the beginning of names and `*`; one empty rule: of none",
        ),
        "style": "form",
        "explode": true,
        "schema": { "type": "array", "items": rule },
    })
}

fn archived_parameter() -> Value {
    let description = "Which archived events the client knows to be gone: the cursor of the markers that it holds, or `any`";
    text_parameter("query", "archived", description)
}

fn log_parameter() -> Value {
    let pattern = format!("^[a-z0-9][a-z0-9-]{{0,{}}}$", MAX_LOG_NAME - 1);
    let schema = json!({ "type": "string", "pattern": pattern });
    json!({ "name": "log", "in": "path", "required": true, "description": "The name of the log", "schema": schema })
}

fn text_parameter(place: &str, name: &str, description: &str) -> Value {
    json!({ "name": name, "in": place, "description": description, "schema": { "type": "string" } })
}

fn number_parameter(name: &str, most: usize, description: &str) -> Value {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": most });
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}
