//! A server, or other apps on its log, that are older than this app: events go out in the shapes that they know.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use futures_executor::block_on;
use support::*;
use tidelog::{
    engine::{Engine, Outcome, Receipt, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{Authority, MemoryStore},
    stream::StreamName,
    testing::{InProcessServer, ManualEnvironment},
    upcast::{Decoder, Shape, Upcaster, Versions},
};

type Device = Engine<MemoryStore>;

/// `LessonCompleted { name }` (1) became `LessonCompleted { lesson }` (2); what was said in `Praised` (1) was cut short (2).
fn upcasters() -> Vec<Upcaster> {
    let steps = |json: &str| serde_json::from_str(json).unwrap();
    vec![
        Upcaster::new("LessonCompleted", 1).steps(steps(r#"[{ "rename": "name", "to": "lesson" }]"#)),
        Upcaster::new("Praised", 1).steps(steps(r#"[{ "remove": "why" }]"#)),
    ]
}

async fn open(
    store: &MemoryStore,
    clock: &ManualEnvironment,
    upcasters: Vec<Upcaster>,
    as_: &[(&str, u32)],
) -> Device {
    let mut parts = parts(Authority::Server, clock);
    parts.decoder = Decoder::new(upcasters).unwrap();
    parts.push_as = as_.iter().copied().collect::<Versions>();
    Engine::open(store.clone(), parts).await.unwrap()
}

async fn say(device: &Device, id: &str, lesson: &str) -> Receipt {
    device.execute("course", id, complete(lesson), WriteOptions::default()).await.unwrap()
}

fn praised() -> NewEvent {
    NewEvent {
        event_type: "Praised".into(),
        schema_version: None,
        data: Json::parse("{}").unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

/// Type, version and data of all events that the server has.
fn there(server: &InProcessServer) -> Vec<String> {
    let events = server.commits().into_iter().flat_map(|it| it.commit.events);
    events.map(|it| format!("{} {} {}", it.event_type, it.schema_version, it.data.as_str())).collect()
}

#[test]
fn events_go_out_in_the_shape_that_the_server_takes_and_come_back_in_todays() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let server = InProcessServer::new(&clock);
        let (disk, older) = (MemoryStore::new(), [("LessonCompleted", 1)]);
        let device = open(&disk, &clock, upcasters(), &older).await;
        let first = say(&device, "a", "l1").await;
        assert_eq!(
            (first.events[0].event.schema_version, first.events[0].event.data.as_str()),
            (2, r#"{"lesson":"l1"}"#)
        );
        say(&device, "a", "l2").await;
        let elsewhere = open(&MemoryStore::new(), &clock.another(2), upcasters(), &[]).await;
        server.sync(&device).await;
        assert_eq!(
            there(&server),
            [r#"LessonCompleted 1 {"name":"l1"}"#, r#"LessonCompleted 1 {"name":"l2"}"#]
        );
        let accepted = &server.commits()[0].commit;
        assert_eq!((accepted.id, accepted.events[0].id), (first.commit_id, first.events[0].event.id));

        // confirmed as it is, not decided again, and read in today's shape: before a reload and after
        let outcome = device.outcome(&StreamName::parse("course-a").unwrap(), first.commit_id).await.unwrap();
        assert!(matches!(outcome, Outcome::Confirmed { version: 1, .. }), "{outcome:?}");
        assert_eq!(completed(&device, "a").await, ["l1", "l2"]);
        assert_eq!(lessons(&device, "a").await, ["l1", "l2"]);
        assert_eq!((device.status().pending_commits, device.status().rejected), (0, 0));
        device.close();
        let device = open(&disk, &clock, upcasters(), &older).await;
        assert_eq!(completed(&device, "a").await, ["l1", "l2"]);
        let again = device.execute("course", "a", complete("l2"), WriteOptions::default()).await.unwrap_err();
        assert_eq!(again.code(), "refused");

        // an app without `push_as` takes them in and adds to them in today's shape; both read both
        server.sync(&elsewhere).await;
        assert_eq!(completed(&elsewhere, "a").await, ["l1", "l2"]);
        say(&elsewhere, "a", "l3").await;
        server.sync(&elsewhere).await;
        server.sync(&device).await;
        assert_eq!(there(&server)[2], r#"LessonCompleted 2 {"lesson":"l3"}"#);
        assert_eq!(completed(&device, "a").await, ["l1", "l2", "l3"]);
    });
}

#[test]
fn an_event_that_was_written_in_the_older_shape_goes_out_as_it_is() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let server = InProcessServer::new(&clock);
        let device = open(&MemoryStore::new(), &clock, upcasters(), &[("LessonCompleted", 1)]).await;
        let event = |version: u32, data: &str| NewEvent {
            event_type: "LessonCompleted".into(),
            schema_version: Some(version),
            data: Json::parse(data).unwrap(),
            ..praised()
        };
        let both = vec![event(1, r#"{"name":"l1"}"#), event(2, r#"{"lesson":"l2"}"#)];
        device.append("course-a", both, WriteOptions::default()).await.unwrap();
        server.sync(&device).await;
        assert_eq!(
            there(&server),
            [r#"LessonCompleted 1 {"name":"l1"}"#, r#"LessonCompleted 1 {"name":"l2"}"#]
        );
        assert_eq!(completed(&device, "a").await, ["l1", "l2"]);
    });
}

#[test]
fn a_commit_that_has_no_way_back_is_rejected_and_kept_and_holds_back_no_other() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let server = InProcessServer::new(&clock);
        let disk = MemoryStore::new();
        let device = open(&disk, &clock, upcasters(), &[("LessonCompleted", 1), ("Praised", 1)]).await;
        say(&device, "a", "l1").await;
        let lost = device.append("course-a", vec![praised()], WriteOptions::default()).await.unwrap();
        let caused = WriteOptions { causation_id: Some(lost.commit_id.0), ..WriteOptions::default() };
        device.execute("course", "c", complete("l1"), caused).await.unwrap();
        say(&device, "a", "l2").await;
        say(&device, "b", "l1").await;
        server.sync(&device).await;

        let lessons_there = [r#"{"name":"l1"}"#, r#"{"name":"l2"}"#, r#"{"name":"l1"}"#];
        assert_eq!(there(&server), lessons_there.map(|data| format!("LessonCompleted 1 {data}")));
        assert_eq!(completed(&device, "a").await, ["l1", "l2"]);
        let rejected = device.rejected().await.unwrap();
        let codes: Vec<_> = rejected.iter().map(|it| &*it.reason.code).collect();
        assert_eq!(codes, ["no-downcast", "builds-on-rejected"]);
        assert_eq!((rejected[0].commit_id, rejected[0].events.len()), (lost.commit_id, 1));
        assert!(rejected[0].reason.message.contains("Praised version 2"), "{}", rejected[0].reason.message);
        assert_eq!(device.status().pending_commits, 0);
        device.close();

        // the server was updated: it is tried again
        let device = open(&disk, &clock, upcasters(), &[("LessonCompleted", 1)]).await;
        device.retry(lost.commit_id).await.unwrap();
        server.sync(&device).await;
        assert_eq!(there(&server)[3], "Praised 2 {}");
    });
}

/// The older shape knows lessons by their first two letters.
fn short() -> Vec<Upcaster> {
    let lesson = |shape: &Shape| -> String {
        #[derive(serde::Deserialize)]
        struct Lesson {
            lesson: String,
        }
        shape.data.to::<Lesson>().unwrap().lesson
    };
    let back = move |shape: Shape| {
        let data = Json::parse(format!(r#"{{"lesson":"{}"}}"#, &lesson(&shape)[..2])).unwrap();
        Ok(Some(Shape { schema_version: 1, data, ..shape }))
    };
    let forth = |shape: Shape| Ok(vec![Shape { schema_version: 2, ..shape }]);
    vec![Upcaster::new("LessonCompleted", 1).by(forth).back_by(back)]
}

#[test]
fn where_the_older_shape_says_less_this_device_reads_what_everybody_reads() {
    block_on(async {
        let clock = ManualEnvironment::new(1);
        let server = InProcessServer::new(&clock);
        let device = open(&MemoryStore::new(), &clock, short(), &[("LessonCompleted", 1)]).await;
        say(&device, "a", "l1, all of it").await;
        assert_eq!(completed(&device, "a").await, ["l1, all of it"]);
        assert_eq!(lessons(&device, "a").await, ["l1, all of it"]);
        server.sync(&device).await;
        // the state was in memory, and was made anew
        assert_eq!(completed(&device, "a").await, ["l1"]);
        assert_eq!(lessons(&device, "a").await, ["l1"]);
        let again = device.execute("course", "a", complete("l1"), WriteOptions::default()).await.unwrap_err();
        assert_eq!(again.code(), "refused");
        assert_eq!((device.status().pending_commits, device.status().rejected), (0, 0));
    });
}

#[test]
fn a_version_that_nothing_leads_on_from_is_refused_at_the_opening() {
    block_on(async {
        let mut parts = parts(Authority::Server, &ManualEnvironment::new(1));
        parts.decoder = Decoder::new(vec![Upcaster::new("LessonCompleted", 2)]).unwrap();
        parts.push_as = [("LessonCompleted", 1)].into_iter().collect();
        let error = Engine::open(MemoryStore::new(), parts).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "invalid-upcasters");
        assert!(error.to_string().contains("no upcaster from LessonCompleted version 1"), "{error}");
    });
}
