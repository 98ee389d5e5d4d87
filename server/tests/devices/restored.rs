//! The server comes back from a backup: what it lost comes back from the devices, once, and in its order.

use super::{
    domain::{completed, lessons, sheet},
    network::TOKEN,
    world::{Device, World, run, server_log},
};
use axum::Router;
use rusqlite::Connection;
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tempfile::TempDir;
use tidelog::{
    commit::ConfirmedCommit,
    engine::{Outcome, SyncState},
    event::Event,
    id::CommitId,
    time::Timestamp,
};
use tidelog_server::{Access, Config, Sqlite, Token, app, clock::Clock};

/// A clock that goes on with every look, also over a restore.
struct Ticking(Arc<AtomicI64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(1_790_000_000_000 + self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// A server on a file of which backups can be made.
struct House {
    world: World,
    folder: TempDir,
    file: PathBuf,
    files: u32,
    ticks: Arc<AtomicI64>,
}

impl House {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("0.sqlite");
        let ticks = Arc::default();
        let world = World { server: Rc::new(RefCell::new(server(&file, &ticks))) };
        Self { world, folder, file, files: 0, ticks }
    }

    fn next_file(&mut self) -> PathBuf {
        self.files += 1;
        self.folder.path().join(format!("{}.sqlite", self.files))
    }

    fn back_up(&mut self) -> PathBuf {
        let backup = self.next_file();
        let live = Connection::open(&self.file).unwrap();
        live.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
        backup
    }

    fn serve(&mut self, file: PathBuf) {
        self.file = file;
        *self.world.server.borrow_mut() = server(&self.file, &self.ticks);
    }
}

fn server(file: &Path, ticks: &Arc<AtomicI64>) -> Router {
    let storage = Sqlite::open(file).unwrap().with_clock(Ticking(Arc::clone(ticks)));
    app(Config::new(Arc::new(storage), Access::Tokens(vec![Token::parse(TOKEN).unwrap()])))
}

fn ids(log: &[ConfirmedCommit]) -> Vec<(CommitId, Vec<Event>)> {
    log.iter().map(|it| (it.commit.id, it.commit.events.clone())).collect()
}

#[test]
fn what_it_lost_comes_back_once_and_in_its_order() {
    run(async {
        let mut house = House::new();
        let (phone, tablet) = (house.world.device(1).await, house.world.device(2).await);
        phone.complete("l1").await;
        phone.sync().await;
        tablet.sync().await;
        let backup = house.back_up();
        phone.complete("l2").await;
        phone.answer(1, "x").await;
        phone.sync().await;
        tablet.sync().await;
        let last = tablet.complete("l3").await;
        tablet.sync().await;
        phone.sync().await;
        let before = server_log(&house.world).await;
        let waiting = tablet.answer(1, "y").await;
        assert_eq!(lessons(&tablet.engine, "ada").await.len(), 3);

        house.serve(backup);
        assert_eq!(server_log(&house.world).await.len(), 1);
        tablet.sync().await;
        let told = tablet.engine.status().sync.rewound.unwrap();
        assert_eq!((told.commits, told.position), (3, 1));
        phone.sync().await;
        tablet.sync().await;

        let log = server_log(&house.world).await;
        assert_eq!(
            ids(&log)[..4],
            ids(&before)[..],
            "the same commits with the same events, in the same order"
        );
        assert_eq!(log[4].commit.id, waiting.commit_id);
        assert_eq!(log.len(), 5);
        for device in [&phone, &tablet] {
            assert_eq!(device.confirmed().await, log);
            assert!(device.rejected().await.is_empty());
            assert_eq!(device.engine.status().sync.rewound.map(|it| it.position), Some(1));
            assert_eq!(completed(&device.engine, "ada").await, ["l1", "l2", "l3"]);
            assert_eq!(lessons(&device.engine, "ada").await.len(), 3, "rows count each lesson once");
            assert_eq!(sheet(&device.engine, "ada").await.answers[&1], "y");
        }
        let outcome = tablet.engine.outcome(&last.stream, last.commit_id).await.unwrap();
        assert!(matches!(outcome, Outcome::Confirmed { version: 3, .. }), "{outcome:?}");
    });
}

/// A person with a new device was faster: what the rules no longer allow is rejected on the device whose it is, and nowhere else.
#[test]
fn what_no_longer_fits_is_rejected_where_it_was_done() {
    run(async {
        let mut house = House::new();
        let (phone, tablet) = (house.world.device(1).await, house.world.device(2).await);
        phone.sync().await;
        let backup = house.back_up();
        phone.complete("l1").await;
        let kept = phone.complete("l2").await;
        phone.sync().await;
        tablet.sync().await;

        house.serve(backup);
        let laptop = house.world.device(3).await;
        let first = laptop.complete("l1").await;
        laptop.sync().await;
        tablet.sync().await;
        assert!(tablet.rejected().await.is_empty(), "nobody here did that");
        let orphans = tablet.engine.orphans().await.unwrap();
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].reason.detail.as_deref(), Some("lesson-already-completed"));
        assert_eq!((orphans[0].device_id, tablet.engine.status().orphans), (Some(phone.engine.device()), 1));
        phone.sync().await;
        assert_eq!(phone.rejections().await, ["lesson-already-completed"]);
        assert!(phone.engine.orphans().await.unwrap().is_empty());
        laptop.sync().await;
        tablet.sync().await;
        let log = server_log(&house.world).await;
        let expected = [first.commit_id, kept.commit_id];
        assert_eq!(log.iter().map(|it| it.commit.id).collect::<Vec<_>>(), expected);
        for device in [&phone, &tablet, &laptop] {
            assert_eq!(device.confirmed().await, log);
            assert_eq!(completed(&device.engine, "ada").await, ["l1", "l2"]);
        }
    });
}

