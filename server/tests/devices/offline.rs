//! Stories of a learner with two devices and a bad network.

use super::{
    domain::{completed, lessons, sheet},
    network::{Fault, TOKEN},
    world::{Device, World, run, server_log},
};
use tidelog::{
    engine::{Outcome, SyncState},
    id::CommitId,
    metrics::{Counter, Timing},
    stream::StreamName,
};

/// Phone and tablet were offline: both completed l1, each one more; the phone handed in the exam, the tablet edited it.
async fn two_devices(world: &World) -> (Device, Device) {
    let (phone, tablet) = (world.device(1).await, world.device(2).await);
    phone.answer(1, "x").await;
    phone.sync().await;
    tablet.sync().await;
    phone.complete("l1").await;
    phone.complete("l2").await;
    phone.hand_in().await;
    tablet.complete("l1").await;
    tablet.complete("l3").await;
    tablet.answer(1, "y").await;
    (phone, tablet)
}

async fn agree(world: &World, devices: &[&Device]) {
    let log = server_log(world).await;
    for device in devices {
        assert_eq!(device.confirmed().await, log);
        assert_eq!(device.engine.status().pending_commits, 0);
        assert_eq!(completed(&device.engine, "ada").await, ["l1", "l2", "l3"]);
        assert_eq!(lessons(&device.engine, "ada").await.len(), 3, "a lesson counted twice");
        let sheet = sheet(&device.engine, "ada").await;
        assert_eq!(sheet.handed_in, 1);
        assert_eq!(sheet.answers[&1], "x");
    }
}

#[test]
fn the_hand_in_arrives_first_and_the_edit_loses() {
    run(async {
        let world = World::new();
        let (phone, tablet) = two_devices(&world).await;
        phone.sync().await;
        tablet.sync().await;
        phone.sync().await;
        agree(&world, &[&phone, &tablet]).await;
        assert!(phone.rejected().await.is_empty());
        let counted = |device: &Device, counters: [Counter; 4]| {
            counters.map(|counter| device.engine.metrics().counters.of(counter))
        };
        let outcomes = [Counter::Confirmed, Counter::Rebased, Counter::Absorbed, Counter::Rejected];
        assert_eq!(counted(&phone, outcomes), [4, 0, 0, 0]);
        assert_eq!(counted(&tablet, outcomes), [0, 1, 0, 2]);
        let traffic = [Counter::Commits, Counter::Events, Counter::Received, Counter::SyncFailures];
        assert_eq!(counted(&phone, traffic), [4, 4, 1, 0]);
        assert_eq!(counted(&tablet, traffic), [3, 3, 4, 0]);
        let metrics = tablet.engine.metrics();
        assert_eq!(metrics.latencies.of(Timing::Confirm).count, 1);
        assert!(metrics.latencies.of(Timing::Pull).count > 0 && metrics.latencies.of(Timing::Push).count > 0);
        assert_eq!(metrics.queue, Default::default());
        assert_eq!(tablet.rejections().await, ["exam-handed-in", "lesson-already-completed"]);
    });
}

#[test]
fn the_edit_arrives_first_and_the_hand_in_stays_binding() {
    run(async {
        let world = World::new();
        let (phone, tablet) = two_devices(&world).await;
        tablet.sync().await;
        phone.sync().await;
        tablet.sync().await;
        agree(&world, &[&phone, &tablet]).await;
        assert!(tablet.rejected().await.is_empty());
        assert_eq!(phone.rejections().await, ["lesson-already-completed"]);
    });
}

