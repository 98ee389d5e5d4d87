//! Upcasting happens at decoding, on every path on which a stored event is read.
#![cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use futures_executor::block_on;
use support::*;
use tidelog::{
    engine::{At, Engine, WriteOptions},
    event::{NewEvent, RecordedEvent},
    json::Json,
    log::{Authority, MemoryStore, Place, Query},
    projection::{Projection, erase},
    testing::ManualEnvironment,
    upcast::{Decoder, Direction, Shape, Step, Target, UnknownEvents, UpcastError, Upcaster, Versions},
};

fn old(event_type: &str, schema_version: u32, data: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.into(),
        schema_version: Some(schema_version),
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

fn steps(json: &str) -> Vec<Step> {
    serde_json::from_str(json).unwrap()
}

fn target(event_type: &str, schema_version: u32, json: &str) -> Target {
    Target { event_type: event_type.into(), schema_version, steps: steps(json) }
}

/// `LessonDone { unit }` (1) was renamed, `LessonCompleted { name }` (1) became `LessonCompleted { lesson }` (2), `LessonsDone`
/// (1) is several at once, `LessonMarked` (1) was split, `Opened` (1) is no longer of interest.
fn upcasters() -> Vec<Upcaster> {
    let several = |shape: Shape| {
        let names: Vec<String> = shape.data.to().map_err(|error| error.to_string())?;
        let each = names.iter().map(|name| Shape {
            event_type: "LessonDone".into(),
            schema_version: 1,
            data: Json::parse(format!(r#"{{"unit":"{name}"}}"#)).unwrap(),
        });
        Ok(each.collect())
    };
    vec![
        Upcaster::new("LessonDone", 1)
            .becomes("LessonCompleted", 1)
            .steps(steps(r#"[{ "rename": "unit", "to": "name" }]"#)),
        Upcaster::new("LessonCompleted", 1).steps(steps(r#"[{ "rename": "name", "to": "lesson" }]"#)),
        Upcaster::new("LessonsDone", 1).becomes("LessonDone", 1).by(several),
        Upcaster::new("LessonMarked", 1).splits_into(vec![
            target("LessonCompleted", 2, r#"[{ "remove": "mark" }]"#),
            target("Marked", 1, r#"[{ "remove": "lesson" }]"#),
        ]),
        Upcaster::new("Opened", 1).drops(),
    ]
}

async fn open(store: &MemoryStore, decoder: Decoder) -> Engine<MemoryStore> {
    let mut parts = parts(Authority::Device, &ManualEnvironment::new(1));
    parts.decoder = decoder;
    Engine::open(store.clone(), parts).await.unwrap()
}

#[test]
fn every_kind_of_upcaster_leads_to_todays_shape() {
    block_on(async {
        let engine = open(&MemoryStore::new(), Decoder::new(upcasters()).unwrap()).await;
        let history = vec![
            old("Opened", 1, "{}"),
            old("LessonDone", 1, r#"{"unit":"l1"}"#),
            old("LessonsDone", 1, r#"["l2","l3"]"#),
            old("LessonCompleted", 1, r#"{"name":"l4"}"#),
            old("LessonCompleted", 2, r#"{"lesson":"l5"}"#),
            old("LessonMarked", 1, r#"{"lesson":"l6","mark":1}"#),
        ];
        let receipt = engine.append("course-a", history, WriteOptions::default()).await.unwrap();
        assert_eq!(receipt.version, 6);

        let all = ["l1", "l2", "l3", "l4", "l5", "l6"];
        assert_eq!(completed(&engine, "a").await, all);
        assert_eq!(lessons(&engine, "a").await, all);
        let (_, version) = engine.load("course", "a", At::Version(3)).await.unwrap();
        assert_eq!(version, 3);
        let page = engine.read(&Query::default(), Place::START, 100).await.unwrap();
        assert_eq!(page.events, receipt.events);
        // what one event is split into shares its place
        assert_eq!(page.events.iter().map(|it| it.version).collect::<Vec<_>>(), [2, 3, 3, 4, 5, 6, 6]);
        let of_type = Query { types: vec!["LessonCompleted".into()], ..Query::default() };
        let page = engine.read(&of_type, Place::START, 100).await.unwrap();
        assert_eq!(page.events.iter().map(|it| it.version).collect::<Vec<_>>(), [2, 3, 3, 4, 5, 6]);
        let again = engine.execute("course", "a", complete("l3"), WriteOptions::default()).await.unwrap_err();
        assert_eq!(again.code(), "refused");
    });
}

#[test]
fn new_events_are_of_the_newest_version() {
    block_on(async {
        let engine = open(&MemoryStore::new(), Decoder::new(upcasters()).unwrap()).await;
        engine.execute("course", "a", complete("l1"), WriteOptions::default()).await.unwrap();
        let raw = engine.log().read(&Query::default(), Place::START, 10).await.unwrap();
        assert_eq!(raw.events[0].event.schema_version, 2);
        assert_eq!(completed(&engine, "a").await, ["l1"]);
    });
}

#[test]
fn an_upcaster_that_breaks_names_the_event() {
    block_on(async {
        let broken =
            Upcaster::new("LessonDone", 1).becomes("LessonCompleted", 2).by(|_| Err("no name".into()));
        let engine = open(&MemoryStore::new(), Decoder::new(vec![broken]).unwrap()).await;
        engine.append("course-a", vec![old("LessonDone", 1, "{}")], WriteOptions::default()).await.unwrap();
        let error = engine.load("course", "a", At::Now).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "upcast-failed");
        assert!(error.to_string().contains("event 1 of course-a"), "{error}");
        // a projection parks the stream
        assert_eq!(engine.row("progress", "a").await, Ok(None));
        let status = engine.projection_status("progress").await.unwrap();
        assert_eq!(status.error.unwrap().code, "upcast-failed");
        assert_eq!(engine.dead_letters("progress").await.unwrap()[0].stream.as_str(), "course-a");
        // other streams go on
        engine.execute("course", "b", complete("l1"), WriteOptions::default()).await.unwrap();
        assert_eq!(completed(&engine, "b").await, ["l1"]);
    });
}

#[test]
fn upcasters_that_do_not_fit_together_are_refused_by_name() {
    let next = Upcaster::new;
    let refused = |upcasters: Vec<Upcaster>| Decoder::new(upcasters).map(|_| ()).unwrap_err();

    let ambiguous = refused(vec![next("A", 1), next("A", 1).drops()]);
    assert!(
        matches!(&ambiguous, UpcastError::Ambiguous { event_type, schema_version: 1 } if &**event_type == "A")
    );

    let circle = refused(vec![next("A", 1).becomes("B", 1), next("B", 1).becomes("A", 1)]);
    assert!(matches!(&circle, UpcastError::Cycle { way, .. } if way == "A 1 → B 1 → A 1"), "{circle}");

    let gap = refused(vec![next("A", 1), next("A", 3)]);
    assert_eq!(gap, UpcastError::Gap { event_type: "A".into(), schema_version: 2, newest: 4 });
    let merged_short = refused(vec![next("Old", 1).becomes("A", 1), next("A", 2)]);
    assert_eq!(merged_short, UpcastError::Gap { event_type: "A".into(), schema_version: 1, newest: 3 });

    let invalid = [
        next("", 1),
        next("A", 0),
        next("A", 2).becomes("A", 1),
        next("A", 1).becomes("B", 0),
        next("A", 1).steps(vec![Step::Rename { path: "*".parse().unwrap(), to: "b".into() }]),
        next("A", 1).steps(steps(r#"[{ "remove": "b" }]"#)).by(|shape| Ok(vec![shape])),
        next("A", 1).drops().back_by(|shape| Ok(Some(shape))),
    ];
    for upcaster in invalid {
        let error = refused(vec![upcaster]);
        assert!(matches!(error, UpcastError::Invalid { .. }), "{error}");
        assert_eq!(error.code(), "invalid-upcasters");
    }
    // versions that nobody ever wrote may be jumped over
    assert!(Decoder::new(vec![next("A", 1).becomes("A", 5), next("A", 5)]).is_ok());
}

#[test]
fn a_version_from_which_nothing_leads_on_is_an_error_when_it_is_met() {
    block_on(async {
        let decoder = Decoder::new(vec![Upcaster::new("LessonCompleted", 2)]).unwrap();
        let engine = open(&MemoryStore::new(), decoder).await;
        let event = old("LessonCompleted", 1, r#"{"lesson":"l1"}"#);
        engine.append("course-a", vec![event], WriteOptions::default()).await.unwrap();
        let error = engine.load("course", "a", At::Now).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "invalid-upcasters");
        assert!(error.to_string().contains("no upcaster from LessonCompleted version 1"), "{error}");
    });
}

#[test]
fn steps_change_what_they_name_and_nothing_else() {
    let cases = [
        (r#"[{"add":"b","value":null}]"#, r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
        (r#"[{"add":"b","value":2}]"#, r#"{"b":1}"#, r#"{"b":1}"#),
        (r#"[{"add":"b.c","value":2}]"#, "{}", r#"{"b":{"c":2}}"#),
        (r#"[{"remove":"b.c"}]"#, r#"{"b":{"c":1,"d":2}}"#, r#"{"b":{"d":2}}"#),
        (r#"[{"remove":"b.c"}]"#, r#"{"b":null}"#, r#"{"b":null}"#),
        (r#"[{"rename":"a","to":"b"}]"#, r#"{"x":1,"a":1.50,"y":2}"#, r#"{"x":1,"b":1.50,"y":2}"#),
        (r#"[{"rename":"a","to":"b"}]"#, r#"{"x":1}"#, r#"{"x":1}"#),
        (
            r#"[{"rename":"l.*.n","to":"m"}]"#,
            r#"{"l":[{"n":1},{},{"n":2}]}"#,
            r#"{"l":[{"m":1},{},{"m":2}]}"#,
        ),
        (r#"[{"move":"a.b","to":"c.d"}]"#, r#"{"a":{"b":1}}"#, r#"{"c":{"d":1}}"#),
        (r#"[{"move":"l.*.a","to":"l.*.b.c"}]"#, r#"{"l":[{"a":1}]}"#, r#"{"l":[{"b":{"c":1}}]}"#),
        (r#"[{"set":"a","value":[1]}]"#, r#"{"a":{"b":2}}"#, r#"{"a":[1]}"#),
        (r#"[{"map":"a","values":[["x",1],["y",2]]}]"#, r#"{"a":"y"}"#, r#"{"a":2}"#),
        (r#"[{"map":"a","values":[["é",1]]}]"#, r#"{"a":"\u00e9"}"#, r#"{"a":1}"#),
        (r#"[{"map":"a","values":[["x",1]]}]"#, r#"{"a":"z"}"#, r#"{"a":"z"}"#),
        (r#"[{"map":"a","values":[["x",1]],"otherwise":0}]"#, r#"{"a":"z"}"#, r#"{"a":0}"#),
        (r#"[{"map":"*","values":[[true,1]]}]"#, "[true,false]", "[1,false]"),
        (r#"[{"wrap":"","key":"v"}]"#, "3", r#"{"v":3}"#),
        (r#"[{"wrap":"a","key":"v"}]"#, r#"{"a":[1]}"#, r#"{"a":{"v":[1]}}"#),
        (r#"[{"unwrap":"a","key":"v"}]"#, r#"{"a":{"v":{"w":1}}}"#, r#"{"a":{"w":1}}"#),
        (r#"[{"rename":"a\\.b","to":"c"}]"#, r#"{"a.b":1}"#, r#"{"c":1}"#),
        // numbers that no machine type holds, and the order of keys, stay as they are
        (
            r#"[{"rename":"a","to":"b"}]"#,
            r#"{"z":123456789012345678901234567890,"a":1}"#,
            r#"{"z":123456789012345678901234567890,"b":1}"#,
        ),
    ];
    for (rule, before, after) in cases {
        let data = Json::parse(before).unwrap();
        let changed = Step::apply_all(&steps(rule), &data, Direction::Up).unwrap();
        assert_eq!(changed.as_str(), after, "{rule} on {before}");
    }
}

#[test]
fn a_step_that_does_not_fit_the_data_says_which_and_why() {
    let cases = [
        (r#"[{"add":"a.b","value":1}]"#, r#"{"a":3}"#, r#"add "a.b": what should hold "b" is no object"#),
        (r#"[{"rename":"a","to":"b"}]"#, r#"{"a":1,"b":2}"#, r#"rename "a": there is a "b" already"#),
        (r#"[{"move":"a","to":"b"}]"#, r#"{"a":1,"b":2}"#, r#"move "a": there is a "b" already"#),
        (r#"[{"remove":"l.*.a"}]"#, r#"{"l":{}}"#, r#"remove "l.*.a": * stands for the elements"#),
        (r#"[{"unwrap":"a","key":"v"}]"#, r#"{"a":{"v":1,"w":2}}"#, "nothing else, which would be lost"),
        (r#"[{"unwrap":"","key":"v"}]"#, "[]", "it is no object"),
    ];
    for (rule, data, message) in cases {
        let error = Step::apply_all(&steps(rule), &Json::parse(data).unwrap(), Direction::Up).unwrap_err();
        assert!(error.contains(message), "{rule} on {data}: {error}");
    }
}

#[test]
fn what_is_no_step_is_refused_with_what_is() {
    let cases = [
        ("{}", "a step has one of add, remove"),
        (r#"{"add":"a","remove":"b","value":1}"#, "a step has one of"),
        (r#"{"add":"a"}"#, "add needs `value`"),
        (r#"{"rename":"a"}"#, "rename needs `to`"),
        (r#"{"rename":"a","to":""}"#, "needs a key `to`"),
        (r#"{"add":"l.*","value":1}"#, "needs a path that ends with a key"),
        (r#"{"move":"l.*.a","to":"b"}"#, "leaves the array"),
        (r#"{"map":"a","values":[["x",1],["x",2]]}"#, r#"lists "x" twice"#),
        (r#"{"remove":"a..b"}"#, "a key is empty"),
        (r#"{"explode":"a"}"#, "unknown field `explode`"),
    ];
    for (json, message) in cases {
        let error = serde_json::from_str::<Step>(json).unwrap_err().to_string();
        assert!(error.contains(message), "{json}: {error}");
    }
}

#[test]
fn events_are_read_in_the_versions_asked_for() {
    block_on(async {
        let engine = open(&MemoryStore::new(), Decoder::new(upcasters()).unwrap()).await;
        let history = vec![
            old("LessonDone", 1, r#"{"unit":"l1"}"#),
            old("LessonCompleted", 1, r#"{"name":"l2"}"#),
            old("LessonCompleted", 2, r#"{"lesson":"l3"}"#),
        ];
        engine.append("course-a", history, WriteOptions::default()).await.unwrap();
        let read = async |types: &[&str], versions: &[(&str, u32)]| {
            let query = Query { types: types.iter().map(|&name| name.into()).collect(), ..Query::default() };
            let page =
                engine.read_as(&query, Place::START, 10, &versions.iter().copied().collect()).await.unwrap();
            let events = page.events.into_iter().map(|it| it.event);
            events
                .map(|it| format!("{}{}{}", it.event_type, it.schema_version, it.data.as_str()))
                .collect::<Vec<_>>()
        };
        let in_one = [
            "LessonCompleted1{\"name\":\"l1\"}",
            "LessonCompleted1{\"name\":\"l2\"}",
            "LessonCompleted1{\"name\":\"l3\"}",
        ];
        assert_eq!(read(&[], &[("LessonCompleted", 1)]).await, in_one);
        assert_eq!(read(&["LessonCompleted"], &[("LessonCompleted", 1)]).await, in_one);
        // as the older type that was merged into it
        let done =
            ["LessonDone1{\"unit\":\"l1\"}", "LessonDone1{\"unit\":\"l2\"}", "LessonDone1{\"unit\":\"l3\"}"];
        assert_eq!(read(&[], &[("LessonDone", 1)]).await, done);
        assert_eq!(read(&["LessonDone"], &[("LessonDone", 1)]).await, done);
    });
}

#[test]
fn where_there_is_no_way_back_the_error_says_why() {
    let recorded = |event_type: &str, version: u32, data: &str| {
        let engine_free = Decoder::default();
        let _ = &engine_free;
        block_on(async {
            let engine = open(&MemoryStore::new(), Decoder::default()).await;
            engine
                .append("course-a", vec![old(event_type, version, data)], WriteOptions::default())
                .await
                .unwrap();
            engine.log().read(&Query::default(), Place::START, 1).await.unwrap().events
        })
    };
    let lossy = r#"[{ "remove": "mark" }]"#;
    let cases = [
        (Upcaster::new("A", 1).steps(steps(lossy)), ("A", 2), ("A", 1), "says no value to restore"),
        (
            Upcaster::new("A", 1).by(|shape| Ok(vec![Shape { schema_version: 2, ..shape }])),
            ("A", 2),
            ("A", 1),
            "there is none for the way back",
        ),
        (
            Upcaster::new("A", 1).splits_into(vec![target("B", 1, "[]"), target("C", 1, "[]")]),
            ("B", 1),
            ("A", 1),
            "was split",
        ),
        (Upcaster::new("A", 2), ("A", 3), ("A", 1), "no upcaster leads here from version 1"),
        (
            Upcaster::new("A", 1)
                .by(|shape| Ok(vec![Shape { schema_version: 2, ..shape }]))
                .back_by(|_| Ok(None)),
            ("A", 2),
            ("A", 1),
            "says that it came from there",
        ),
        (
            Upcaster::new("A", 1).steps(steps(r#"[{"map":"a","values":[[1,0],[2,0]]}]"#)),
            ("A", 2),
            ("A", 1),
            "one value of several",
        ),
    ];
    for (upcaster, (event_type, version), wanted, message) in cases {
        let decoder = Decoder::new(vec![upcaster]).unwrap();
        let error =
            decoder.show_as(recorded(event_type, version, "{}"), &Versions::from_iter([wanted])).unwrap_err();
        assert_eq!(error.code(), "no-downcast");
        assert!(error.to_string().contains(message), "{error}");
    }
    // two types were merged, and nothing tells them apart any more
    let merged = vec![Upcaster::new("A", 1).becomes("C", 1), Upcaster::new("B", 1).becomes("C", 1)];
    let decoder = Decoder::new(merged).unwrap();
    let wanted = Versions::from_iter([("A", 1), ("B", 1)]);
    let error = decoder.show_as(recorded("C", 1, "{}"), &wanted).unwrap_err();
    assert!(error.to_string().contains("ask for one of them"), "{error}");
}

#[test]
fn events_that_nobody_here_knows_follow_the_policy() {
    let cases = [
        (UnknownEvents::Keep, Ok(3)),
        (UnknownEvents::Skip, Ok(1)),
        (UnknownEvents::Error, Err("unknown-event")),
    ];
    for (policy, shown) in cases {
        block_on(async {
            let decoder = Decoder::new(upcasters()).unwrap().unknown(policy);
            let engine = open(&MemoryStore::new(), decoder).await;
            let history = vec![
                old("LessonCompleted", 2, r#"{"lesson":"l1"}"#),
                old("CourseRated", 1, r#"{"stars":5}"#),
                old("LessonCompleted", 3, r#"{"lessons":["l2"]}"#),
            ];
            engine.append("course-a", history, WriteOptions::default()).await.unwrap();
            let read = engine.read(&Query::default(), Place::START, 10).await;
            assert_eq!(read.map(|page| page.events.len()).map_err(|error| error.code()), shown, "{policy:?}");
            let loaded = engine.load("course", "a", At::Now).await.map(|(_, version)| version);
            let row = engine.row("progress", "a").await.map(|row| row.unwrap().as_str().to_owned());
            if shown.is_ok() {
                // the state is made of what is understood, and still has the version of the whole stream
                assert_eq!((loaded.unwrap(), completed(&engine, "a").await), (3, vec!["l1".to_owned()]));
                assert_eq!(row.unwrap(), r#"["l1"]"#);
                assert_eq!(
                    engine
                        .execute("course", "a", complete("l2"), WriteOptions::default())
                        .await
                        .unwrap()
                        .version,
                    4
                );
            } else {
                assert_eq!(loaded.unwrap_err().code(), "unknown-event");
                // what a projection can't take in parks its stream; it asks for no event of the unknown type
                assert_eq!(row.unwrap(), r#"["l1"]"#);
                let letters = engine.dead_letters("progress").await.unwrap();
                assert_eq!(letters.iter().map(|letter| letter.version).collect::<Vec<_>>(), [3]);
            }
        });
    }
}

#[test]
fn an_app_may_list_what_it_knows() {
    block_on(async {
        let known = vec![("LessonCompleted".into(), Some(1)), ("CourseRated".into(), None)];
        let decoder = Decoder::default().unknown(UnknownEvents::Error).known(known);
        let engine = open(&MemoryStore::new(), decoder).await;
        let history = vec![old("LessonCompleted", 1, r#"{"lesson":"l1"}"#), old("CourseRated", 9, "{}")];
        engine.append("course-a", history, WriteOptions::default()).await.unwrap();
        assert_eq!(completed(&engine, "a").await, ["l1"]);
        let newer = old("LessonCompleted", 2, r#"{"lesson":"l2"}"#);
        engine.append("course-a", vec![newer], WriteOptions::default()).await.unwrap();
        let error = engine.load("course", "a", At::Now).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "unknown-event");
    });
}

/// How many stars a course got: of an event that a projection names and the aggregate does not.
struct Stars;

impl Projection for Stars {
    const NAME: &'static str = "stars";
    const TYPES: &'static [&'static str] = &["CourseRated"];
    type Row = u64;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(event.stream.id().to_owned())
    }

    fn apply(row: Option<u64>, _: &RecordedEvent) -> Option<u64> {
        Some(row.unwrap_or(0) + 1)
    }
}

#[test]
fn an_aggregate_is_given_no_type_that_only_a_projection_knows() {
    block_on(async {
        let mut parts = parts(Authority::Device, &ManualEnvironment::new(1));
        parts.projections.push(erase::<Stars>());
        let engine = Engine::open(MemoryStore::new(), parts).await.unwrap();
        let lesson = || old("LessonCompleted", 1, r#"{"lesson":"l1"}"#);
        let history = vec![lesson(), old("CourseRated", 1, r#"{"stars":5}"#)];
        engine.append("course-a", history, WriteOptions::default()).await.unwrap();
        // known, so nothing keeps it from a fold; `CourseEvent` could not read it
        assert_eq!(completed(&engine, "a").await, ["l1"]);
        assert_eq!(engine.row("stars", "a").await.unwrap().unwrap().as_str(), "1");
        let receipt = engine.execute("course", "a", complete("l2"), WriteOptions::default()).await.unwrap();
        assert_eq!(
            (receipt.version, completed(&engine, "a").await),
            (3, vec!["l1".to_owned(), "l2".to_owned()])
        );
    });
}

#[test]
fn a_projection_is_given_no_newer_version_than_the_app_knows_until_it_knows_it() {
    // Without upcasters, events of the types that a projection names went to it in whatever version they were; and what was made of them
    // counted as made by an app that knows the newer ones too.
    block_on(async {
        let store = MemoryStore::new();
        let open = async |newest: u32| {
            let mut parts = parts(Authority::Device, &ManualEnvironment::new(newest.into()));
            parts.projections.push(erase::<Stars>());
            parts.decoder = Decoder::default().known(vec![("CourseRated".into(), Some(newest))]);
            Engine::open(store.clone(), parts).await.unwrap()
        };
        let older = open(1).await;
        let rated = vec![old("CourseRated", 2, "{}")];
        older.append("course-a", rated, WriteOptions::default()).await.unwrap();
        assert_eq!(older.row("stars", "a").await.unwrap(), None);
        while older.maintain().await.unwrap() {}
        older.close();
        let newer = open(2).await;
        while newer.maintain().await.unwrap() {}
        assert_eq!(newer.row("stars", "a").await.unwrap().unwrap().as_str(), "1");
    });
}
