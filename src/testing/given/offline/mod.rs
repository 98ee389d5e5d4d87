//! Stories about devices that were offline.

mod device;
mod order;

pub use order::{Order, command};

use super::{
    difference::{same, same_json},
    happened::{Happened, new_event},
};
use crate::{
    aggregate::{Aggregate, Registry},
    engine::{At, Engine, Parts, WriteOptions},
    event::Event,
    log::{Authority, MemoryStore},
    projection::{Projection, Projector, erase},
    testing::{InProcessServer, ManualEnvironment, block_on},
    upcast::Decoder,
    version::ExpectedVersion,
};
use device::Device;
use serde::Serialize;
use std::{fmt::Debug, rc::Rc};

/// How often devices may sync in turn before they must have come to rest.
const MAX_ROUNDS: usize = 16;

/// Given this history, which the server has and every device of the story knows.
///
/// The devices have the real engine and sync over logs in memory; the server judges by the rules of `tidelog-server`.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use tidelog::aggregate::{Aggregate, Context};
/// use tidelog::testing::given::{self, command, happened};
/// # #[derive(Clone, Default, Debug, PartialEq)] struct Seats { taken: u32 }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type", content = "data")] enum Command { Take { seats: u32 } }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type", content = "data")] enum Event { Taken { seats: u32 } }
/// # #[derive(Debug, thiserror::Error)] #[error("there are only 10 seats")] struct Full;
/// # impl Aggregate for Seats {
/// #     const NAME: &'static str = "seats";
/// #     type State = Self; type Command = Command; type Event = Event; type Error = Full;
/// #     fn decide(state: &Self, Command::Take { seats }: Command, _: &Context) -> Result<Vec<Event>, Full> {
/// #         if state.taken + seats > 10 { Err(Full) } else { Ok(vec![Event::Taken { seats }]) }
/// #     }
/// #     fn evolve(state: Self, Event::Taken { seats }: &Event) -> Self { Self { taken: state.taken + seats } }
/// # }
/// given::history([happened("seats-hall", Event::Taken { seats: 4 })])
///     .aggregate::<Seats>()
///     .device("phone", [command("seats-hall", Command::Take { seats: 5 })])
///     .device("tablet", [command("seats-hall", Command::Take { seats: 3 })])
///     .sync(["phone", "tablet"])
///     .then_state::<Seats>("hall", &Seats { taken: 9 })
///     .then_outcomes("phone", ["confirmed"])
///     .then_outcomes("tablet", ["rejected: domain"]);
/// ```
#[must_use]
pub fn history(events: impl IntoIterator<Item = Happened>) -> Story {
    let clock = ManualEnvironment::new(1);
    Story {
        server: InProcessServer::new(&clock),
        clock,
        registry: Registry::default(),
        projections: Vec::new(),
        decoder: Decoder::default(),
        history: events.into_iter().collect(),
        devices: Vec::new(),
    }
}

/// Devices, a server, and what has happened so far.
pub struct Story {
    server: InProcessServer,
    clock: ManualEnvironment,
    registry: Registry,
    projections: Vec<Rc<dyn Projector>>,
    decoder: Decoder,
    history: Vec<Happened>,
    devices: Vec<Device>,
}

