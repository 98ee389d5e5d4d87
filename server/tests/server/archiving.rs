//! `archive`, and `verify` of what it leaves: over a file and over PostgreSQL, while a server goes on.

use crate::{
    contract::{Asking, File, Place, academy},
    kit::*,
    process::{Process, run},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;
use tidelog::{
    sync::protocol::{ArchivedPage, Cursor, Page, problem},
    version::ExpectedVersion::Any,
};
use tidelog_server::{
    Storage,
    storage::{Gaps, PageLimit, Streams},
};

const ANY: PageLimit = PageLimit { events: 1000, bytes: 1 << 20, passed: 4096, gaps: Gaps::Any };

async fn archive(database: &str, more: &[&str]) -> (Option<i32>, String, String) {
    run(&[&["archive", "academy", "--database", database], more].concat()).await
}

async fn verify(database: &str, archives: &[&str]) -> (Option<i32>, String) {
    let archives: Vec<&str> = archives.iter().flat_map(|file| ["--archive", *file]).collect();
    let (code, out, error) = run(&[&["verify", "--database", database], &archives[..]].concat()).await;
    (code, format!("{out}{error}"))
}

/// Streams of which two rest before position 6.
async fn fill(storage: &dyn Storage) {
    storage
        .pushed(&[
            commit("course-1", Any, 2),
            commit("course-2", Any, 1),
            commit("exam-1", Any, 1),
            commit("course-1", Any, 1),
            commit("course-2", Any, 2),
        ])
        .await;
}

async fn streams_that_rest_leave(
    place: &impl Place,
    database: &str,
    spoil: &[(&str, &str)],
    sql: impl AsyncFn(&str),
) {
    let storage = place.open();
    fill(storage.as_ref()).await;
    let end = storage.page_after(&Cursor::default(), PageLimit::default()).await.cursor;
    let archive_file = File::default();
    let to = archive_file.path.to_str().unwrap();
    let (code, out, error) = archive(database, &["--before", "6", "--to", to, "--dry-run"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "academy: 2 streams with 4 events would leave\n"), "{error}");
    assert!(!archive_file.path.exists());
    let (code, out, error) = archive(database, &["--before", "1", "--to", to]).await;
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "academy: no stream rests, and no file was written\n"),
        "{error}"
    );
    let (code, out, error) = archive(database, &["--older-than", "400d", "--to", to, "--dry-run"]).await;
    assert_eq!(code, Some(0), "{out}{error}");

    let (code, out, error) = archive(database, &["--before", "6", "--to", to]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("2 streams with 4 events are in"), "{out}");
    let left = storage.page(&academy(), &Cursor::default(), ANY, &Streams::all()).await.unwrap();
    assert_eq!((left.commits.len(), &left.cursor), (2, &end));
    let (code, said) = verify(database, &[to]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("academy: 7 events in 5 commits of 3 streams, 2 of them archived: holds"),
        "{said}"
    );

    // Once more: it is all there, and nothing happens.
    let (code, out, _) = archive(database, &["--before", "6", "--to", to]).await;
    assert_eq!(
        (code, out.contains("0 streams with 0 events"), out.contains("2 of the file's stayed")),
        (Some(0), true, true),
        "{out}"
    );
    // What had left is told of, and can be read in the archive.
    let (_, out, _) = run(&["streams", "academy", "--database", database]).await;
    assert!(
        out.contains("course-1 at version 3, 2 commits, last position 5, archived in logs.sqlite"),
        "{out}"
    );
    let (_, out, _) = run(&["show", "academy", "--database", database]).await;
    assert!(out.lines().next().is_some_and(|line| line.ends_with("archived, 2 events")), "{out}");
    let (code, out, error) = run(&["show", "academy", "--database", to, "--json"]).await;
    assert_eq!((code, out.lines().count()), (Some(0), 3), "{error}");
    assert_eq!(
        serde_json::from_str::<Value>(out.lines().next().unwrap()).unwrap()["commit"]["stream"],
        "course-1"
    );
    // No server takes it for its logs, and it is no backup.
    for command in
        [&["--no-auth", "--database", to][..], &["restore", "--from", to, "--database", "elsewhere.sqlite"]]
    {
        let (code, _, error) = run(command).await;
        assert_eq!(code, Some(1), "{error}");
    }

    // Backups carry what is left.
    let backup = File::default();
    let file = backup.path.to_str().unwrap();
    let (code, _, error) = run(&["backup", "--database", database, "--to", file]).await;
    assert_eq!(code, Some(0), "{error}");
    let (code, said) = verify(file, &[to]).await;
    assert_eq!(code, Some(0), "{said}");
    let restored = backup.open();
    assert_eq!(restored.page(&academy(), &Cursor::default(), ANY, &Streams::all()).await.unwrap(), left);
    let markers = async |storage: &dyn Storage| {
        storage.archived(&academy(), &Cursor::default(), 10, &Streams::all()).await.unwrap()
    };
    assert_eq!(markers(restored.as_ref()).await, markers(storage.as_ref()).await);

    for (statement, says) in spoil {
        sql(statement).await;
        let (code, said) = verify(database, &[to]).await;
        assert_eq!(code, Some(1), "{statement}: {said}");
        assert!(said.contains(says), "{statement}: {said}");
    }
}

