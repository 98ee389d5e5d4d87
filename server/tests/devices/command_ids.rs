//! Commands with names, given on several devices.

use super::{
    domain::{command, complete},
    world::{Device, World, run, server_log},
};
use tidelog::{
    command_id::CommandId,
    commit::Command,
    engine::{Outcome, Receipt, WriteOptions},
};

const UUID: &str = "0191b3a4-7c1e-7a52-9f3b-6d6f0c2f1e00";

async fn give(device: &Device, aggregate: &str, command: Command, id: &str) -> Receipt {
    let command_id = Some(CommandId::parse(id).unwrap());
    let options = WriteOptions { command_id, ..WriteOptions::default() };
    device.engine.execute(aggregate, "ada", command, options).await.unwrap()
}

fn answer(text: &str) -> Command {
    command("Answer", &format!(r#"{{"question":1,"answer":"{text}"}}"#))
}

async fn outcome(device: &Device, receipt: &Receipt) -> Outcome {
    device.engine.outcome(&receipt.stream, receipt.commit_id).await.unwrap()
}

#[test]
fn two_devices_that_give_one_command_carry_it_out_once() {
    run(async {
        let world = World::new();
        let (phone, tablet) = (world.device(1).await, world.device(2).await);
        let on_phone = give(&phone, "exam", answer("phone"), "reminder 1").await;
        let on_tablet = give(&tablet, "exam", answer("tablet"), "reminder 1").await;
        assert_eq!(on_phone.commit_id, on_tablet.commit_id);
        // builds on the one that will turn out to be the second
        let later = give(&tablet, "exam", answer("later"), "reminder 2").await;
        phone.sync().await;
        tablet.sync().await;
        phone.sync().await;
        assert!(matches!(outcome(&phone, &on_phone).await, Outcome::Confirmed { version: 1, .. }));
        let Outcome::Duplicate { version: 1, position: 1, events } = outcome(&tablet, &on_tablet).await
        else {
            panic!("{:?}", outcome(&tablet, &on_tablet).await);
        };
        assert_eq!(events[0].event.id, on_phone.events[0].event.id);
        assert!(matches!(outcome(&tablet, &later).await, Outcome::Rebased { version: 2, .. }));
        let log = server_log(&world).await;
        assert_eq!(
            log.iter().map(|it| it.commit.id).collect::<Vec<_>>(),
            [on_phone.commit_id, later.commit_id]
        );
        for device in [&phone, &tablet] {
            assert_eq!(device.confirmed().await, log);
            assert!(device.rejected().await.is_empty());
        }
        // and given once more, anywhere, it is answered with what counts
        let again = give(&tablet, "exam", answer("again"), "reminder 1").await;
        assert_eq!(again.events[0].event.id, on_phone.events[0].event.id);
        assert!(again.confirmed);
    });
}

#[test]
fn an_id_of_another_command_is_rejected_and_kept() {
    run(async {
        let world = World::new();
        let (phone, tablet) = (world.device(1).await, world.device(2).await);
        give(&phone, "exam", answer("x"), UUID).await;
        let lost = give(&tablet, "course", complete("l1"), UUID).await;
        tablet.complete("l2").await;
        phone.sync().await;
        tablet.sync().await;
        let Outcome::Rejected { reason } = outcome(&tablet, &lost).await else { panic!("not rejected") };
        assert_eq!(&*reason.code, "command-id-taken");
        assert!(reason.message.contains("exam-ada"), "{}", reason.message);
        let rejected = tablet.rejected().await;
        assert_eq!(rejected.len(), 1);
        assert!(rejected[0].commit.command.is_some(), "what a person asked for is kept");
        // only what builds on it was decided again
        assert_eq!(server_log(&world).await.len(), 2);
        assert_eq!(tablet.confirmed().await, server_log(&world).await);
    });
}

/// The id stands in the log already when it is given to another command: no pull would ever bring it again, and the queue would
/// be pushed over and over.
#[test]
fn an_id_that_was_pulled_before_is_rejected_too() {
    run(async {
        let world = World::new();
        let (phone, tablet) = (world.device(1).await, world.device(2).await);
        give(&phone, "exam", answer("x"), UUID).await;
        phone.sync().await;
        tablet.sync().await;
        let lost = give(&tablet, "course", complete("l1"), UUID).await;
        tablet.complete("l2").await;
        tablet.sync().await;
        let Outcome::Rejected { reason } = outcome(&tablet, &lost).await else { panic!("not rejected") };
        assert_eq!(&*reason.code, "command-id-taken");
        assert_eq!(tablet.confirmed().await, server_log(&world).await);
        assert_eq!(server_log(&world).await.len(), 2);
    });
}

#[test]
fn a_command_whose_commit_was_rejected_says_so_until_it_is_resolved() {
    run(async {
        let world = World::new();
        let (phone, tablet) = (world.device(1).await, world.device(2).await);
        phone.complete("l1").await;
        phone.sync().await;
        let lost = give(&tablet, "course", complete("l1"), "once").await;
        tablet.sync().await;
        let command_id = Some(CommandId::parse("once").unwrap());
        let options = WriteOptions { command_id, ..WriteOptions::default() };
        let again =
            tablet.engine.execute("course", "ada", complete("l1"), options.clone()).await.unwrap_err();
        assert_eq!(again.code(), "command-rejected");
        tablet.engine.discard(lost.commit_id).await.unwrap();
        let anew = tablet.engine.execute("course", "ada", complete("l1"), options).await.unwrap_err();
        assert_eq!(anew.code(), "refused");
    });
}