/// A tab that was reloaded in between goes on from what is stored; the server is restored twice, the second time to before the first.
#[test]
fn a_device_that_was_closed_meanwhile_brings_it_back_too() {
    run(async {
        let mut house = House::new();
        let mut phone = house.world.device(1).await;
        phone.sync().await;
        let empty = house.back_up();
        for lesson in ["l1", "l2"] {
            phone.complete(lesson).await;
            phone.sync().await;
        }
        let half = house.back_up();
        phone.complete("l3").await;
        phone.sync().await;
        let before = server_log(&house.world).await;
        for backup in [half, empty] {
            house.serve(backup);
            phone.reload(7).await;
            phone.sync().await;
            let log = server_log(&house.world).await;
            assert_eq!(ids(&log), ids(&before));
            assert_eq!(phone.confirmed().await, log);
            assert_eq!(lessons(&phone.engine, "ada").await.len(), 3);
        }
        assert_eq!(phone.engine.log().head().rewinds, 2);
    });
}

/// The hazard of LiveStore's backend id: another log under the same address must neither get this one's history, nor make the device
/// forget what it has.
#[test]
fn another_log_under_the_same_address_gets_nothing() {
    run(async {
        let mut house = House::new();
        let phone = house.world.device(1).await;
        phone.complete("l1").await;
        phone.sync().await;
        phone.complete("l2").await;
        let stranger = house.next_file();
        house.serve(stranger);
        phone.engine.sync_resume();
        let stopped = |device: &Device| {
            device.engine.status().sync.error.is_some_and(|error| error.code == "log-changed")
                && device.engine.status().sync.state == SyncState::Waiting
        };
        phone.until("the other log is noticed", stopped).await;
        phone.engine.sync_pause();
        assert_eq!(server_log(&house.world).await, []);
        assert_eq!((phone.confirmed().await.len(), phone.engine.status().pending_commits), (1, 1));
        assert_eq!(phone.engine.status().sync.rewound, None);
    });
}

