//! Questions about rows: the same answers with an index and without, kept until a row changes that they are about.

use crate::stage::event;
use futures_executor::block_on;
use std::{cell::Cell, rc::Rc};
use tidelog::{
    engine::{Engine, Parts},
    event::RecordedEvent,
    log::{Authority, MemoryStore},
    projection::{
        ChangedRows, CurrentRow, Definition, Direction, ProjectError, Projector, RowQuery, Test, Value,
    },
    testing::ManualEnvironment,
};

/// The data of the last event of a stream is its row.
struct Last(Definition);

impl Projector for Last {
    fn definition(&self) -> &Definition {
        &self.0
    }

    fn project(&self, events: &[RecordedEvent], _: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let mut rows: ChangedRows = Vec::new();
        for event in events {
            let key = event.stream.id();
            rows.retain(|(known, _)| **known != *key);
            let row = (&*event.event.event_type != "Gone").then(|| event.event.data.clone());
            rows.push((key.into(), row));
        }
        Ok(rows)
    }
}

async fn opened(authority: Authority) -> Engine<MemoryStore> {
    let last = |name: &str, indexes: &[&str]| {
        let indexes = indexes.iter().map(|&field| field.into()).collect();
        Rc::new(Last(Definition { indexes, ..Definition::new(name) })) as Rc<dyn Projector>
    };
    let parts = Parts {
        projections: vec![last("plain", &[]), last("indexed", &["n", "who.name", "kind"])],
        ..Parts::new(authority, ManualEnvironment::new(1).surroundings())
    };
    Engine::open(MemoryStore::new(), parts).await.unwrap()
}

async fn set(engine: &Engine<MemoryStore>, key: &str, row: &str) {
    let kind = if row.is_empty() { "Gone" } else { "Set" };
    let data = if row.is_empty() { "null" } else { row };
    engine.append(&format!("row-{key}"), vec![event(kind, data)], Default::default()).await.unwrap();
}

async fn keys(engine: &Engine<MemoryStore>, projection: &str, query: &RowQuery) -> (Vec<String>, usize) {
    let page = engine.query(projection, query).await.unwrap();
    (page.rows.iter().map(|(key, _)| key.as_ref().to_owned()).collect(), page.count)
}

#[track_caller]
fn check(engine: &Engine<MemoryStore>, query: &RowQuery, expected: &[&str]) {
    for projection in ["plain", "indexed"] {
        let (found, _) = block_on(keys(engine, projection, query));
        assert_eq!(found, expected, "{projection} {query:?}");
    }
}

