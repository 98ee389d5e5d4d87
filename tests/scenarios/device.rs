//! The devices of a scenario: natively in memory, in browsers in IndexedDB.

use super::{academy::academy, domain, layer::Layer, script::Domain, verbs::Failure};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use tidelog::{
    conflict::Met,
    engine::{Changed, Engine, Host, Middleware, Parts},
    log::{Authority, Place},
    snapshot::SnapshotPolicy,
    testing::{Database, InProcessServer, ManualEnvironment},
    upcast::{Decoder, UnknownEvents, Upcaster},
};

#[cfg(target_arch = "wasm32")]
pub type Disk = tidelog::testing::BrowserDatabase;
#[cfg(not(target_arch = "wasm32"))]
pub type Disk = tidelog::log::MemoryStore;

pub type Device = Engine<<Disk as Database>::Store>;

/// The rules that a device is opened with.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Rules {
    /// Those of the domain, if none are given.
    upcasters: Option<Vec<Upcaster>>,
    unknown_events: UnknownEvents,
    known_events: Option<BTreeMap<String, u32>>,
    #[serde(deserialize_with = "policy")]
    snapshots: SnapshotPolicy,
    edition: domain::Edition,
    /// The outermost first.
    middleware: Vec<Layer>,
}

/// A policy as the npm package takes it: a word, or conditions without a floor of their own.
fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SnapshotPolicy, D::Error> {
    let mut given = match Value::deserialize(deserializer)? {
        Value::String(word) => json!({ "mode": word }),
        conditions => conditions,
    };
    if let Some(conditions) = given.as_object_mut().filter(|given| given.contains_key("every")) {
        conditions.entry("floor").or_insert(Value::Null);
    }
    SnapshotPolicy::deserialize(given).map_err(D::Error::custom)
}

/// What a device tells of conflicts.
#[derive(Default)]
struct Told(RefCell<Vec<Met>>);

impl Host for Told {
    fn changed(&self, _: Changed) {}
    fn post(&self, _: &str) {}
    fn met(&self, conflicts: &[Met]) {
        self.0.borrow_mut().extend_from_slice(conflicts);
    }
}

/// Everything that a scenario plays with.
pub struct World {
    name: String,
    domain: Domain,
    pub clock: ManualEnvironment,
    pub server: Option<InProcessServer>,
    devices: BTreeMap<String, (Disk, Device)>,
    /// What the devices told since they were opened.
    told: BTreeMap<String, Rc<Told>>,
    /// Where pages ended; a scenario knows them by their number.
    pub places: Vec<Place>,
}

impl World {
    pub fn new(name: &str, server: bool, domain: Domain) -> Self {
        let clock = ManualEnvironment::new(1);
        Self {
            name: name.to_owned(),
            domain,
            server: server.then(|| InProcessServer::new(&clock)),
            clock,
            devices: BTreeMap::new(),
            told: BTreeMap::new(),
            places: Vec::new(),
        }
    }

    /// The device of a name, opened if it is not yet; then it knows what the server has.
    pub async fn device(&mut self, name: &str) -> Result<Device, Failure> {
        match self.devices.get(name) {
            Some((_, device)) => Ok(device.clone()),
            None => self.open(name, Rules::default()).await,
        }
    }

    /// Opens a device; one that is open is closed first, and finds again what it has stored.
    pub async fn open(&mut self, name: &str, rules: Rules) -> Result<Device, Failure> {
        let decoder = match rules.upcasters {
            Some(upcasters) => Decoder::new(upcasters)?,
            None => domain::decoder(),
        };
        let mut decoder = decoder.unknown(rules.unknown_events);
        if let Some(known) = rules.known_events {
            decoder =
                decoder.known(known.into_iter().map(|(name, newest)| (name.into(), Some(newest))).collect());
        }
        let authority = if self.server.is_some() { Authority::Server } else { Authority::Device };
        let environment = self.clock.another(self.devices.len() as u64 + 2);
        let told = Rc::new(Told::default());
        let parts = match self.domain {
            Domain::Academy => academy(authority, &environment),
            Domain::Course => Parts {
                registry: domain::registry(rules.edition),
                projections: vec![domain::progress(rules.edition)],
                decoder,
                snapshots: rules.snapshots,
                host: Rc::clone(&told) as Rc<dyn Host>,
                middleware: rules
                    .middleware
                    .into_iter()
                    .map(|layer| Rc::new(layer) as Rc<dyn Middleware>)
                    .collect(),
                ..Parts::new(authority, environment.surroundings())
            },
        };
        let disk = match self.devices.remove(name) {
            Some((disk, device)) => {
                device.close();
                disk
            }
            None => disk(&format!("{} {name}", self.name)),
        };
        let device = Engine::open(disk.holder().await, parts).await?;
        if let Some(server) = &self.server {
            server.sync(&device).await;
        }
        self.devices.insert(name.to_owned(), (disk, device.clone()));
        self.told.insert(name.to_owned(), told);
        Ok(device)
    }

    /// What became of commits on a device since it was opened.
    pub fn met(&self, name: &str) -> Vec<Met> {
        self.told.get(name).map_or_else(Vec::new, |told| told.0.borrow().clone())
    }

    /// Closes every device and leaves nothing behind.
    pub async fn end(self) {
        for (disk, device) in self.devices.into_values() {
            device.close();
            #[cfg(target_arch = "wasm32")]
            {
                drop(device);
                disk.delete().await;
            }
            #[cfg(not(target_arch = "wasm32"))]
            drop(disk);
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn disk(name: &str) -> Disk {
    Disk::new(name)
}

#[cfg(not(target_arch = "wasm32"))]
fn disk(_: &str) -> Disk {
    Disk::new()
}