/// A server was set up anew under the same address, and somebody has decided that it is the one from now on: both devices bring what they
/// have, and what people have done there already stays.
#[test]
fn a_log_that_is_adopted_gets_everything_once() {
    run(async {
        let mut house = House::new();
        let (mut phone, tablet) = (house.world.device(1).await, house.world.device(2).await);
        for lesson in ["l1", "l2"] {
            phone.complete(lesson).await;
            phone.sync().await;
        }
        tablet.answer(1, "x").await;
        tablet.sync().await;
        phone.sync().await;
        let before = server_log(&house.world).await;
        assert_eq!(before.len(), 3);
        let waiting = phone.complete("l3").await;
        let anew = house.next_file();
        house.serve(anew);
        let laptop = house.world.device(3).await;
        laptop.answer(2, "y").await;
        laptop.sync().await;

        let mut found = vec![];
        for device in [&phone, &tablet] {
            device.engine.sync_resume();
            let stopped =
                |it: &Device| it.engine.status().sync.error.is_some_and(|error| error.log_id.is_some());
            device.until("the other log is noticed", stopped).await;
            device.engine.sync_pause();
            found.extend(device.engine.status().sync.error.and_then(|error| error.log_id));
        }
        let log_id = laptop.engine.log().head().log_id.unwrap();
        assert_eq!(found, [Arc::clone(&log_id), Arc::clone(&log_id)]);
        assert_eq!(server_log(&house.world).await.len(), 1, "nothing is sent before somebody says so");

        assert_eq!(phone.engine.adopt(&log_id).await, Ok(3));
        assert_eq!(phone.engine.adopt(&log_id).await, Ok(0), "it is its own already");
        assert_eq!(phone.engine.status().pending_commits, 4);
        assert_eq!(completed(&phone.engine, "ada").await, ["l1", "l2", "l3"], "nothing is gone meanwhile");
        phone.reload(7).await;
        phone.sync().await;
        assert_eq!(tablet.engine.adopt(&log_id).await, Ok(3));
        for device in [&tablet, &phone, &laptop] {
            device.sync().await;
        }

        let log = server_log(&house.world).await;
        let all: Vec<CommitId> = log.iter().map(|it| it.commit.id).collect();
        assert_eq!(all.len(), 5);
        for it in &before {
            assert!(all.contains(&it.commit.id));
        }
        assert!(all.contains(&waiting.commit_id));
        for device in [&phone, &tablet, &laptop] {
            assert_eq!(device.confirmed().await, log);
            assert!(device.rejected().await.is_empty() && device.engine.orphans().await.unwrap().is_empty());
            assert_eq!(device.engine.log().head().log_id.as_deref(), Some(&*log_id));
            assert_eq!(completed(&device.engine, "ada").await, ["l1", "l2", "l3"]);
            assert_eq!(lessons(&device.engine, "ada").await.len(), 3, "rows count each lesson once");
        }
    });
}

/// Whoever has seen an orphan may take it off the list here; the device whose it is still has its say.
#[test]
fn an_orphan_can_be_forgotten() {
    run(async {
        let mut house = House::new();
        let (phone, tablet) = (house.world.device(1).await, house.world.device(2).await);
        phone.sync().await;
        let backup = house.back_up();
        phone.complete("l1").await;
        phone.sync().await;
        tablet.sync().await;
        house.serve(backup);
        let laptop = house.world.device(3).await;
        laptop.complete("l1").await;
        laptop.sync().await;
        tablet.sync().await;
        let orphan = tablet.engine.orphans().await.unwrap().remove(0).commit_id;
        assert_eq!(phone.engine.forget_orphan(orphan).await, Ok(false));
        assert_eq!(tablet.engine.forget_orphan(orphan).await, Ok(true));
        assert_eq!(tablet.engine.forget_orphan(orphan).await, Ok(false));
        assert_eq!((tablet.engine.orphans().await, tablet.engine.status().orphans), (Ok(vec![]), 0));
        phone.sync().await;
        assert_eq!(phone.rejections().await, ["lesson-already-completed"]);
    });
}
