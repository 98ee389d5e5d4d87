//! A profile that was copied, or restored from an old backup: both get along, each under an id of its own, and nothing is lost or doubled.

use super::{
    domain::completed,
    network::{Fault, Network},
    world::{Device, World, run, server_log},
};
use std::rc::Rc;
use tidelog::commit::ConfirmedCommit;

async fn copy(world: &World, device: &Device, seed: u64) -> Device {
    let network = Network::new(Rc::clone(&world.server));
    Device::open(device.store.duplicate(), seed, network).await
}

fn lessons(log: &[ConfirmedCommit]) -> Vec<String> {
    let mut lessons: Vec<String> =
        log.iter().map(|it| it.commit.events[0].data.as_str().to_owned()).collect();
    lessons.sort();
    lessons
}

#[test]
fn a_copied_profile_takes_an_id_of_its_own() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.complete("l1").await;
        phone.sync().await;
        phone.complete("l2").await;
        let twin = copy(&world, &phone, 2).await;
        let id = phone.engine.device();
        assert_eq!(twin.engine.device(), id);

        phone.complete("l3").await;
        phone.sync().await;
        twin.complete("l4").await;
        let waiting: Vec<_> = twin.engine.log().pending(0, 9, usize::MAX).await.unwrap();
        twin.sync().await;
        phone.complete("l5").await;
        phone.sync().await;
        twin.complete("l6").await;
        twin.sync().await;
        phone.sync().await;

        assert_eq!(phone.engine.device(), id, "whoever was first keeps it");
        assert_eq!(phone.engine.status().sync.renamed, None);
        let told = twin.engine.status().sync.renamed.unwrap();
        assert_eq!((told.from, told.to), (id, twin.engine.device()));
        assert_ne!(told.to, id);
        let log = server_log(&world).await;
        assert_eq!(
            lessons(&log),
            ["l1", "l2", "l3", "l4", "l5", "l6"].map(|it| format!(r#"{{"lesson":"{it}"}}"#))
        );
        let l4 = log.iter().find(|it| it.commit.id == waiting[1].commit.id).unwrap();
        assert_eq!(l4.commit.metadata.device_id, id, "what was decided before stays as it was");
        assert_eq!(log[5].commit.metadata.device_id, told.to);
        for device in [&phone, &twin] {
            assert_eq!(device.confirmed().await, log);
            assert!(device.rejected().await.is_empty());
            assert_eq!(completed(&device.engine, "ada").await.len(), 6);
        }
    });
}

/// The backup of a whole disk: the device has pushed since, and finds itself behind.
#[test]
fn a_device_restored_from_an_old_backup_of_itself_goes_on_under_another_id() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.complete("l1").await;
        phone.sync().await;
        let backup = copy(&world, &phone, 2).await;
        for lesson in ["l2", "l3"] {
            phone.complete(lesson).await;
            phone.sync().await;
        }
        phone.engine.close();
        backup.complete("l4").await;
        let mut backup = backup;
        backup.sync().await;
        let id = backup.engine.device();
        assert_eq!(backup.engine.status().sync.renamed.map(|it| it.to), Some(id));
        backup.reload(3).await;
        assert_eq!(backup.engine.device(), id, "it is written down");
        backup.complete("l5").await;
        backup.sync().await;
        assert_eq!(backup.engine.device(), id);
        assert_eq!(completed(&backup.engine, "ada").await.len(), 5);
    });
}

/// A push whose answer was lost is the same push once more; and a server that was replaced knows none of them.
#[test]
fn an_honest_device_keeps_its_id_whatever_the_network_does() {
    run(async {
        let world = World::new();
        let mut phone = world.device(1).await;
        let id = phone.engine.device();
        for (lesson, fault) in [
            ("l1", Fault::LoseAnswer),
            ("l2", Fault::CutAnswer),
            ("l3", Fault::Repeat),
            ("l4", Fault::LoseRequest),
        ] {
            phone.complete(lesson).await;
            phone.network.plan([None, Some(fault), None, Some(fault)]);
            phone.sync().await;
        }
        assert_eq!(phone.engine.log().identity().pushes, 4, "sent again under the number they had");
        // the page goes while a push is on its way: the next one has another number
        phone.complete("l5").await;
        phone.network.hold("POST");
        phone.engine.sync_resume();
        phone.until("the push is on its way", |it| it.network.is_holding()).await;
        phone.reload(2).await;
        phone.network.release();
        phone.sync().await;
        assert_eq!(phone.engine.log().identity().pushes, 6);
        phone.complete("l6").await;
        phone.sync().await;
        assert_eq!((phone.engine.device(), phone.engine.log().identity().earlier.len()), (id, 0));
        assert_eq!(server_log(&world).await.len(), 6);
    });
}

/// A tab that was frozen in the middle of a push is refused, for another one has pushed since. It is no copy.
#[test]
fn a_tab_that_was_frozen_catches_up_and_keeps_the_id() {
    run(async {
        let world = World::new();
        let leader = world.device(1).await;
        let next = Device::open(leader.store.clone(), 2, Network::new(Rc::clone(&world.server))).await;
        let id = leader.engine.device();
        leader.complete("l1").await;
        leader.sync().await;
        leader.complete("l2").await;
        leader.network.hold("POST");
        leader.engine.sync_resume();
        leader.until("the push is on its way", |it| it.network.is_holding()).await;

        next.complete("l3").await;
        next.sync().await;
        assert_eq!(next.engine.log().identity().pushes, 3);
        leader.network.release();
        leader.complete("l4").await;
        leader.sync().await;
        next.sync().await;

        for tab in [&leader, &next] {
            assert_eq!((tab.engine.device(), tab.engine.status().sync.renamed), (id, None));
            assert_eq!(tab.confirmed().await.len(), 4);
        }
        assert_eq!(leader.engine.log().identity().earlier, []);
        assert_eq!(server_log(&world).await.len(), 4);
    });
}

/// The other tabs of a copied profile go on under the new id too.
#[test]
fn all_tabs_of_a_copy_take_its_new_id() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.complete("l1").await;
        phone.sync().await;
        let twin = copy(&world, &phone, 2).await;
        let second = Device::open(twin.store.clone(), 3, Network::new(Rc::clone(&world.server))).await;
        phone.complete("l2").await;
        phone.sync().await;
        twin.complete("l3").await;
        twin.sync().await;
        let id = twin.engine.device();
        assert_ne!(id, phone.engine.device());
        second.engine.heard("log").await.unwrap();
        assert_eq!(second.engine.device(), id);
        let receipt = second.complete("l4").await;
        assert_eq!(receipt.events[0].metadata.device_id, id);
        second.sync().await;
        assert_eq!(second.engine.device(), id);
        assert_eq!(server_log(&world).await.len(), 4);
    });
}
