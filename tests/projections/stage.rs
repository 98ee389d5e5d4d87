//! What the tests play with: a projection whose function, version and failures a test decides.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};
use tidelog::{
    engine::{Engine, Host, Parts, ReadError},
    event::{NewEvent, RecordedEvent},
    json::Json,
    log::{Authority, Place, Query, store::Store},
    projection::{ChangedRows, CurrentRow, Definition, ProjectError, Projector},
    testing::ManualEnvironment,
};

/// Counts events by stream: a row is `{"count", "last", "by": version}`. Fails where the test says so.
pub struct Counting {
    pub definition: Definition,
    /// Events that fail: `stream version`.
    pub poison: RefCell<Vec<String>>,
    /// How many events it was given.
    pub seen: Cell<u64>,
}

impl Counting {
    pub fn of(definition: Definition) -> Rc<Self> {
        Rc::new(Self { definition, poison: RefCell::default(), seen: Cell::new(0) })
    }

    pub fn poison(&self, event: &str) {
        self.poison.borrow_mut().push(event.into());
    }

    pub fn heal(&self) {
        self.poison.borrow_mut().clear();
    }
}

impl Projector for Counting {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn project(&self, events: &[RecordedEvent], row: &CurrentRow<'_>) -> Result<ChangedRows, ProjectError> {
        let mut rows: BTreeMap<String, Option<Json>> = BTreeMap::new();
        for (event, at) in events.iter().zip(0..) {
            if self.poison.borrow().contains(&format!("{} {}", event.stream, event.version)) {
                let reason = format!("event {} of {}: poison", event.version, event.stream);
                return Err(ProjectError { projection: self.definition.name.clone(), event: at, reason });
            }
            self.seen.set(self.seen.get() + 1);
            let key = event.stream.id().to_owned();
            let before = rows.get(&key).cloned().unwrap_or_else(|| row(&key));
            rows.insert(key, step(before.as_ref(), event, self.definition.version));
        }
        Ok(rows.into_iter().map(|(key, row)| (key.into(), row)).collect())
    }
}

/// The fold itself, also for what a test expects.
pub fn step(before: Option<&Json>, event: &RecordedEvent, version: u32) -> Option<Json> {
    if &*event.event.event_type == "Gone" {
        return None;
    }
    let count = before.map_or(0, |row| {
        let text = row.as_str();
        let from = text.find(':').unwrap() + 1;
        text[from..text.find(',').unwrap()].parse::<u64>().unwrap()
    });
    let last = event.event.data.as_str();
    Some(Json::parse(format!("{{\"count\":{},\"last\":{last},\"by\":{version}}}", count + 1)).unwrap())
}

/// All rows as they follow from the whole log.
pub async fn folded<S: Store>(engine: &Engine<S>, version: u32) -> Vec<(String, String)> {
    let mut rows: BTreeMap<String, Json> = BTreeMap::new();
    let mut from = Some(Place::START);
    while let Some(place) = from {
        let page = engine.read(&Query::default(), place, 500).await.unwrap();
        for event in page.events {
            let key = event.stream.id().to_owned();
            match step(rows.get(&key), &event, version) {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        from = page.next;
    }
    rows.into_iter().map(|(key, row)| (key, row.as_str().to_owned())).collect()
}

pub async fn rows<S: Store>(engine: &Engine<S>, name: &str) -> Vec<(String, String)> {
    let rows = engine.rows(name).await.unwrap();
    rows.into_iter().map(|(key, row)| (key, row.as_str().to_owned())).collect()
}

/// What the engine told its host.
#[derive(Default)]
pub struct Listening {
    pub failures: RefCell<Vec<String>>,
    pub later: RefCell<Vec<u64>>,
}

impl Host for Listening {
    fn changed(&self, _: tidelog::engine::Changed) {}
    fn post(&self, _: &str) {}
    fn failed(&self, error: &ReadError) {
        self.failures.borrow_mut().push(error.to_string());
    }
    fn later(&self, milliseconds: u64) {
        self.later.borrow_mut().push(milliseconds);
    }
}

pub async fn open<S: Store>(
    store: S,
    environment: &ManualEnvironment,
    projector: &Rc<Counting>,
) -> (Engine<S>, Rc<Listening>) {
    open_as(store, environment, Authority::Device, projector).await
}

pub async fn open_as<S: Store>(
    store: S,
    environment: &ManualEnvironment,
    authority: Authority,
    projector: &Rc<Counting>,
) -> (Engine<S>, Rc<Listening>) {
    let host = Rc::new(Listening::default());
    let parts = Parts {
        projections: vec![Rc::clone(projector) as Rc<dyn Projector>],
        host: Rc::clone(&host) as Rc<dyn Host>,
        ..Parts::new(authority, environment.surroundings())
    };
    (Engine::open(store, parts).await.unwrap(), host)
}

pub fn event(event_type: &str, data: &str) -> NewEvent {
    NewEvent {
        event_type: event_type.into(),
        schema_version: Some(1),
        data: Json::parse(data).unwrap(),
        id: None,
        occurred_at: None,
        custom: None,
    }
}

/// Appends `count` events, in turn to ten streams.
pub async fn append<S: Store>(engine: &Engine<S>, from: u64, count: u64) {
    for number in from..from + count {
        let stream = format!("thing-{}", number % 10);
        let kind = if number % 17 == 16 { "Gone" } else { "Happened" };
        let events = vec![event(kind, &number.to_string())];
        engine.append(&stream, events, Default::default()).await.unwrap();
    }
}

/// Appends many events at once.
pub async fn import<S: Store>(engine: &Engine<S>, count: u64) {
    let commit = |number: u64| tidelog::engine::Imported {
        stream: tidelog::stream::StreamName::parse(&format!("thing-{}", number % 400)).unwrap(),
        expected_version: None,
        events: vec![event("Happened", &number.to_string())],
    };
    engine.append_many((0..count).map(commit).collect()).await.unwrap();
}

/// Does background work until there is none.
pub async fn rest<S: Store>(engine: &Engine<S>) {
    while engine.maintain().await.unwrap() {}
}
