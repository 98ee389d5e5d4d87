//! The tab dies before or after any of its writes; the next one goes on, and each effect happens once.

use super::academy::*;
use futures_executor::block_on;
use futures_util::future::{Either, select};
use std::{pin::pin, rc::Rc};
use tidelog::{
    log::MemoryStore,
    process::ProcessState,
    testing::{Fault, Faults, FaultyStore, ManualEnvironment},
};

/// Lets a tab live through a story until it dies, if it does; whether it did.
async fn live(store: &MemoryStore, environment: &ManualEnvironment, faults: impl Fn(&Faults)) -> bool {
    let (faulty, control) = FaultyStore::new(store.clone());
    let control = Rc::clone(&control);
    let engine = open(faulty, environment).await;
    faults(&control);
    let life = async {
        settle(&engine).await;
    };
    match select(pin!(life), pin!(control.death())).await {
        Either::Left(_) => false,
        Either::Right(_) => true,
    }
}

async fn story(prepare: &[(&str, &str)], days: i64, expected: &[&str], status: ProcessState) {
    for fault in [Fault::DeathBefore, Fault::DeathAfter] {
        let mut deaths = 0;
        for at in 0..40 {
            let environment = ManualEnvironment::new(7);
            let store = MemoryStore::new();
            let first = open(store.clone(), &environment).await;
            settle(&first).await;
            for (aggregate, command) in prepare {
                tell(&first, aggregate, command).await.unwrap();
            }
            // timeouts are set before time passes, as in a tab that was open then
            if days > 0 {
                first.advance_processes().await.unwrap();
            }
            first.close();
            environment.advance(days * DAY);
            let died = live(&store, &environment, |faults| {
                for _ in 0..at {
                    faults.plan(Fault::None);
                }
                faults.plan(fault.clone());
            })
            .await;
            deaths += u32::from(died);
            let next = open(store.clone(), &environment).await;
            settle(&next).await;
            assert_eq!(effects(&next).await, expected, "{fault:?} at write {at}");
            let instance = next.process("certification", "ada").await.unwrap().unwrap();
            assert_eq!(instance.status, status, "{fault:?} at write {at}");
            if !died {
                break;
            }
        }
        assert!(deaths >= 3, "only {deaths} writes to die at: the story is too short to show anything");
    }
}

#[test]
fn a_completed_course() {
    let expected = ["certificate Given", "badge Given"];
    block_on(story(&[("way", "Complete")], 0, &expected, ProcessState::Running));
}

#[test]
fn a_reminder() {
    block_on(story(&[("way", "Lesson")], 7, &["inbox Reminded"], ProcessState::Running));
}

#[test]
fn a_refused_step() {
    let expected = ["badge Locked", "certificate Given", "certificate TakenBack"];
    block_on(story(&[("badge", "Lock"), ("way", "Complete")], 0, &expected, ProcessState::Compensated));
}

#[test]
fn storage_that_refuses_or_loses_its_answers() {
    use tidelog::log::store::StoreError;
    block_on(async {
        let failed = || StoreError::Failed { reason: "the disk is wet".into() };
        for fault in [Fault::Refused(failed()), Fault::Denied(failed()), Fault::Repeated] {
            for at in 0..12 {
                let environment = ManualEnvironment::new(7);
                let store = MemoryStore::new();
                let first = open(store.clone(), &environment).await;
                settle(&first).await;
                tell(&first, "way", "Complete").await.unwrap();
                first.close();
                let (faulty, faults) = FaultyStore::new(store);
                let engine = open(faulty, &environment).await;
                for _ in 0..at {
                    faults.plan(Fault::None);
                }
                faults.plan(fault.clone());
                // it says what went wrong, and goes on the next time
                for _ in 0..20 {
                    let _ = engine.advance_processes().await;
                    let _ = engine.heard("").await;
                }
                assert_eq!(effects(&engine).await, ["certificate Given", "badge Given"], "{fault:?} at {at}");
                let status = engine.process_status("certification").await.unwrap();
                assert_eq!(status.trouble, None);
            }
        }
    });
}
