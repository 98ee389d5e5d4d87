//! `logs` and `verify`: what is there is listed, and what does not hold is found, over a file and over PostgreSQL.

use crate::{
    contract::{Asking, File, Place, candidates},
    kit::*,
    process::run,
};
use tidelog::version::ExpectedVersion::Any;
use tidelog_server::{LogName, Storage};

/// What was done to a database behind the server's back, and what is to be said about it. The tables are named `@commits`.
const SPOILED: [(&str, &[&str]); 7] = [
    ("UPDATE @commits SET stream = 'course-9' WHERE position = 3", &["position 3", "its columns say"]),
    ("UPDATE @commits SET body = substr(body, 2) WHERE position = 4", &["position 4", "can't be read"]),
    (
        "UPDATE @commits SET events = 1 WHERE position = 1",
        &["2 events instead of 1", "position 3 where 2 comes next"],
    ),
    (
        "UPDATE @commits SET first_version = 7 WHERE position = 4",
        &["course-1 goes on with version 7 after 2"],
    ),
    (
        "DELETE FROM @commits WHERE position = 3",
        &["position 4 where 3 comes next", "4 ids of events are noted, and it has 3"],
    ),
    ("UPDATE @logs SET position = 5 WHERE name = 'academy'", &["ends at position 5, and it ends at 4"]),
    (
        "DELETE FROM @events WHERE id = (SELECT min(id::text)::uuid FROM @events)",
        &["ids of events are noted"],
    ),
];

/// Two logs: one to be spoiled, and another.
async fn fill(storage: &dyn Storage) {
    storage
        .pushed(&[commit("course-1", Any, 2), commit("course-2", Any, 1), commit("course-1", Any, 1)])
        .await;
    let school = LogName::parse("school").unwrap();
    // Made later, so that the event with the lowest id is one of the academy's.
    storage.push(&school, candidates(&[commit("course-1", Any, 1)]).into()).await.unwrap();
}

async fn what_holds_is_said(database: &str) {
    let (code, out, error) = run(&["logs", "--database", database]).await;
    assert_eq!(code, Some(0), "{error}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("academy ") && lines[0].ends_with(" 4 events"), "{out}");
    assert!(lines[1].starts_with("school ") && lines[1].ends_with(" 1 events") && lines.len() == 2, "{out}");
    let (code, out, error) = run(&["verify", "--database", database]).await;
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(
        out,
        "academy: 4 events in 3 commits of 2 streams: holds\nschool: 1 events in 1 commits of 1 streams: holds\n"
    );
}

async fn what_does_not_hold_is_found(database: &str, says: &[&str]) {
    let (code, out, error) = run(&["verify", "--database", database]).await;
    assert_eq!((code, error.as_str()), (Some(1), "tidelog-server: 1 log does not hold\n"), "{out}");
    assert!(out.contains("academy: ") && out.contains("does not hold"), "{out}");
    assert!(out.contains("school: 1 events in 1 commits of 1 streams: holds"), "{out}");
    for says in says {
        assert!(out.contains(says), "{says}: {out}");
    }
}

#[tokio::test]
async fn a_file_is_verified_also_while_it_is_served() {
    let file = File::default();
    let storage = file.open();
    fill(storage.as_ref()).await;
    let database = file.path.to_str().unwrap();
    what_holds_is_said(database).await;
    storage.pushed(&[commit("course-1", Any, 1)]).await;
    for (sql, says) in SPOILED {
        let file = File::default();
        fill(file.open().as_ref()).await;
        let sql = sql.replace('@', "").replace("min(id::text)::uuid", "min(id)");
        rusqlite::Connection::open(&file.path).unwrap().execute(&sql, []).unwrap();
        what_does_not_hold_is_found(file.path.to_str().unwrap(), says).await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.sqlite");
    for command in ["logs", "verify"] {
        let (code, _, error) = run(&[command, "--database", missing.to_str().unwrap()]).await;
        assert_eq!(code, Some(1));
        assert!(error.contains("missing.sqlite") && !missing.exists(), "{error}");
        let (code, _, error) = run(&[command, "--database", ":memory:"]).await;
        assert_eq!(code, Some(1));
        assert!(error.contains("empty"), "{error}");
    }
}

mod postgres {
    use super::*;
    use crate::postgres::Shared;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_database_is_verified_also_while_it_is_served() {
        let place = Shared::default();
        let storage = place.open();
        fill(storage.as_ref()).await;
        what_holds_is_said(&place.0.url).await;
        storage.pushed(&[commit("course-1", Any, 1)]).await;
        for (sql, says) in SPOILED {
            let place = Shared::default();
            fill(place.open().as_ref()).await;
            place.0.sql().await.execute(&sql.replace('@', "tidelog."), &[]).await.unwrap();
            what_does_not_hold_is_found(&place.0.url, says).await;
        }
    }
}
