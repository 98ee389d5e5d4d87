//! What must hold: on the way, and when everything has come to rest.

use crate::{
    academy,
    badge::{self, App},
    device::{Device, Seat, Tab},
    history::Tally,
    world::World,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tidelog::{
    commit::ConfirmedCommit,
    engine::At,
    event::RecordedEvent,
    id::{CommitId, EventId},
    log::{Place, Query},
    sync::protocol::Archived,
    testing::block_on,
};

/// What must hold at any time.
pub(crate) fn on_the_way(world: &World, step: usize) -> Result<(), String> {
    if let Some(strange) = &world.promises.borrow().strange {
        return Err(strange.clone());
    }
    let tabs: Vec<(usize, Seat)> = tabs(world).filter(|(_, seat)| !seat.frozen.get()).collect();
    match tabs.get(step % (4 * tabs.len().max(1))) {
        Some((device, seat)) => view(world, *device, seat),
        None => Ok(()),
    }
}

fn tabs(world: &World) -> impl Iterator<Item = (usize, Seat)> {
    let devices = world.devices.iter().enumerate();
    devices.flat_map(|(at, device)| device.seats().into_iter().map(move |seat| (at, seat)))
}

/// A tab, asked in the middle of everything: no event twice, no version left out, and all that its device was promised.
fn view(world: &World, device: usize, seat: &Seat) -> Result<(), String> {
    let engine = &seat.engine;
    // no fault is planned for reading: an error here is one
    let wrong = |error: &dyn std::fmt::Display| format!("device {device} can't be read: {error}");
    block_on(engine.log().catch_up()).map_err(|error| wrong(&error))?;
    let page =
        block_on(engine.read(&Query::default(), Place::START, usize::MAX)).map_err(|error| wrong(&error))?;
    let (mut ids, mut versions) = (BTreeSet::new(), HashMap::new());
    for event in &page.events {
        let version = versions.entry(event.stream.as_str()).or_insert(0);
        if event.version != *version + 1 {
            return Err(format!(
                "device {device} shows version {} of {} after {version}",
                event.version, event.stream
            ));
        }
        *version += 1;
        if !ids.insert(event.event.id) {
            return Err(format!("device {device} shows event {} twice", event.event.id));
        }
    }
    let rejected = block_on(engine.log().rejected()).map_err(|error| wrong(&error))?;
    let seen: BTreeSet<CommitId> = page
        .events
        .iter()
        .map(|event| event.commit_id)
        .chain(rejected.iter().map(|it| it.commit.id))
        .collect();
    let promises = world.promises.borrow();
    // what was forgotten, and is perhaps fetched again, is not to be seen
    let here = engine.log().followed().here;
    // a copied device forgets as the one that it was copied from
    let forgets = world.devices.iter().any(Device::forgets);
    // and what was forgotten when the server lost it, nobody has any more
    let stays = |stream: &str| !forgets || !world.server.was_restored() && here.includes(stream);
    // what the server had before it archived the stream, and this device had only as pending, is in the archive alone
    let confirmed: BTreeSet<CommitId> = world.server.commits().iter().map(|it| it.commit.id).collect();
    let left = |id: &CommitId, stream: &str| {
        world.server.ever_archived(stream) && (world.server.was_restored() || confirmed.contains(id))
    };
    let mut own = promises
        .made
        .iter()
        .filter(|(_, it)| it.device == device && !it.is_quiet && stays(it.stream.as_str()))
        .filter(|(id, it)| !left(id, it.stream.as_str()));
    match own.find(|(id, _)| !seen.contains(id) && !promises.resolved.contains(id)) {
        Some((id, promise)) => Err(format!(
            "commit {id} of {}, acknowledged on device {device}, is not to be seen there",
            promise.stream
        )),
        None => Ok(()),
    }
}

/// Positions and versions without a gap, nothing twice, no rule broken.
fn server_log(commits: &[ConfirmedCommit]) -> Result<(), String> {
    let (mut position, mut versions) = (0, HashMap::new());
    let (mut ids, mut event_ids) = (BTreeSet::new(), BTreeSet::new());
    for confirmed in commits {
        let commit = &confirmed.commit;
        let version = versions.entry(commit.stream.clone()).or_insert(0);
        if confirmed.first_position != position + 1 || confirmed.first_version != *version + 1 {
            return Err(format!("commit {} stands at the wrong place in the server's log", commit.id));
        }
        position += commit.count();
        *version += commit.count();
        if !ids.insert(commit.id) {
            return Err(format!("commit {} is in the server's log twice", commit.id));
        }
        if let Some(twice) = commit.events.iter().find(|event| !event_ids.insert(event.id)) {
            return Err(format!("event {} is in the server's log twice", twice.id));
        }
    }
    Ok(())
}

/// What a rejected commit caused is not confirmed.
fn causes(
    world: &World,
    commits: &[ConfirmedCommit],
    rejected: &BTreeMap<CommitId, usize>,
) -> Result<(), String> {
    // who holds an effect and not its cause brings it back alone
    if world.server.was_restored() && world.devices.iter().any(Device::is_partial) {
        return Ok(());
    }
    let promises = world.promises.borrow();
    let mut there = BTreeSet::new();
    for ConfirmedCommit { commit, .. } in commits {
        there.insert(commit.id);
        let Some(cause) = commit.metadata.causation_id.map(CommitId) else { continue };
        let is_gone = !there.contains(&cause)
            && rejected.contains_key(&cause)
            // a copied device may still list what was resolved before the effect was decided
            && !promises.resolved.contains(&cause);
        if is_gone && promises.effects.contains(&commit.id) {
            return Err(format!(
                "commit {} of {} is confirmed, and {cause} that caused it is rejected",
                commit.id, commit.stream
            ));
        }
    }
    Ok(())
}

fn recorded(commits: &[ConfirmedCommit]) -> Vec<RecordedEvent> {
    let of = |it: &ConfirmedCommit| {
        let at = Some((it.first_position, it.recorded_at));
        RecordedEvent::of_commit(it.commit.clone(), it.first_version, at).collect::<Vec<_>>()
    };
    commits.iter().flat_map(of).collect()
}

/// Everybody agrees, every promise is kept, every rule holds.
pub(crate) fn at_rest(world: &World) -> Result<Tally, String> {
    let commits = world.server.commits();
    server_log(&commits)?;
    let archived = world.server.archived();
    if let Some(more) = archived.iter().find(|it| world.server.version_of(it.stream.as_str()) != it.version) {
        return Err(format!("{} was archived, and is not what it was then", more.stream));
    }
    let events = recorded(&commits);
    rules(&events)?;
    if let Some(answer) = world.server.misjudged() {
        return Err(format!("the server's rules refuse what the same rules have decided: {answer}"));
    }
    let streams: BTreeSet<String> = events.iter().map(|event| event.stream.as_str().to_owned()).collect();
    let mut rejected: BTreeMap<CommitId, usize> = BTreeMap::new();
    for (at, seat) in tabs(world) {
        seat.faults.set_yields(false);
        let engine = &seat.engine;
        let read =
            |what: &str, error: &dyn std::fmt::Display| format!("device {at} can't read {what}: {error}");
        let confirmed =
            block_on(engine.log().confirmed_commits(0, usize::MAX)).map_err(|it| read("its log", &it))?;
        followed(engine, &confirmed, &commits, &archived).map_err(|it| format!("device {at} {it}"))?;
        let page = block_on(engine.read(&Query::default(), Place::START, usize::MAX))
            .map_err(|it| read("events", &it))?;
        let (app, stored) = (seat.app, recorded(&confirmed));
        let shown: Vec<RecordedEvent> = stored.iter().map(|it| badge::shown(app, it.clone())).collect();
        if page.events != shown {
            return Err(format!("device {at} shows other events than it has"));
        }
        let rows = fold(&page.events)?;
        for stream in &streams {
            let expected = rows.get(stream);
            let row = block_on(engine.row("counts", stream)).map_err(|it| read("a row", &it))?;
            let row: Option<BTreeMap<String, u32>> = row.and_then(|row| row.to().ok());
            if row.as_ref() != expected {
                return Err(format!("device {at} counts {row:?} in {stream} instead of {expected:?}"));
            }
        }
        badges(engine, app, &stored).map_err(|it| format!("device {at} {it}"))?;
        if !engine.log().corrupt().is_empty() {
            return Err(format!("device {at} has damaged rows: {:?}", engine.log().corrupt()));
        }
        for it in block_on(engine.log().rejected()).map_err(|it| read("what was rejected", &it))? {
            // a note is never refused, unless a merge function was not given the sides as they were
            if it.commit.stream.aggregate() == "notes" && &*it.reason.code == "domain" {
                return Err(format!("device {at} could not merge a note: {}", it.reason.message));
            }
            rejected.insert(it.commit.id, at);
        }
    }
    causes(world, &commits, &rejected)?;
    let confirmed: BTreeSet<CommitId> = commits.iter().map(|it| it.commit.id).collect();
    let promises = world.promises.borrow();
    let may_be_lost = world.server.was_restored() && world.devices.iter().any(Device::forgets);
    for (id, promise) in &promises.made {
        let is_kept = confirmed.contains(id)
            || rejected.contains_key(id)
            || promise.is_quiet
            || promises.resolved.contains(id)
            // what a device forgot after it was confirmed is lost with the server, and so is what only an archive has
            || may_be_lost
            || world.server.was_restored() && world.server.ever_archived(promise.stream.as_str());
        if !is_kept {
            return Err(format!(
                "commit {id} of {}, acknowledged on device {}, is neither confirmed nor rejected",
                promise.stream, promise.device
            ));
        }
    }
    Ok(Tally {
        acknowledged: promises.made.len(),
        events: world.server.position(),
        rejected: rejected.len(),
        requests: world.server.requests(),
    })
}

/// What a version of the app understands of the badges: as a state and as rows.
fn badges(engine: &Tab, app: App, stored: &[RecordedEvent]) -> Result<(), String> {
    let unread = |error: &dyn std::fmt::Display| format!("can't read badges: {error}");
    let (state, _) = block_on(engine.load(badge::NAME, "a", At::Now)).map_err(|it| unread(&it))?;
    let expected = badge::badges(app, stored);
    if state.downcast_ref() != Some(&expected) {
        return Err(format!("has other badges than {expected:?}"));
    }
    let expected = badge::shelf(app, stored);
    for key in badge::SHELVES {
        let row = block_on(engine.row("shelf", key)).map_err(|it| unread(&it))?;
        let row: Option<u32> = row.and_then(|row| row.to().ok());
        if row.as_ref() != expected.get(key) {
            return Err(format!("counts {row:?} badges of level {key} instead of {:?}", expected.get(key)));
        }
    }
    Ok(())
}

/// Of what a device follows it has what the server has, and of other streams a first part; of archived ones it has the marker, and a first part.
fn followed(
    engine: &Tab,
    here: &[ConfirmedCommit],
    server: &[ConfirmedCommit],
    archived: &[Archived],
) -> Result<(), String> {
    let wanted = engine.log().followed().wanted;
    let mut versions = HashMap::new();
    for commit in here {
        let version = versions.entry(commit.commit.stream.as_str()).or_insert(0);
        if commit.first_version != *version + 1 || !server.contains(commit) {
            return Err(format!("has {} otherwise than the server", commit.commit.stream));
        }
        *version += commit.commit.count();
    }
    let markers: Vec<Archived> = engine.archived().into_iter().map(|it| it.marker).collect();
    for marker in archived.iter().filter(|it| wanted.includes(it.stream.as_str())) {
        if !markers.contains(marker) {
            return Err(format!("does not know that {} was archived", marker.stream));
        }
    }
    if let Some(old) = markers.iter().find(|it| wanted.includes(it.stream.as_str()) && !archived.contains(it))
    {
        return Err(format!("takes {} for archived", old.stream));
    }
    let is_archived = |stream: &str| archived.iter().any(|it| it.stream.as_str() == stream);
    let of_wanted = |commits: &[ConfirmedCommit]| -> Vec<CommitId> {
        let wanted = commits.iter().filter(|it| wanted.includes(it.commit.stream.as_str()));
        let wanted = wanted.filter(|it| !is_archived(it.commit.stream.as_str()));
        wanted.map(|it| it.commit.id).collect()
    };
    if of_wanted(here) == of_wanted(server) {
        return Ok(());
    }
    Err("has not all that it follows, or not in the order of the server".into())
}

/// Whether a tab's log is that of the server.
pub(crate) fn holds_all(seat: &Seat, commits: &[ConfirmedCommit]) -> bool {
    seat.faults.set_yields(false);
    block_on(seat.engine.log().confirmed_commits(0, usize::MAX)).is_ok_and(|here| here == commits)
}

/// What an event says: its id, schema version and data.
type Fact = (EventId, u32, String);

/// Each stream holds the same commits in the same order, with the same events.
pub(crate) fn same_streams(before: &[ConfirmedCommit], now: &[ConfirmedCommit]) -> Result<(), String> {
    let by_stream = |commits: &[ConfirmedCommit]| {
        let mut streams: BTreeMap<String, Vec<(CommitId, Vec<Fact>)>> = BTreeMap::new();
        for ConfirmedCommit { commit, .. } in commits {
            let facts = commit.events.iter();
            let events = facts.map(|it| (it.id, it.schema_version, it.data.as_str().to_owned())).collect();
            streams.entry(commit.stream.as_str().to_owned()).or_default().push((commit.id, events));
        }
        streams
    };
    let (before, now) = (by_stream(before), by_stream(now));
    if before == now { Ok(()) } else { Err(format!("streams were {before:?} and are {now:?}")) }
}

fn rules(events: &[RecordedEvent]) -> Result<(), String> {
    let mut streams: BTreeMap<&str, Vec<&RecordedEvent>> = BTreeMap::new();
    for event in events {
        streams.entry(event.stream.as_str()).or_default().push(event);
    }
    for (stream, events) in streams {
        let aggregate = stream.split('-').next().unwrap_or_default();
        academy::check(aggregate, &events)
            .map_err(|error| format!("a rule is broken in {stream}: {error}"))?;
    }
    Ok(())
}

/// How many events each stream has, by type, counted apart from any projection; badges are counted by another.
fn fold(events: &[RecordedEvent]) -> Result<BTreeMap<String, BTreeMap<String, u32>>, String> {
    let mut rows: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.stream.aggregate() != badge::NAME) {
        let row = rows.entry(event.stream.as_str().to_owned()).or_default();
        *row.entry(event.event.event_type.to_string()).or_default() += 1;
    }
    Ok(rows)
}