/// What is done behind the server's back, one after the other, and what is said about it. The tables are named `@commits`.
const SPOILED: [(&str, &str); 4] = [
    (
        "UPDATE @archived SET digest = 'spoiled' WHERE number = 1",
        "does not hold what was archived of stream course-1",
    ),
    (
        "UPDATE @archived SET commits = 9 WHERE number = 2",
        "the marker of stream exam-1 is not of what is left",
    ),
    ("DELETE FROM @archived WHERE number = 2", "2 streams were archived, and 1 have markers"),
    ("UPDATE @commits SET body = '' WHERE stream = 'course-2'", "with nothing in them, and no marker"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_rest_leave_a_file() {
    let place = File::default();
    let spoil = SPOILED.map(|(sql, says)| (sql.replace('@', ""), says));
    let spoil: Vec<_> = spoil.iter().map(|(sql, says)| (sql.as_str(), *says)).collect();
    let path = place.path.clone();
    let sql = async |statement: &str| {
        rusqlite::Connection::open(&path).unwrap().execute(statement, []).unwrap();
    };
    streams_that_rest_leave(&place, place.path.to_str().unwrap(), &spoil, sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_was_broken_off_is_finished() {
    let (place, other) = (File::default(), File::default());
    fill(place.open().as_ref()).await;
    fill(other.open().as_ref()).await;
    let (database, archive_file) = (place.path.to_str().unwrap(), File::default());
    let to = archive_file.path.to_str().unwrap();
    // Broken off after the file had its name: the log is as it was.
    let whole = fs::read(&place.path).unwrap();
    let (code, _, error) = archive(database, &["--before", "6", "--to", to]).await;
    assert_eq!(code, Some(0), "{error}");
    for more in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{database}{more}"));
    }
    fs::write(&place.path, whole).unwrap();
    place.open().pushed(&[commit("exam-1", Any, 1)]).await;
    let (code, out, error) = archive(database, &["--before", "6", "--to", to]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("1 streams with 3 events") && out.contains("1 of the file's stayed"), "{out}");
    let (code, said) = verify(database, &[to]).await;
    assert_eq!(code, Some(0), "{said}");
    // The same file is not for another log, and what is no archive is left alone.
    let (code, _, error) = archive(other.path.to_str().unwrap(), &["--before", "6", "--to", to]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("not an archive of log academy"), "{error}");
    let (code, _, error) = archive(database, &["--before", "6", "--to", other.path.to_str().unwrap()]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("not an archive"), "{error}");
    // Broken off before: a part of a file, which is nobody's but its command's.
    let part = archive_file.path.with_file_name("next.sqlite.part");
    fs::write(&part, "precious").unwrap();
    let next = archive_file.path.with_file_name("next.sqlite");
    let (code, _, error) = archive(database, &["--before", "9", "--to", next.to_str().unwrap()]).await;
    assert_eq!(code, Some(1));
    assert!(error.contains("remove it"), "{error}");
    assert_eq!(fs::read(&part).unwrap(), b"precious");
}

#[tokio::test]
async fn over_http_a_gap_is_410_until_its_markers_are_known() {
    let place = File::default();
    fill(place.open().as_ref()).await;
    let server = Process::start(&place.path, &[]).await;
    let client = &server.client;
    let end = client.page(&Cursor::default(), 1000).await.cursor;
    let archive_file = File::default();
    let database = place.path.to_str().unwrap();
    let (code, _, error) =
        archive(database, &["--before", "6", "--to", archive_file.path.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{error}");

    let refused = problem(client.events("?after=").send().await.unwrap(), (410, problem::ARCHIVED)).await;
    let gone = refused.gone.unwrap();
    assert_eq!((gone.streams, gone.events, gone.position), (2, 4, 5));
    let stream = client.events("?after=").header("Accept", "text/event-stream").send().await.unwrap();
    problem(stream, (410, problem::ARCHIVED)).await;
    problem(client.events("?after=&wait=1").send().await.unwrap(), (410, problem::ARCHIVED)).await;
    let get = async |path: &str| {
        let answer =
            client.http.get(format!("{}{path}", client.log)).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer
    };
    let markers: ArchivedPage = get("/archived").await.json().await.unwrap();
    assert_eq!((markers.archived.len(), markers.up_to_date), (2, true));
    let known: Page = get(&format!("/events?archived={}", markers.cursor.0)).await.json().await.unwrap();
    assert_eq!((known.commits.len(), &known.cursor, known.archived), (2, &end, Some(markers.cursor)));
    // Who was there before sees nothing of it but that there are markers.
    assert_eq!(client.page(&end, 10).await.commits, []);

    let feed = async |query: &str| {
        client.http.get(format!("{}/feed{query}", client.log)).bearer_auth(TOKEN).send().await.unwrap()
    };
    problem(feed("").await, (410, problem::ARCHIVED)).await;
    problem(feed("/course-1").await, (410, problem::ARCHIVED)).await;
    assert_eq!(feed("?archived=any").await.json::<Vec<Value>>().await.unwrap().len(), 3);
    assert_eq!(feed("/course-2").await.json::<Vec<Value>>().await.unwrap().len(), 3);
    let refused = client.push(&[commit("course-1", Any, 1)]).await;
    assert_eq!(statuses(&refused), ["rejected"]);
    let told = json!(refused.outcomes[0]);
    assert_eq!(
        (&told["problem"]["type"], &told["problem"]["marker"]["version"]),
        (&json!(problem::STREAM_ARCHIVED), &json!(3))
    );
    problem(
        client
            .http
            .get(format!("{}/archived?after=soon", client.log))
            .bearer_auth(TOKEN)
            .send()
            .await
            .unwrap(),
        (400, problem::INVALID_CURSOR),
    )
    .await;
}

mod postgres {
    use super::*;
    use crate::postgres::Shared;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn streams_that_rest_leave_a_database() {
        let place = Shared::default();
        let spoil = SPOILED.map(|(sql, says)| (sql.replace('@', "tidelog."), says));
        let spoil: Vec<_> = spoil.iter().map(|(sql, says)| (sql.as_str(), *says)).collect();
        let sql = async |statement: &str| {
            place.0.sql().await.execute(statement, &[]).await.unwrap();
        };
        streams_that_rest_leave(&place, &place.0.url, &spoil, sql).await;
    }
}