#[test]
fn receipts_learn_how_it_ended() {
    run(async {
        let world = World::new();
        let (phone, tablet) = (world.device(1).await, world.device(2).await);
        phone.complete("l1").await;
        phone.sync().await;
        let lost = tablet.complete("l1").await;
        let moved = tablet.complete("l2").await;
        let ensure = super::domain::command("EnsureLesson", r#"{"lesson":"l1"}"#);
        let other = world.device(3).await;
        let absorbed = other.execute("course", "ada", ensure).await.unwrap();
        other.sync().await;
        tablet.sync().await;
        let fine = tablet.complete("l3").await;
        tablet.sync().await;
        let outcome = |device: &Device, id: CommitId| {
            let engine = device.engine.clone();
            async move { engine.outcome(&StreamName::parse("course-ada").unwrap(), id).await.unwrap() }
        };
        assert!(matches!(outcome(&tablet, lost.commit_id).await, Outcome::Rejected { .. }));
        let Outcome::Rebased { version: 2, generation: 1, events, .. } =
            outcome(&tablet, moved.commit_id).await
        else {
            panic!("{:?}", outcome(&tablet, moved.commit_id).await);
        };
        assert_eq!(events[0].event.id, moved.events[0].event.id);
        assert_eq!(outcome(&tablet, fine.commit_id).await, Outcome::Confirmed { version: 3, position: 3 });
        assert_eq!(outcome(&other, absorbed.commit_id).await, Outcome::Absorbed);
    });
}

#[test]
fn a_rejected_command_can_be_tried_again_or_discarded() {
    run(async {
        let world = World::new();
        let (phone, tablet) = (world.device(1).await, world.device(2).await);
        phone.complete("l1").await;
        phone.sync().await;
        let lost = tablet.complete("l1").await.commit_id;
        tablet.sync().await;
        let refused = tablet.engine.retry(lost).await.unwrap_err();
        assert_eq!(refused.code(), "refused");
        assert_eq!(tablet.rejected().await.len(), 1);
        assert!(tablet.engine.discard(lost).await.unwrap());
        assert!(!tablet.engine.discard(lost).await.unwrap());
        assert!(tablet.rejected().await.is_empty());
        assert_eq!(tablet.engine.retry(lost).await.unwrap_err().code(), "unknown-commit");
    });
}

#[test]
fn whatever_the_network_does_to_an_exchange_everything_arrives_once() {
    use Fault::{CutAnswer, LoginPage, LoseAnswer, LoseRequest, Repeat, TooLargeBetween, Unavailable};
    for fault in [LoseRequest, LoseAnswer, CutAnswer, Repeat, LoginPage, Unavailable, TooLargeBetween] {
        for exchange in 0..4 {
            run(async move {
                let world = World::new();
                let phone = world.device(1).await;
                let ids = [phone.complete("l1").await.commit_id, phone.complete("l2").await.commit_id];
                phone.network.plan((0..exchange).map(|_| None).chain([Some(fault), Some(fault)]));
                phone.sync().await;
                let log = server_log(&world).await;
                let arrived: Vec<_> = log.iter().map(|it| it.commit.id).collect();
                assert_eq!(arrived, ids, "{fault:?} in exchange {exchange}");
                assert_eq!(phone.confirmed().await, log);
                assert!(phone.rejected().await.is_empty());
            });
        }
    }
}

/// A proxy before the server took every push for too large; the queue was split down to single commits, and each of them was
/// rejected as if the server itself had found it too large.
#[test]
fn a_proxy_that_finds_everything_too_large_rejects_nothing() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.complete("l1").await;
        phone.complete("l2").await;
        phone.network.plan([Some(Fault::TooLargeBetween); 40]);
        phone.engine.sync_resume();
        let shown =
            |it: &Device| it.engine.status().sync.error.is_some_and(|error| error.code == "too-large");
        phone.until("the error", shown).await;
        assert_eq!(phone.engine.status().pending_commits, 2);
        phone.sync().await;
        assert_eq!(server_log(&world).await.len(), 2);
        assert!(phone.rejected().await.is_empty());
    });
}

#[test]
fn a_reload_in_the_middle_of_a_sync_loses_and_doubles_nothing() {
    for requests in 1..6 {
        run(async move {
            let world = World::new();
            let mut phone = world.device(1).await;
            for lesson in ["l1", "l2", "l3"] {
                phone.complete(lesson).await;
            }
            phone.engine.sync_resume();
            phone.until("a request", |it| it.network.requests() >= requests.min(3)).await;
            phone.reload(4).await;
            phone.sync().await;
            assert_eq!(phone.confirmed().await, server_log(&world).await);
            assert_eq!(completed(&phone.engine, "ada").await, ["l1", "l2", "l3"]);
        });
    }
}

#[test]
fn offline_sends_nothing() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.engine.set_online(false);
        phone.complete("l1").await;
        phone.engine.sync_resume();
        phone.engine.sync_now();
        phone.until("offline", |it| it.engine.status().sync.state == SyncState::Offline).await;
        assert_eq!(phone.network.requests(), 0);
        phone.engine.set_online(true);
        phone.sync().await;
        assert_eq!(server_log(&world).await.len(), 1);
    });
}

#[test]
fn a_token_that_ran_out_is_asked_for_once_and_nothing_is_lost() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.network.tokens("expired", Some(TOKEN));
        phone.complete("l1").await;
        phone.sync().await;
        assert_eq!(server_log(&world).await.len(), 1);

        phone.network.tokens("expired", None);
        phone.complete("l2").await;
        phone.engine.sync_resume();
        phone.until("unauthorized", |it| it.engine.status().sync.state == SyncState::Unauthorized).await;
        let status = phone.engine.status();
        assert_eq!(status.sync.error.map(|error| error.code), Some("unauthorized".into()));
        assert_eq!(status.pending_commits, 1);
    });
}

#[test]
fn another_log_behind_the_url_is_noticed_and_nothing_is_touched() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        phone.complete("l1").await;
        phone.sync().await;
        let other = World::new();
        let foreign = other.device(2).await;
        foreign.complete("l9").await;
        foreign.sync().await;
        let router = other.server.borrow().clone();
        *world.server.borrow_mut() = router;
        phone.complete("l2").await;
        phone.engine.sync_resume();
        phone.until("an error", |it| it.engine.status().sync.error.is_some()).await;
        let status = phone.engine.status();
        // the cursor may be beyond the other log's end, which is another way to notice
        let code = status.sync.error.map(|error| error.code).unwrap();
        assert!(["log-changed", "invalid"].contains(&code.as_str()), "{code}");
        assert_eq!(status.pending_commits, 1);
        assert_eq!(completed(&phone.engine, "ada").await, ["l1", "l2"]);
    });
}