impl Story {
    /// All devices know this aggregate. Say so before the first device.
    ///
    /// # Panics
    /// If its name is taken.
    #[must_use]
    #[track_caller]
    pub fn aggregate<A: Aggregate>(mut self) -> Self {
        self.registry.add::<A>().unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// All devices know this projection. Say so before the first device.
    #[must_use]
    pub fn projection<P: Projection>(mut self) -> Self {
        self.projections.push(erase::<P>());
        self
    }

    /// All devices read stored events with these upcasters. Say so before the first device.
    #[must_use]
    pub fn upcasters(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// A device does this while it is offline. It begins with what the server has when it is first named.
    ///
    /// # Panics
    /// If it refuses a command that was not to be [`refused`](Order::refused), or accepts one that was.
    #[must_use]
    pub fn device(mut self, name: &str, orders: impl IntoIterator<Item = Order>) -> Self {
        block_on(async {
            self.write_history().await;
            let index = match self.devices.iter().position(|device| device.name == name) {
                Some(index) => index,
                None => {
                    let device = Device::open(name, self.parts()).await;
                    device.sync(&self.server).await;
                    self.devices.push(device);
                    self.devices.len() - 1
                }
            };
            for order in orders {
                self.devices[index].take(order).await;
            }
        });
        self
    }

    /// These devices go online in this order, one after the other, and again until none of them has anything left to do: then
    /// they and the server agree.
    ///
    /// # Panics
    /// If there is no such device, or they don't come to rest.
    #[must_use]
    pub fn sync<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let devices: Vec<&Device> = names.into_iter().map(|name| self.known(name)).collect();
        block_on(async {
            let standing = || devices.iter().map(|device| device.standing()).collect::<Vec<_>>();
            for _ in 0..MAX_ROUNDS {
                let before = standing();
                for device in &devices {
                    device.sync(&self.server).await;
                }
                if standing() == before {
                    return;
                }
            }
            panic!("the devices did not come to rest within {MAX_ROUNDS} rounds: {:?}", standing());
        });
        self
    }

    /// So many milliseconds go by, everywhere.
    #[must_use]
    pub fn later(self, milliseconds: i64) -> Self {
        self.clock.advance(milliseconds);
        self
    }

    /// Looks at what has come of it.
    pub fn then(self, look: impl FnOnce(&Self)) -> Self {
        look(&self);
        self
    }

    /// Every device that has nothing left to send sees this state.
    ///
    /// # Panics
    /// If one sees another, or none has synced.
    #[track_caller]
    pub fn then_state<A: Aggregate>(self, id: &str, expected: &A::State) -> Self
    where
        A::State: PartialEq + Debug,
    {
        for device in self.synced() {
            let state = self.state::<A>(&device.name, id);
            same(&format!("the states of {}-{id} on {}", A::NAME, device.name), expected, &state);
        }
        self
    }

    /// The server has these events in a stream, as `{ "type": …, "data": … }`.
    ///
    /// # Panics
    /// If it has others.
    #[track_caller]
    pub fn then_events<E: Serialize>(self, stream: &str, expected: impl IntoIterator<Item = E>) -> Self {
        let commits = self.server.commits().into_iter().filter(|it| it.commit.stream.as_str() == stream);
        let shape = |event_type: &str, data: &crate::json::Json| (event_type.to_owned(), data.clone());
        let events = commits.flat_map(|confirmed| confirmed.commit.events);
        let actual: Vec<_> = events.map(|it: Event| shape(&it.event_type, &it.data)).collect();
        let expected = expected.into_iter().map(|event| new_event(&event));
        let expected: Vec<_> = expected.map(|it| shape(&it.event_type, &it.data)).collect();
        same_json(&format!("the events of {stream}"), &expected, &actual);
        self
    }

    /// Every device that has nothing left to send sees this row of a projection; none if there is to be none.
    ///
    /// # Panics
    /// If one sees another, or none has synced.
    #[track_caller]
    pub fn then_row<P: Projection>(self, key: &str, expected: Option<P::Row>) -> Self {
        for device in self.synced() {
            let row = block_on(device.engine.row(P::NAME, key));
            let row = row.unwrap_or_else(|error| panic!("{}: {error}", device.name));
            same_json(&format!("the rows of {key} on {}", device.name), &expected, &row);
        }
        self
    }

    /// What became of the commands of a device, in the order they came: `confirmed`, `rebased`, `absorbed`, `pending`, or
    /// `rejected: ` and the domain's own code, or else the reason's.
    ///
    /// # Panics
    /// If something else did.
    #[track_caller]
    pub fn then_outcomes<'a>(self, device: &str, expected: impl IntoIterator<Item = &'a str>) -> Self {
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        let outcomes = block_on(self.known(device).outcomes());
        same(&format!("the outcomes on {device}"), &expected, &outcomes);
        self
    }

    /// How many rejected commits a device keeps for the app to resolve.
    ///
    /// # Panics
    /// If it keeps more or fewer.
    #[track_caller]
    pub fn then_rejected(self, device: &str, expected: usize) -> Self {
        let rejected = block_on(self.known(device).rejected());
        assert!(
            rejected.len() == expected,
            "{device} was to keep {expected} rejected commits: {rejected:#?}"
        );
        self
    }

    /// The engine of a device, for what the words above don't say. Run its futures with [`block_on`].
    ///
    /// # Panics
    /// If there is no such device.
    #[must_use]
    #[track_caller]
    pub fn engine(&self, device: &str) -> &Engine<MemoryStore> {
        &self.known(device).engine
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &InProcessServer {
        &self.server
    }

    /// An aggregate's state as a device sees it.
    ///
    /// # Panics
    /// If it can't be loaded.
    #[must_use]
    #[track_caller]
    pub fn state<A: Aggregate>(&self, device: &str, id: &str) -> A::State {
        let (state, _) = block_on(self.engine(device).load(A::NAME, id, At::Now))
            .unwrap_or_else(|error| panic!("{device}: {error}"));
        state.downcast_ref::<A::State>().expect("the aggregate's own state").clone()
    }

    #[track_caller]
    fn known(&self, name: &str) -> &Device {
        let found = self.devices.iter().find(|device| device.name == name);
        found.unwrap_or_else(|| panic!("the story has no device {name}"))
    }

    #[track_caller]
    fn synced(&self) -> Vec<&Device> {
        let done = |device: &&Device| device.engine.status().pending_commits == 0;
        let synced: Vec<&Device> = self.devices.iter().filter(done).collect();
        assert!(!synced.is_empty(), "no device of the story has sent everything: let one sync first");
        synced
    }

    /// The history comes from a device that then goes away.
    async fn write_history(&mut self) {
        if self.history.is_empty() {
            return;
        }
        let writer = Device::open("the history", self.parts()).await;
        for Happened { stream, event, actor } in self.history.drain(..) {
            let expected_version = Some(ExpectedVersion::Any);
            let options = WriteOptions { actor, expected_version, ..WriteOptions::default() };
            let appended = writer.engine.append(stream.as_str(), vec![event], options).await;
            appended.unwrap_or_else(|error| panic!("the history of {stream} can't be: {error}"));
        }
        writer.sync(&self.server).await;
        writer.engine.close();
    }

    fn parts(&self) -> Parts {
        // so that no two devices make the same ids; whoever writes the history comes before the first
        let seed = 2 + self.devices.len() as u64 + u64::from(self.history.is_empty());
        Parts {
            registry: self.registry.clone(),
            projections: self.projections.clone(),
            decoder: self.decoder.clone(),
            ..Parts::new(Authority::Server, self.clock.another(seed).surroundings())
        }
    }
}
