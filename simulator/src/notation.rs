//! How everybody stands, in the notation of the tests: `s:e3` the third confirmed event of stream `s`, `s:e4'` a pending one, `s:e4'r1` after its
//! first rebase.

use crate::world::World;
use std::collections::BTreeMap;
use tidelog::{
    log::{Authority, Log, MemoryStore},
    testing::block_on,
};

/// What was last told of each.
#[derive(Default)]
pub(crate) struct Scribe {
    told: BTreeMap<String, String>,
    /// The lines so far.
    pub(crate) lines: Vec<String>,
}

impl Scribe {
    /// Writes down a step, and how those stand for whom it changed something.
    pub(crate) fn note(&mut self, step: &str, world: &World) {
        self.lines.push(format!("  {step}"));
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        for commit in world.server.commits() {
            *versions.entry(commit.commit.stream.to_string()).or_default() += commit.commit.count();
        }
        let confirmed = versions.iter().map(|(stream, version)| format!("{stream}:e{version}"));
        self.tell("server".into(), confirmed.collect::<Vec<_>>().join(" "));
        for (number, device) in world.devices.iter().enumerate() {
            self.tell(format!("device {number}"), stand(device.store().duplicate()));
        }
    }

    fn tell(&mut self, who: String, how: String) {
        if self.told.get(&who).map_or("", String::as_str) == how {
            return;
        }
        self.lines.push(format!("      {who}: {}", if how.is_empty() { "nothing" } else { &how }));
        self.told.insert(who, how);
    }
}

/// The last confirmed event of each stream of a database, and the pending ones.
fn stand(store: MemoryStore) -> String {
    let read = async {
        let log = Log::open(store, Authority::Server).await?;
        let mut events = Vec::new();
        for stream in log.streams(None) {
            match log.confirmed_version(&stream) {
                0 => {}
                version => events.push(format!("{stream}:e{version}")),
            }
        }
        for pending in log.pending(0, usize::MAX, usize::MAX).await? {
            let rebased = match pending.commit.generation {
                0 => String::new(),
                generation => format!("r{generation}"),
            };
            for offset in 0..pending.commit.count() {
                let version = pending.first_version + offset;
                events.push(format!("{}:e{version}'{rebased}", pending.commit.stream));
            }
        }
        Ok::<_, tidelog::log::LogError>(events.join(" "))
    };
    block_on(read).unwrap_or_else(|error| format!("can't be read: {error}"))
}
