//! Events are taken for the same because they say the same: then another order of keys, or a property that is missing rather than
//! undefined, makes two of one (LiveStore, issues 1160 and 1217), and of two that really happened one is lost.
//!
//! The cure: commits and events are the same if their ids are, whatever they say.

use tidelog::{
    commit::Commit,
    engine::{Engine, Parts, WriteOptions},
    event::NewEvent,
    json::Json,
    log::{Authority, MemoryStore, Place, Query},
    testing::{ManualEnvironment, block_on},
    transfer::{ExportOptions, Form, ImportOptions},
};

async fn open(seed: u64) -> Engine<MemoryStore> {
    let environment = ManualEnvironment::new(seed);
    Engine::open(MemoryStore::new(), Parts::new(Authority::Device, environment.surroundings())).await.unwrap()
}

fn sold(data: &str) -> NewEvent {
    NewEvent {
        event_type: "Sold".into(),
        schema_version: None,
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

async fn import(log: &Engine<MemoryStore>, text: &str) -> (u64, u64) {
    let mut import = log.import(ImportOptions::default());
    import.push(text).await.unwrap();
    let done = import.finish().await.unwrap();
    (done.commits, done.duplicates)
}

#[test]
fn two_events_that_say_the_same_are_two() {
    block_on(async {
        let log = open(1).await;
        for _ in 0..2 {
            log.append(
                "shop-1",
                vec![sold(r#"{"item":"tea"}"#), sold(r#"{"item":"tea"}"#)],
                WriteOptions::default(),
            )
            .await
            .unwrap();
        }
        let mut text = String::new();
        let mut export = log.export(ExportOptions { form: Form::CloudEvents, ..ExportOptions::default() });
        while let Some(chunk) = export.next().await.unwrap() {
            text.push_str(&chunk);
        }
        let other = open(2).await;
        assert_eq!(import(&other, &text).await, (2, 0));
        assert_eq!(other.read(&Query::default(), Place::START, 9).await.unwrap().events.len(), 4);
    });
}

#[test]
fn one_event_that_is_spelt_in_two_ways_is_one() {
    block_on(async {
        let log = open(1).await;
        let event = |data: &str| {
            format!(
                r#"{{"specversion":"1.0","id":"sale-1","source":"/till","type":"Sold","subject":"shop-1","data":{data}}}"#
            )
        };
        assert_eq!(import(&log, &event(r#"{"item":"tea","price":2}"#)).await, (1, 0));
        for spelling in [
            r#"{"price":2,"item":"tea"}"#,
            r#"{ "item": "tea", "price": 2.0 }"#,
            r#"{"item":"tea","price":2,"note":null}"#,
        ] {
            assert_eq!(import(&log, &event(spelling)).await, (0, 1), "{spelling}");
        }
    });
}

#[test]
fn a_commit_is_known_by_its_id_whatever_it_says() {
    block_on(async {
        let log = open(1).await;
        let options = WriteOptions {
            command_id: Some(tidelog::command_id::CommandId::parse("sale 1").unwrap()),
            ..WriteOptions::default()
        };
        let first =
            log.append("shop-1", vec![sold(r#"{"item":"tea","price":2}"#)], options.clone()).await.unwrap();
        let again = log.append("shop-1", vec![sold(r#"{"price":2,"item":"tea"}"#)], options).await.unwrap();
        assert_eq!((again.commit_id, again.version), (first.commit_id, 1));
        assert_eq!(again.events, first.events, "the first counts");
        let commits: Vec<Commit> =
            log.log().confirmed_commits(0, 9).await.unwrap().into_iter().map(|it| it.commit).collect();
        assert_eq!(commits.len(), 1);
    });
}
