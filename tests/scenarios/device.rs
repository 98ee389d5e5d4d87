//! The devices of a scenario: natively in memory, in browsers in IndexedDB.

use super::{academy::academy, domain, script::Domain};
use std::collections::BTreeMap;
use tidelog::{
    engine::{Engine, Parts},
    log::{Authority, Place},
    projection::erase,
    testing::{Database, InProcessServer, ManualEnvironment},
};

#[cfg(target_arch = "wasm32")]
pub type Disk = tidelog::testing::BrowserDatabase;
#[cfg(not(target_arch = "wasm32"))]
pub type Disk = tidelog::log::MemoryStore;

pub type Device = Engine<<Disk as Database>::Store>;

/// Everything that a scenario plays with.
pub struct World {
    name: String,
    domain: Domain,
    pub clock: ManualEnvironment,
    pub server: Option<InProcessServer>,
    devices: BTreeMap<String, (Disk, Device)>,
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
            places: Vec::new(),
        }
    }

    /// The device of a name, opened if it is not yet; then it knows what the server has.
    pub async fn device(&mut self, name: &str) -> Device {
        if let Some((_, device)) = self.devices.get(name) {
            return device.clone();
        }
        let disk = disk(&format!("{} {name}", self.name));
        let authority = if self.server.is_some() { Authority::Server } else { Authority::Device };
        let environment = self.clock.another(self.devices.len() as u64 + 2);
        let parts = match self.domain {
            Domain::Academy => academy(authority, &environment),
            Domain::Course => Parts {
                registry: domain::registry(),
                projections: vec![erase::<domain::Progress>()],
                decoder: domain::decoder(),
                ..Parts::new(authority, environment.surroundings())
            },
        };
        let device = Engine::open(disk.holder().await, parts).await.unwrap();
        if let Some(server) = &self.server {
            server.sync(&device).await;
        }
        self.devices.insert(name.to_owned(), (disk, device.clone()));
        device
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
