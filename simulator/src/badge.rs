//! Badges: an aggregate whose app comes in two versions. The newer one says more of the same event, and knows another one. Devices run
//! either, and change to the newer in the middle of a history: what an older one does not understand stays as it is, for itself and for others.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc};
use tidelog::{
    aggregate::{Aggregate, Context, RegisterError, Registry},
    event::RecordedEvent,
    projection::Projection,
    upcast::{Decoder, UpcastError, Upcaster},
};

/// A version of the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum App {
    #[default]
    Older,
    Newer,
}

/// The aggregate.
pub(crate) const NAME: &str = "badge";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Command {
    Earn { badge: u8 },
}

/// As the older version has it: every badge is of one kind.
struct Old;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum OldEvent {
    Earned { badge: u8 },
}

/// As the newer version has it.
struct New;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum NewEvent {
    /// Of schema version 2; before, every badge was of level 1.
    Earned {
        badge: u8,
        level: u8,
    },
    Shown {
        badge: u8,
    },
}

/// How often each badge was earned, and at which level, or shown (level 0).
pub(crate) type Badges = BTreeMap<(u8, u8), u32>;

impl Aggregate for Old {
    const NAME: &'static str = NAME;
    type State = Badges;
    type Command = Command;
    type Event = OldEvent;
    type Error = Infallible;

    fn decide(
        _: &Badges,
        Command::Earn { badge }: Command,
        _: &Context,
    ) -> Result<Vec<OldEvent>, Infallible> {
        Ok(vec![OldEvent::Earned { badge }])
    }

    fn evolve(mut badges: Badges, OldEvent::Earned { badge }: &OldEvent) -> Badges {
        *badges.entry((*badge, 1)).or_default() += 1;
        badges
    }
}

impl Aggregate for New {
    const NAME: &'static str = NAME;
    type State = Badges;
    type Command = Command;
    type Event = NewEvent;
    type Error = Infallible;

    fn decide(
        _: &Badges,
        Command::Earn { badge }: Command,
        _: &Context,
    ) -> Result<Vec<NewEvent>, Infallible> {
        Ok(vec![NewEvent::Earned { badge, level: 2 }, NewEvent::Shown { badge }])
    }

    fn evolve(mut badges: Badges, event: &NewEvent) -> Badges {
        let of = match event {
            NewEvent::Earned { badge, level } => (*badge, *level),
            NewEvent::Shown { badge } => (*badge, 0),
        };
        *badges.entry(of).or_default() += 1;
        badges
    }
}

/// How many badges there are of each level, by the data alone: the same code in both versions of the app, fed by what each understands.
pub(crate) struct Shelf;

impl Projection for Shelf {
    const NAME: &'static str = "shelf";
    const TYPES: &'static [&'static str] = &["Earned"];
    type Row = u32;

    fn key(event: &RecordedEvent) -> Option<String> {
        Some(level(&event.event.data.to().unwrap_or_default()))
    }

    fn apply(row: Option<u32>, _: &RecordedEvent) -> Option<u32> {
        Some(row.unwrap_or_default() + 1)
    }
}

/// The keys of the rows.
pub(crate) const SHELVES: [&str; 3] = ["null", "1", "2"];

fn level(data: &Value) -> String {
    data["level"].to_string()
}

/// Adds the aggregate as a version of the app has it.
pub(crate) fn add(registry: &mut Registry, app: App) -> Result<(), RegisterError> {
    match app {
        App::Older => registry.add::<Old>(),
        App::Newer => registry.add::<New>(),
    }
}

/// What a version of the app knows of events.
pub(crate) fn decoder(app: App) -> Result<Decoder, UpcastError> {
    if app == App::Older {
        let others = ["LessonCompleted", "Answered", "HandedIn", "Joined", "Written"];
        let known = others.map(|name| (Arc::from(name), None)).into_iter();
        return Ok(Decoder::default().known(known.chain([(Arc::from("Earned"), Some(1))]).collect()));
    }
    let steps = serde_json::from_str(r#"[{ "add": "level", "value": 1 }]"#).unwrap_or_default();
    Decoder::new(vec![Upcaster::new("Earned", 1).steps(steps)])
}

/// What a version of the app understands of the badges in what is stored: their types, badges and levels.
fn understood(app: App, stored: &[RecordedEvent]) -> impl Iterator<Item = (&RecordedEvent, Value)> {
    let of_badges = stored.iter().filter(|it| it.stream.aggregate() == NAME);
    let known = of_badges.filter(move |it| {
        app == App::Newer || (&*it.event.event_type, it.event.schema_version) == ("Earned", 1)
    });
    known.map(move |it| {
        let shown = shown(app, it.clone());
        (it, shown.event.data.to().unwrap_or_default())
    })
}

/// The state that a version of the app has to come to.
pub(crate) fn badges(app: App, stored: &[RecordedEvent]) -> Badges {
    let mut badges = Badges::new();
    for (event, data) in understood(app, stored) {
        let level = match (app, &*event.event.event_type) {
            (_, "Shown") => 0,
            (App::Older, _) => 1,
            (App::Newer, _) => number(&data, "level"),
        };
        *badges.entry((number(&data, "badge"), level)).or_default() += 1;
    }
    badges
}

/// The rows that a version of the app has to come to.
pub(crate) fn shelf(app: App, stored: &[RecordedEvent]) -> BTreeMap<String, u32> {
    let mut rows = BTreeMap::new();
    for (_, data) in understood(app, stored).filter(|(event, _)| &*event.event.event_type == "Earned") {
        *rows.entry(level(&data)).or_default() += 1;
    }
    rows
}

fn number(data: &Value, field: &str) -> u8 {
    data[field].as_u64().and_then(|it| u8::try_from(it).ok()).unwrap_or(u8::MAX)
}

/// An event as a version of the app shows it.
pub(crate) fn shown(app: App, mut stored: RecordedEvent) -> RecordedEvent {
    let event = &mut stored.event;
    if app == App::Newer && (&*event.event_type, event.schema_version) == ("Earned", 1) {
        let mut data: Value = event.data.to().unwrap_or_default();
        data["level"] = 1.into();
        event.schema_version = 2;
        event.data = serde_json::from_value(data).unwrap_or_else(|_| event.data.clone());
    }
    stored
}

/// Each event is as one of the versions has decided it.
pub(crate) fn check(events: &[&RecordedEvent]) -> Result<(), String> {
    for stored in events {
        let data: Value = stored.event.data.to().map_err(|error| error.to_string())?;
        let level = data.get("level").map(|_| number(&data, "level"));
        match (&*stored.event.event_type, stored.event.schema_version, level) {
            ("Earned", 1, None) | ("Earned", 2, Some(2)) | ("Shown", 1, None) => {}
            (name, version, _) => {
                return Err(format!("nobody decided {name} of version {version} with {data}"));
            }
        }
    }
    Ok(())
}
