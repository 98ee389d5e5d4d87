//! The real program, and pushes that no course has decided.
#![allow(clippy::unwrap_used, reason = "a failing test shall panic")]

use serde_json::{Value, json};
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

fn id(number: u64) -> String {
    format!("01992a10-7c00-7000-8000-{number:012x}")
}

fn commit(number: u64, version: u64, command: Value, events: Value) -> Value {
    let mut events = events;
    for (index, event) in (1..).zip(events.as_array_mut().unwrap()) {
        event["id"] = json!(id(number * 100 + index));
    }
    json!({
        "id": id(number * 100),
        "stream": "course-algebra",
        "expectedVersion": version,
        "metadata": { "correlationId": id(1), "deviceId": id(2), "sessionId": id(3), "occurredAt": 1_790_000_000_000_u64 },
        "command": command,
        "events": events,
    })
}

#[tokio::test]
async fn only_what_the_course_decides_is_taken() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_tidelog-example-course-server"))
        .args(["--listen", "127.0.0.1:0", "--database", ":memory:", "--no-auth", "--log", "warn"])
        .env_remove("TIDELOG_TOKENS")
        .env_remove("TIDELOG_DATABASE")
        .env_remove("TIDELOG_JWT_SECRET")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    let address = line.strip_prefix("listening on ").unwrap().trim_end();
    let lessons = json!({ "lessons": ["numbers", "letters"] });
    let numbers = json!({ "lesson": "numbers" });
    let commits = [
        commit(
            1,
            0,
            json!({ "type": "Enrol", "data": lessons }),
            json!([{ "type": "Enrolled", "data": lessons }]),
        ),
        commit(
            2,
            1,
            json!({ "type": "CompleteLesson", "data": numbers }),
            json!([{ "type": "LessonCompleted", "data": numbers }]),
        ),
        // nobody finishes a course of two lessons by one
        commit(
            3,
            2,
            json!({ "type": "CompleteLesson", "data": { "lesson": "letters" } }),
            json!([{ "type": "CourseCompleted", "data": { "lessons": 2 } }]),
        ),
    ];
    let push = json!({ "protocol": 1, "deviceId": id(2), "commits": commits });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let pushed = http.post(format!("{address}/logs/academy/commits")).json(&push).send().await.unwrap();
    let pushed: Value = pushed.json().await.unwrap();
    let statuses: Vec<_> = pushed["outcomes"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, ["committed", "committed", "rejected"], "{pushed}");
    assert_eq!(pushed["outcomes"][2]["problem"]["type"], "urn:tidelog:problem:not-decided");
    let refused = commit(
        4,
        2,
        json!({ "type": "Enrol", "data": lessons }),
        json!([{ "type": "Enrolled", "data": lessons }]),
    );
    let push = json!({ "protocol": 1, "deviceId": id(2), "commits": [refused] });
    let pushed = http.post(format!("{address}/logs/academy/commits")).json(&push).send().await.unwrap();
    let pushed: Value = pushed.json().await.unwrap();
    assert_eq!(pushed["outcomes"][0]["problem"]["type"], "urn:tidelog:problem:rule", "{pushed}");
    assert_eq!(pushed["outcomes"][0]["problem"]["detail"], "You are enrolled already");
}
