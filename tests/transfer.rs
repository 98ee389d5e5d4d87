//! In and out: a log as text, and back.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use futures_executor::block_on;
use support::*;
use tidelog::{
    commit::{Policy, Reason, RejectedCommit},
    engine::{At, Engine, Parts, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{Authority, Change, MemoryStore, Place, Query},
    stream::StreamName,
    testing::ManualEnvironment,
    time::Timestamp,
    transfer::{ExportOptions, Form, ImportError, ImportOptions, Mode, Progress, Row, Selection},
    upcast::{Decoder, Upcaster, Versions},
};

type Log = Engine<MemoryStore>;

async fn open(authority: Authority, seed: u64) -> Log {
    Engine::open(MemoryStore::new(), parts(authority, &ManualEnvironment::new(seed))).await.unwrap()
}

async fn text(log: &Log, options: ExportOptions) -> String {
    let mut export = log.export(options);
    let mut text = String::new();
    while let Some(chunk) = export.next().await.unwrap() {
        text.push_str(&chunk);
    }
    text
}

async fn import(log: &Log, options: ImportOptions, text: &str) -> Result<Progress, ImportError> {
    let mut import = log.import(options);
    import.push(text).await?;
    import.finish().await
}

fn event(event_type: &str, data: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.into(),
        schema_version: None,
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

/// What a log holds, but for what names the device and the moment of the export.
async fn contents(log: &Log) -> Vec<String> {
    let lines = text(log, ExportOptions::default()).await;
    lines
        .lines()
        .filter(|line| !line.starts_with("{\"tidelog\"") && !line.starts_with("{\"check\""))
        .map(str::to_owned)
        .collect()
}

/// A log with some history; behind a server also with a queue and a rejected commit.
async fn lived(authority: Authority) -> Log {
    let log = open(authority, 1).await;
    for number in 0..30 {
        let (id, lesson) = (format!("{}", number % 3), format!("l{number}"));
        let options =
            WriteOptions { actor: Some(format!("actor-{}", number % 2)), ..WriteOptions::default() };
        log.execute("course", &id, complete(&lesson), options).await.unwrap();
    }
    let note = NewEvent {
        custom: Some(Json::parse("{\"k\":1}").unwrap()),
        occurred_at: Some(Timestamp(5)),
        ..event("Noted", "[1.50,\"é\"]")
    };
    log.append("note-1", vec![note, event("Noted", "null")], WriteOptions::default()).await.unwrap();
    if authority == Authority::Server {
        // some of it was confirmed meanwhile, and one was rejected
        let pending = log.log().pending(0, usize::MAX, usize::MAX).await.unwrap();
        let (mut position, mut versions) = (0, std::collections::HashMap::<StreamName, u64>::new());
        let confirmed = pending[..20].iter().map(|it| {
            let version = versions.entry(it.commit.stream.clone()).or_default();
            let confirmed = tidelog::commit::ConfirmedCommit {
                first_version: *version + 1,
                first_position: position + 1,
                recorded_at: Timestamp(1_767_225_600_999),
                commit: it.commit.clone(),
            };
            *version += it.commit.count();
            position += it.commit.count();
            confirmed
        });
        let reason = Reason { code: "domain".into(), message: "no".into(), detail: None, builds_on: None };
        let last = pending.last().unwrap();
        let rejected =
            RejectedCommit { commit: last.commit.clone(), reason, rejected_at: Timestamp(1_767_225_601_000) };
        let change = Change {
            seen: log.log().head(),
            confirmed: confirmed.collect(),
            cursor: Some(tidelog::sync::protocol::Cursor("20".into())),
            log_id: Some("the-log".into()),
            settled: pending[..20].iter().map(|it| it.sequence).collect(),
            rejected: vec![(last.sequence, rejected)],
            ..Change::default()
        };
        assert_eq!(log.log().apply(change).await.unwrap(), tidelog::log::Applied::Done);
    }
    log
}

#[test]
fn a_backup_restored_on_a_fresh_profile_equals_the_original() {
    for authority in [Authority::Device, Authority::Server] {
        block_on(async {
            let log = lived(authority).await;
            let backup = text(&log, ExportOptions::default()).await;
            let fresh = open(authority, 2).await;
            let done = import(&fresh, ImportOptions::default(), &backup).await.unwrap();
            assert_eq!((done.commits, done.duplicates, done.mode), (31, 0, Some(Mode::Restore)));
            assert_eq!(contents(&fresh).await, contents(&log).await);
            let (old, new) = (log.log().head(), fresh.log().head());
            assert_eq!(
                (new.position, new.pending_commits, new.rejected),
                (old.position, old.pending_commits, old.rejected)
            );
            assert_eq!((new.cursor, new.log_id), (old.cursor, old.log_id));
            for (here, there) in log
                .log()
                .pending(0, 99, usize::MAX)
                .await
                .unwrap()
                .iter()
                .zip(fresh.log().pending(0, 99, usize::MAX).await.unwrap())
            {
                assert_eq!(
                    (here.policy, here.first_version, &here.commit),
                    (there.policy, there.first_version, &there.commit)
                );
            }
            assert_eq!(completed(&fresh, "1").await, completed(&log, "1").await);
            // it is another device: what is decided from now on says so
            assert_ne!(fresh.device(), log.device());
            let receipt =
                fresh.execute("course", "1", complete("new"), WriteOptions::default()).await.unwrap();
            assert_eq!(receipt.events[0].metadata.device_id, fresh.device());
        });
    }
}

#[test]
fn importing_again_changes_nothing() {
    for authority in [Authority::Device, Authority::Server] {
        block_on(async {
            let log = lived(authority).await;
            let backup = text(&log, ExportOptions::default()).await;
            let before = contents(&log).await;
            for mode in [None, Some(Mode::Merge), Some(Mode::Restore)] {
                let done =
                    import(&log, ImportOptions { mode, ..ImportOptions::default() }, &backup).await.unwrap();
                assert_eq!((done.commits, done.events, done.duplicates), (0, 0, 31), "{mode:?}");
            }
            assert_eq!(contents(&log).await, before);
        });
    }
}

#[test]
fn an_import_that_was_interrupted_anywhere_is_gone_on_with() {
    for authority in [Authority::Device, Authority::Server] {
        block_on(async {
            let log = lived(authority).await;
            let backup = text(&log, ExportOptions::default()).await;
            let lines: Vec<&str> = backup.split_inclusive('\n').collect();
            let fresh = open(authority, 2).await;
            for end in 0..lines.len() {
                let error =
                    import(&fresh, ImportOptions::default(), &lines[..end].concat()).await.unwrap_err();
                assert!(matches!(error, ImportError::CutShort { .. }), "{end}: {error}");
                // in the middle of a line too
                let middle = lines[end].char_indices().nth(lines[end].chars().count() / 2).unwrap().0;
                let half = &lines[end][..middle];
                let error = import(&fresh, ImportOptions::default(), &(lines[..end].concat() + half))
                    .await
                    .unwrap_err();
                assert_eq!(error.code(), "import-cut-short", "{end}: {error}");
            }
            import(&fresh, ImportOptions::default(), &backup).await.unwrap();
            assert_eq!(contents(&fresh).await, contents(&log).await);
        });
    }
}

#[test]
fn nothing_damaged_is_imported() {
    block_on(async {
        let backup = text(&lived(Authority::Device).await, ExportOptions::default()).await;
        let changed = backup.replacen("\"l7\"", "\"l8\"", 1);
        let lines: Vec<&str> = backup.lines().collect();
        let without_one: String =
            lines.iter().filter(|line| !line.contains("\"l7\"")).map(|line| format!("{line}\n")).collect();
        let swapped = backup.replacen("\"l7\"", "\"lX\"", 1).replacen("\"l9\"", "\"l7\"", 1);
        for damaged in [changed, without_one, swapped] {
            let fresh = open(Authority::Device, 2).await;
            let error = import(&fresh, ImportOptions::default(), &damaged).await.unwrap_err();
            assert!(
                matches!(&error, ImportError::Damaged { reason, .. } if reason.contains("checksum")),
                "{error}"
            );
            assert_eq!(fresh.log().head().position, 0);
        }
        let newer = backup.replacen("\"format\":1", "\"format\":2", 1);
        let fresh = open(Authority::Device, 2).await;
        assert_eq!(
            import(&fresh, ImportOptions::default(), &newer).await.unwrap_err(),
            ImportError::NewerFormat { found: 2 }
        );
        for nonsense in [
            "hello",
            "{\"a\":1}",
            "{\"confirmed\":{}}",
            "{\"tidelog\":{}}",
            "[{\"specversion\":\"0.3\",\"id\":\"a\",\"source\":\"b\",\"type\":\"c\"}]",
        ] {
            let error = import(&fresh, ImportOptions::default(), nonsense).await.unwrap_err();
            assert!(matches!(error, ImportError::Unreadable { item: 1, .. }), "{nonsense}: {error}");
        }
        assert_eq!(
            import(&fresh, ImportOptions::default(), "").await.unwrap_err(),
            ImportError::CutShort { item: 0 }
        );
    });
}

#[test]
fn a_log_is_restored_only_where_it_can_be_and_merged_anywhere() {
    block_on(async {
        let log = lived(Authority::Device).await;
        let backup = text(&log, ExportOptions::default()).await;
        let other = open(Authority::Device, 2).await;
        other.execute("course", "1", complete("own"), WriteOptions::default()).await.unwrap();
        let restore = || ImportOptions { mode: Some(Mode::Restore), ..ImportOptions::default() };
        let error = import(&other, restore(), &backup).await.unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
        let done = import(&other, ImportOptions::default(), &backup).await.unwrap();
        assert_eq!((done.mode, done.events), (Some(Mode::Merge), 32));
        let mut both = completed(&log, "1").await;
        both.push("own".into());
        both.sort();
        assert_eq!(completed(&other, "1").await, both);

        let behind_server = open(Authority::Server, 3).await;
        let error = import(&behind_server, restore(), &backup).await.unwrap_err();
        assert!(error.to_string().contains("has a server"), "{error}");
        // merged, its events are offered to the server
        import(&behind_server, ImportOptions::default(), &backup).await.unwrap();
        assert_eq!(behind_server.log().head().pending_commits, 31);
        assert!(
            behind_server
                .log()
                .pending(0, 99, usize::MAX)
                .await
                .unwrap()
                .iter()
                .all(|it| it.policy == Policy::Keep)
        );

        let part = ExportOptions {
            selection: Selection { aggregates: vec!["note".into()], ..Selection::default() },
            ..ExportOptions::default()
        };
        let part = text(&log, part).await;
        let fresh = open(Authority::Device, 4).await;
        assert!(import(&fresh, restore(), &part).await.unwrap_err().to_string().contains("part of a log"));
        assert_eq!(import(&fresh, ImportOptions::default(), &part).await.unwrap().events, 2);
    });
}

#[test]
fn a_restore_that_meets_another_log_stops() {
    block_on(async {
        let log = open(Authority::Device, 1).await;
        for chunk in 0..3 {
            let events = (0..1_000).map(|number| event("Noted", &format!("{}", chunk * 1_000 + number)));
            log.append("note-1", events.collect(), WriteOptions::default()).await.unwrap();
        }
        let mut export = log.export(ExportOptions::default());
        let mut chunks = Vec::new();
        while let Some(chunk) = export.next().await.unwrap() {
            chunks.push(chunk);
        }
        assert_eq!(chunks.len(), 5, "the header, a chunk for each commit, the end");
        let fresh = open(Authority::Device, 2).await;
        let error = import(&fresh, ImportOptions::default(), &chunks[..2].concat()).await.unwrap_err();
        assert!(matches!(error, ImportError::CutShort { .. }));
        assert_eq!(fresh.log().head().position, 1_000, "the chunks that came whole are here");
        fresh.append("note-1", vec![event("Own", "1")], WriteOptions::default()).await.unwrap();
        let error = import(&fresh, ImportOptions::default(), &chunks.concat()).await.unwrap_err();
        assert!(matches!(error, ImportError::Diverged { position: 1_001, .. }), "{error}");
        let merge = ImportOptions { mode: Some(Mode::Merge), ..ImportOptions::default() };
        let done = import(&fresh, merge, &chunks.concat()).await.unwrap();
        assert_eq!((done.commits, done.duplicates, fresh.log().head().position), (2, 1, 3_001));
    });
}

#[test]
fn a_part_of_a_log_is_chosen_by_stream_aggregate_actor_and_time() {
    block_on(async {
        let log = lived(Authority::Device).await;
        let stream = |name: &str| StreamName::parse(name).unwrap();
        let none = Selection::default;
        let cases = [
            (none(), 31),
            (Selection { streams: vec![stream("course-1")], ..none() }, 10),
            (Selection { streams: vec![stream("course-1"), stream("note-1")], ..none() }, 11),
            (Selection { aggregates: vec!["course".into()], ..none() }, 30),
            (Selection { actor: Some("actor-0".into()), ..none() }, 15),
            (Selection { actor: Some("actor-0".into()), streams: vec![stream("course-1")], ..none() }, 5),
            // a person's data: what they did, and what is about them
            (
                Selection {
                    actor: Some("actor-0".into()),
                    streams: vec![stream("note-1")],
                    either: true,
                    ..none()
                },
                16,
            ),
            (Selection { from: Some(Timestamp(1_767_225_600_001)), ..none() }, 0),
            (Selection { to: Some(Timestamp(1_767_225_600_001)), ..none() }, 31),
        ];
        for (selection, commits) in cases {
            let mut export =
                log.export(ExportOptions { selection: selection.clone(), ..ExportOptions::default() });
            while export.next().await.unwrap().is_some() {}
            assert_eq!(export.progress().commits, commits, "{selection:?}");
            assert_eq!(export.progress().total, Some(32));
        }
    });
}

#[test]
fn cloud_events_are_read_back_with_their_ids_and_streams() {
    for (form, authority) in
        [(Form::CloudEvents, Authority::Device), (Form::CloudEventsBatch, Authority::Server)]
    {
        block_on(async {
            let log = lived(authority).await;
            let exported = text(
                &log,
                ExportOptions {
                    form,
                    source: Some("https://example.org/log".into()),
                    ..ExportOptions::default()
                },
            )
            .await;
            let events: Vec<serde_json::Value> = match form {
                Form::CloudEventsBatch => serde_json::from_str(&exported).unwrap(),
                _ => exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            };
            let page = log.read(&Query::default(), Place::START, 100).await.unwrap();
            assert_eq!(events.len(), page.events.len());
            let first = &events[0];
            for (name, value) in [
                ("specversion", "1.0"),
                ("source", "https://example.org/log"),
                ("type", "LessonCompleted"),
                ("subject", "course-0"),
                ("time", "2026-01-01T00:00:00.000Z"),
                ("datacontenttype", "application/json"),
                ("actor", "actor-0"),
                ("sequence", "1"),
            ] {
                assert_eq!(first[name], value, "{name}");
            }
            for name in events.iter().flat_map(|event| event.as_object().unwrap().keys()) {
                assert!(
                    name.len() <= 20
                        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                    "{name}"
                );
            }
            let fresh = open(Authority::Device, 2).await;
            import(&fresh, ImportOptions::default(), &exported).await.unwrap();
            let there = fresh.read(&Query::default(), Place::START, 100).await.unwrap();
            for (here, there) in page.events.iter().zip(&there.events) {
                assert_eq!(
                    (&here.event.id, &here.event.data, &here.event.custom, here.event.schema_version),
                    (&there.event.id, &there.event.data, &there.event.custom, there.event.schema_version)
                );
                assert_eq!(
                    (&here.stream, here.version, here.commit_id, here.occurred_at()),
                    (&there.stream, there.version, there.commit_id, there.occurred_at())
                );
                assert_eq!(
                    (&here.metadata.actor, here.metadata.device_id),
                    (&there.metadata.actor, there.metadata.device_id)
                );
            }
            let again = import(&fresh, ImportOptions::default(), &exported).await.unwrap();
            assert_eq!(again.commits, 0);
        });
    }
}

#[test]
fn cloud_events_of_other_systems_are_known_by_source_and_id() {
    block_on(async {
        let log = open(Authority::Device, 1).await;
        let event = |id: &str, source: &str| {
            format!(
                r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"Enrolled","subject":"course-a","data":{{"by":1}}}}"#
            )
        };
        let text = [event("1", "/a"), event("2", "/a"), event("1", "/b"), event("1", "/a")].join("\n");
        let done = import(&log, ImportOptions::default(), &text).await.unwrap();
        assert_eq!((done.events, done.duplicates), (3, 1));
        assert_eq!(import(&log, ImportOptions::default(), &text).await.unwrap().events, 0);
        let lost = r#"{"specversion":"1.0","id":"1","source":"/a","type":"Enrolled","subject":"nobody"}"#;
        let error = import(&log, ImportOptions::default(), lost).await.unwrap_err();
        assert!(error.to_string().contains("with a mapping"), "{error}");
    });
}

