//! `streams` and `show`: what is in a log, over a file and over PostgreSQL.

use crate::{
    contract::{Asking, File, Place},
    kit::*,
    process::{command, run},
};
use serde_json::{Value, json};
use std::process::Stdio;
use tidelog::{
    commit::{Commit, ConfirmedCommit},
    json::Json,
    version::ExpectedVersion::Any,
};
use tidelog_server::Storage;
use tokio::io::{AsyncBufReadExt, BufReader};

/// More than is held at once of streams, and, of one stream and of all, of bytes.
const STREAMS: usize = 1_100;
const LONG: usize = 320;

fn large(name: &str) -> Commit {
    let mut commit = commit(name, Any, 1);
    commit.events[0].data = Json::parse(format!("\"{}\"", "x".repeat(5_000))).unwrap();
    commit
}

/// A long stream, then many short ones, the first of which has three events in two commits.
async fn fill(storage: &dyn Storage) {
    storage.pushed(&std::array::from_fn::<_, LONG, _>(|_| large("long-1"))).await;
    let names = (0..STREAMS).map(|number| format!("short-{number:04}"));
    let short: Vec<_> = names.map(|name| commit(&name, Any, 1)).collect();
    let (first, rest) = short.split_at(600);
    storage.pushed(first).await;
    storage.pushed(rest).await;
    storage.pushed(&[commit("short-0000", Any, 2)]).await;
}

/// The lines of a command that goes well.
async fn lines(database: &str, args: &[&str]) -> Vec<String> {
    let (code, out, error) = run(&[args, &["--database", database]].concat()).await;
    assert_eq!((code, error.as_str()), (Some(0), ""), "{args:?}");
    out.lines().map(str::to_owned).collect()
}

async fn commits(database: &str, more: &[&str]) -> Vec<ConfirmedCommit> {
    let lines = lines(database, &[&["show", "academy", "--json"], more].concat()).await;
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn what_is_there_is_shown(place: &impl Place, database: &str) {
    let storage = place.open();
    fill(storage.as_ref()).await;
    let all = commits(database, &["--limit", "5000"]).await;
    check_log(&all);
    assert_eq!(all.len(), LONG + STREAMS + 1);

    let streams = lines(database, &["streams", "academy", "--json"]).await;
    let streams: Vec<Value> = streams.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(streams.len(), STREAMS + 1);
    let last = LONG + STREAMS + 2;
    assert_eq!(
        streams[0],
        json!({ "stream": "long-1", "version": LONG, "commits": LONG, "lastPosition": LONG })
    );
    assert_eq!(
        streams[1],
        json!({ "stream": "short-0000", "version": 3, "commits": 2, "lastPosition": last })
    );
    assert!(streams.windows(2).all(|pair| pair[0]["stream"].as_str() < pair[1]["stream"].as_str()));
    let text = lines(database, &["streams", "academy"]).await;
    assert_eq!(text[1], format!("short-0000 at version 3, 2 commits, last position {last}"));

    let ours = |name: &str| all.iter().filter(|one| one.commit.stream.as_str() == name).cloned().collect();
    let long: Vec<ConfirmedCommit> = ours("long-1");
    assert_eq!(commits(database, &["--stream", "long-1", "--limit", "5000"]).await, long);
    assert_eq!(
        commits(database, &["--stream", "long-1", "--from", "300", "--limit", "3"]).await,
        long[299..302]
    );
    let short: Vec<ConfirmedCommit> = ours("short-0000");
    assert_eq!(commits(database, &["--stream", "short-0000"]).await, short);
    let behind = (LONG + 2).to_string();
    assert_eq!(commits(database, &["--stream", "short-0000", "--from", &behind]).await, short[1..]);
    assert_eq!(commits(database, &["--from", "319", "--limit", "4"]).await, all[318..322]);
    assert_eq!(commits(database, &[]).await, all[..100]);
    for nothing in [["--limit", "0"], ["--from", "99999"], ["--stream", "short-9999"]] {
        assert_eq!(commits(database, &nothing).await, []);
    }

    let text = lines(database, &["show", "academy", "--stream", "short-0000", "--from", &behind]).await;
    let [first, second, third] = text.as_slice() else { panic!("{text:?}") };
    assert!(first.starts_with(&format!("{} short-0000 version 2, commit ", last - 1)), "{first}");
    assert_eq!(second, r#"  LessonCompleted {"lesson":"l0"}"#);
    assert_eq!(third, r#"  LessonCompleted {"lesson":"l1"}"#);

    what_is_no_log_is_said(database).await;
}

async fn what_is_no_log_is_said(database: &str) {
    let wrong: [(&[&str], &str); 5] = [
        (&["streams", "elsewhere"], "there is no log elsewhere"),
        (&["show", "elsewhere"], "there is no log elsewhere"),
        (&["show", "Academy"], "lower-case letters"),
        (&["show", "academy", "--stream", "course"], "course"),
        (&["streams", "academy", "--database", ":memory:"], "empty"),
    ];
    for (args, says) in wrong {
        let args = if args.contains(&"--database") {
            args.to_vec()
        } else {
            [args, &["--database", database]].concat()
        };
        let (code, out, error) = run(&args).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}");
        assert!(error.contains(says), "{args:?}: {error}");
    }
    assert_eq!(lines(database, &["logs"]).await.len(), 1, "looking makes no log");
}

#[tokio::test]
async fn a_file_is_shown_also_while_it_is_served() {
    let file = File::default();
    what_is_there_is_shown(&file, file.path.to_str().unwrap()).await;
}

#[tokio::test]
async fn who_has_seen_enough_may_go() {
    let file = File::default();
    fill(file.open().as_ref()).await;
    let database = file.path.to_str().unwrap();
    let show = ["show", "academy", "--limit", "5000", "--database", database];
    let mut child = command(&show).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // More is to come than a pipe holds, so that writing on fails.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    assert!(line.starts_with("1 long-1 version 1, commit "), "{line}");
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[tokio::test]
async fn what_can_not_be_read_ends_it() {
    let file = File::default();
    file.open().pushed(&[commit("course-1", Any, 1), commit("course-2", Any, 1)]).await;
    let spoil = "UPDATE commits SET body = substr(body, 2) WHERE position = 2";
    rusqlite::Connection::open(&file.path).unwrap().execute(spoil, []).unwrap();
    let (code, out, error) =
        run(&["show", "academy", "--json", "--database", file.path.to_str().unwrap()]).await;
    assert_eq!((code, out.lines().count()), (Some(1), 1), "{out}");
    assert!(error.contains("position 2 of log academy can't be read"), "{error}");
}

mod postgres {
    use super::*;
    use crate::postgres::Shared;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_database_is_shown_also_while_it_is_served() {
        let place = Shared::default();
        let database = place.0.url.clone();
        what_is_there_is_shown(&place, &database).await;
    }
}