const ROWS: [(&str, &str); 8] = [
    ("a", r#"{"n":3,"who":{"name":"Ada"},"kind":"x"}"#),
    ("b", r#"{"n":10,"who":{"name":"Alan"},"kind":"y"}"#),
    ("c", r#"{"n":-1.5,"who":{"name":"Bea"},"kind":"x"}"#),
    ("d", r#"{"n":"3","who":null,"kind":"x"}"#),
    ("e", r#"{"who":{},"kind":true}"#),
    ("f", r#"{"n":null,"who":{"name":"Älva"},"kind":"y"}"#),
    ("g", r#"{"n":10,"who":{"name":"Al"},"kind":"x"}"#),
    ("h", r#"{"n":{"deep":1},"who":{"name":"Al"},"kind":"z"}"#),
];

async fn filled() -> Engine<MemoryStore> {
    let engine = opened(Authority::Device).await;
    for (key, row) in ROWS {
        set(&engine, key, row).await;
    }
    engine
}

#[test]
fn every_test_finds_what_it_should() {
    let engine = block_on(filled());
    let all = RowQuery::default;
    let filter = |field: &str, test: Test| RowQuery::default().filter(field, test);
    check(&engine, &all(), &["a", "b", "c", "d", "e", "f", "g", "h"]);
    check(&engine, &filter("n", Test::Eq(10.into())), &["b", "g"]);
    check(&engine, &filter("n", Test::Eq("3".into())), &["d"]);
    check(&engine, &filter("n", Test::Eq(Value::Null)), &["e", "f"]);
    check(&engine, &filter("n", Test::Lt(3.into())), &["c"]);
    check(&engine, &filter("n", Test::Lte(3.into())), &["a", "c"]);
    check(&engine, &filter("n", Test::Gt(3.into())), &["b", "g"]);
    check(&engine, &filter("n", Test::Gte(3.into())), &["a", "b", "g"]);
    check(&engine, &filter("n", Test::Gte(3.into())).filter("n", Test::Lt(10.into())), &["a"]);
    check(&engine, &filter("n", Test::In(vec![3.into(), Value::Null, "3".into()])), &["a", "d", "e", "f"]);
    check(&engine, &filter("who.name", Test::Prefix("Al".into())), &["b", "g", "h"]);
    check(&engine, &filter("who.name", Test::Prefix("".into())), &["a", "b", "c", "f", "g", "h"]);
    check(&engine, &filter("who.name", Test::Gt("B".into())), &["c", "f"]);
    check(&engine, &filter("kind", Test::Eq(true.into())), &["e"]);
    check(&engine, &filter("$key", Test::Gt("f".into())), &["g", "h"]);
    check(&engine, &filter("$key", Test::In(vec!["b".into(), "zz".into()])), &["b"]);
    check(
        &engine,
        &filter("kind", Test::Eq("y".into())).or().filter("n", Test::Eq(3.into())),
        &["a", "b", "f"],
    );
    check(&engine, &filter("nowhere", Test::Eq(1.into())), &[]);
    check(&engine, &filter("n.deep", Test::Eq(1.into())), &["h"]);
}

#[test]
fn rows_come_in_the_order_asked_for() {
    let engine = block_on(filled());
    let (up, down) = (Direction::Ascending, Direction::Descending);
    let by = |field: &str, direction| RowQuery::default().order_by(field, direction);
    check(&engine, &by("n", up), &["e", "f", "c", "a", "b", "g", "d", "h"]);
    check(&engine, &by("n", down), &["h", "d", "b", "g", "a", "c", "e", "f"]);
    check(&engine, &by("kind", up).order_by("n", down), &["e", "d", "g", "a", "c", "b", "f", "h"]);
    check(&engine, &by("$key", down).limit(3), &["h", "g", "f"]);
    check(&engine, &by("n", up).offset(2).limit(2), &["c", "a"]);
    check(&engine, &by("n", up).filter("kind", Test::Eq("x".into())).limit(2), &["c", "a"]);
    check(&engine, &RowQuery::default().offset(20), &[]);
    let query = by("n", up).filter("kind", Test::Eq("x".into())).limit(1);
    assert_eq!(block_on(keys(&engine, "indexed", &query)), (vec!["c".into()], 4));
    assert_eq!(block_on(keys(&engine, "plain", &RowQuery::default().limit(0))), (vec![], 8));
}

#[test]
fn an_answer_is_kept_until_a_row_changes_that_it_is_about() {
    block_on(async {
        for authority in [Authority::Device, Authority::Server] {
            let engine = opened(authority).await;
            for (key, row) in ROWS {
                set(&engine, key, row).await;
            }
            let about_x = RowQuery::default().filter("kind", Test::Eq("x".into()));
            for projection in ["plain", "indexed"] {
                let stamp = async || engine.query(projection, &about_x).await.unwrap().stamp;
                let first = stamp().await;
                assert_eq!(stamp().await, first);
                set(&engine, "b", r#"{"n":11,"kind":"y"}"#).await;
                set(&engine, "new", r#"{"kind":"y"}"#).await;
                set(&engine, "a", ROWS[0].1).await;
                assert_eq!(stamp().await, first, "no row of it changed ({authority:?})");
                set(&engine, "b", r#"{"n":11,"kind":"x"}"#).await;
                let second = stamp().await;
                assert_ne!(second, first, "a row that it finds now");
                set(&engine, "b", "").await;
                assert_ne!(stamp().await, second, "a row that it found");
                assert_eq!(keys(&engine, projection, &about_x).await.0, ["a", "c", "d", "g"]);
                set(&engine, "b", ROWS[1].1).await;
            }
        }
    });
}

#[test]
fn too_many_tests_are_refused() {
    block_on(async {
        let engine = filled().await;
        let mut query = RowQuery::default();
        for _ in 0..257 {
            query = query.filter("n", Test::Gt(0.into()));
        }
        let refused = engine.query("plain", &query).await.unwrap_err();
        assert_eq!(refused.code(), "invalid-argument");
        assert!(refused.to_string().contains("257 tests, over the limit of 256"), "{refused}");
        assert_eq!(
            engine.query("none", &RowQuery::default()).await.unwrap_err().code(),
            "unknown-projection"
        );
    });
}

/// Numbers that look random.
struct Random(Cell<u64>);

impl Random {
    fn below(&self, limit: u64) -> u64 {
        self.0.set(
            self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
        );
        (self.0.get() >> 33) % limit
    }

    fn value(&self) -> String {
        match self.below(6) {
            0 => "null".into(),
            1 => ["true", "false"][self.below(2) as usize].into(),
            2 => format!("\"{}\"", ["", "a", "ab", "b", "ü"][self.below(5) as usize]),
            _ => self.below(6).to_string(),
        }
    }

    fn query(&self) -> RowQuery {
        let field = || ["n", "kind", "who.name", "$key", "other"][self.below(5) as usize];
        let value = || serde_json::from_str::<Value>(&self.value()).unwrap();
        let mut query = RowQuery::default();
        for _ in 0..self.below(3) {
            query = query.or();
            for _ in 0..self.below(3) {
                let test = match self.below(7) {
                    0 => Test::Eq(value()),
                    1 => Test::In(vec![value(), value()]),
                    2 => Test::Lt(value()),
                    3 => Test::Lte(value()),
                    4 => Test::Gt(value()),
                    5 => Test::Gte(value()),
                    _ => Test::Prefix(["", "a", "r1"][self.below(3) as usize].into()),
                };
                query = query.filter(field(), test);
            }
        }
        for _ in 0..self.below(3) {
            let way = [Direction::Ascending, Direction::Descending][self.below(2) as usize];
            query = query.order_by(field(), way);
        }
        if self.below(3) == 0 {
            query.limit(self.below(5) as usize).offset(self.below(5) as usize)
        } else {
            query
        }
    }
}

#[test]
fn an_index_changes_no_answer_whatever_changes_in_between() {
    for seed in 1..40 {
        block_on(async {
            let random = Random(Cell::new(seed));
            let engine = opened([Authority::Device, Authority::Server][seed as usize % 2]).await;
            let queries: Vec<RowQuery> = (0..12).map(|_| random.query()).collect();
            for _ in 0..40 {
                for _ in 0..random.below(4) {
                    let key = format!("r{}", random.below(25));
                    let row = format!(
                        r#"{{"n":{},"kind":{},"who":{{"name":{}}}}}"#,
                        random.value(),
                        random.value(),
                        random.value()
                    );
                    set(&engine, &key, if random.below(6) == 0 { "" } else { &row }).await;
                }
                let query = &queries[random.below(12) as usize];
                let fresh = query.clone().limit(query.limit.unwrap_or(1_000));
                let indexed = keys(&engine, "indexed", query).await;
                assert_eq!(indexed, keys(&engine, "plain", query).await, "seed {seed}: {query:?}");
                // asked in other words, so that no kept answer serves
                assert_eq!(indexed, keys(&engine, "plain", &fresh).await, "seed {seed}: {query:?}");
            }
        });
    }
}

#[test]
fn json_of_a_query_reads_as_it_is_written() {
    let text = r#"{"where":[[["n",{"gt":3}],["who.name",{"prefix":"A"}]],[["kind",{"in":["x",null]}]]],"orderBy":[["n","desc"]],"limit":5,"offset":1}"#;
    let query: RowQuery = serde_json::from_str(text).unwrap();
    let expected = RowQuery::default()
        .filter("n", Test::Gt(3.into()))
        .filter("who.name", Test::Prefix("A".into()))
        .or()
        .filter("kind", Test::In(vec!["x".into(), Value::Null]))
        .order_by("n", Direction::Descending)
        .limit(5)
        .offset(1);
    assert_eq!(query, expected);
    assert!(serde_json::from_str::<RowQuery>(r#"{"wher":[]}"#).is_err());
}