#[test]
fn cloud_events_come_in_todays_shape_or_the_one_asked_for() {
    block_on(async {
        let upcaster = Upcaster::new("LessonCompleted", 1)
            .steps(serde_json::from_str(r#"[{"rename":"name","to":"lesson"}]"#).unwrap());
        let mark = Upcaster::new("Marked", 1).splits_into(
            serde_json::from_str(
                r#"[{"type":"Graded","schemaVersion":1},{"type":"Seen","schemaVersion":1}]"#,
            )
            .unwrap(),
        );
        let decoder = Decoder::new(vec![upcaster, mark]).unwrap();
        let parts = Parts { decoder, ..parts(Authority::Device, &ManualEnvironment::new(1)) };
        let log = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let old = NewEvent { schema_version: Some(1), ..event("LessonCompleted", r#"{"name":"l1"}"#) };
        log.append("course-a", vec![old, event("Marked", "{}")], WriteOptions::default()).await.unwrap();
        let data = async |versions: Versions| {
            let exported =
                text(&log, ExportOptions { form: Form::CloudEvents, versions, ..ExportOptions::default() })
                    .await;
            let events: Vec<serde_json::Value> =
                exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let ids: std::collections::HashSet<_> =
                events.iter().map(|event| event["id"].to_string()).collect();
            assert_eq!(ids.len(), events.len(), "an id is once in a source");
            events[0]["data"].to_string()
        };
        assert_eq!(data(Versions::default()).await, r#"{"lesson":"l1"}"#);
        assert_eq!(data(Versions::from_iter([("LessonCompleted", 1)])).await, r#"{"name":"l1"}"#);
        // a backup keeps what is stored
        assert!(text(&log, ExportOptions::default()).await.contains(r#""data":{"name":"l1"}"#));
    });
}

#[test]
fn rows_become_the_first_events_of_their_streams_once() {
    block_on(async {
        let log = open(Authority::Device, 1).await;
        let rows = |names: &[&str]| -> Vec<Row> {
            names.iter().map(|name| serde_json::from_str(&format!(r#"{{"key":"{name}","stream":"course-{name}","events":[{{"type":"LessonCompleted","data":{{"lesson":"old"}}}}]}}"#)).unwrap()).collect()
        };
        let options = || ImportOptions { source: Some("crm.courses".into()), ..ImportOptions::default() };
        let mut import = log.import(options());
        import.rows(rows(&["a", "b"])).await.unwrap();
        assert_eq!(import.finish().await.unwrap().events, 2);
        log.execute("course", "a", complete("new"), WriteOptions::default()).await.unwrap();
        let mut again = log.import(options());
        let done = again.rows(rows(&["a", "b", "c"])).await.unwrap();
        assert_eq!((done.events, done.duplicates), (1, 2));
        assert_eq!(completed(&log, "a").await, ["new", "old"]);

        log.execute("course", "d", complete("own"), WriteOptions::default()).await.unwrap();
        let error = log.import(options()).rows(rows(&["e", "d"])).await.unwrap_err();
        assert_eq!(error.code(), "version-conflict");
        assert_eq!(log.load("course", "e", At::Now).await.unwrap().1, 0, "all rows or none");
        let error = log.import(ImportOptions::default()).rows(rows(&["f"])).await.unwrap_err();
        assert!(error.to_string().contains("name of their source"), "{error}");
    });
}

#[test]
fn what_is_written_while_it_is_exported_comes_too_or_not_at_all() {
    block_on(async {
        let log = lived(Authority::Device).await;
        let mut export = log.export(ExportOptions::default());
        let mut exported = export.next().await.unwrap().unwrap();
        log.execute("course", "late", complete("l1"), WriteOptions::default()).await.unwrap();
        while let Some(chunk) = export.next().await.unwrap() {
            exported.push_str(&chunk);
        }
        let fresh = open(Authority::Device, 2).await;
        import(&fresh, ImportOptions::default(), &exported).await.unwrap();
        assert_eq!(contents(&fresh).await, contents(&log).await);
    });
}
