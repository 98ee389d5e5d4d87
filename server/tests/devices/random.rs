//! Random histories: several devices, a bad network, reloads; and what must hold at the end of each.

use super::{
    domain::{command, complete, completed, lessons, sheet},
    network::Fault,
    world::{Device, World, run, server_log},
};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use tidelog::{engine::WriteError, id::CommitId};

#[derive(Clone, Debug)]
enum Step {
    Complete { device: usize, course: u8, lesson: u8, quietly: bool },
    Answer { device: usize, question: u32 },
    HandIn { device: usize },
    Sync { device: usize, faults: Vec<Option<Fault>> },
    Reload { device: usize },
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::LoseRequest)),
        2 => Just(Some(Fault::LoseAnswer)),
        1 => Just(Some(Fault::CutAnswer)),
        1 => Just(Some(Fault::Repeat)),
        1 => Just(Some(Fault::LoginPage)),
        1 => Just(Some(Fault::Unavailable)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..3_usize;
    prop_oneof![
        6 => (device.clone(), 0..2_u8, 0..6_u8, any::<bool>())
            .prop_map(|(device, course, lesson, quietly)| Step::Complete { device, course, lesson, quietly }),
        2 => (device.clone(), 0..3_u32).prop_map(|(device, question)| Step::Answer { device, question }),
        1 => device.clone().prop_map(|device| Step::HandIn { device }),
        4 => (device.clone(), prop::collection::vec(fault(), 0..6))
            .prop_map(|(device, faults)| Step::Sync { device, faults }),
        1 => device.prop_map(|device| Step::Reload { device }),
    ]
}

async fn play(steps: Vec<Step>) {
    let world = World::new();
    let mut devices = vec![world.device(1).await, world.device(2).await, world.device(3).await];
    let mut acknowledged: HashMap<CommitId, bool> = HashMap::new();
    let mut seed = 10;
    for step in steps {
        let (may_be_absorbed, done) = match step {
            Step::Complete { device, course, lesson, quietly } => {
                let lesson = format!("l{lesson}");
                let ask = if quietly {
                    command("EnsureLesson", &format!(r#"{{"lesson":"{lesson}"}}"#))
                } else {
                    complete(&lesson)
                };
                (quietly, devices[device].execute("course", &course.to_string(), ask).await)
            }
            Step::Answer { device, question } => {
                let data = format!(r#"{{"question":{question},"answer":"{device}"}}"#);
                (false, devices[device].execute("exam", "e", command("Answer", &data)).await)
            }
            Step::HandIn { device } => {
                (false, devices[device].execute("exam", "e", command("HandIn", "null")).await)
            }
            Step::Sync { device, faults } => {
                devices[device].network.plan(faults);
                devices[device].sync().await;
                continue;
            }
            Step::Reload { device } => {
                seed += 1;
                devices[device].reload(seed).await;
                continue;
            }
        };
        match done {
            Ok(receipt) if receipt.events.is_empty() => {}
            Ok(receipt) => {
                acknowledged.insert(receipt.commit_id, may_be_absorbed);
            }
            Err(WriteError::Decide(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    for _ in 0..2 {
        for device in &devices {
            device.sync().await;
        }
    }
    check(&world, &devices, &acknowledged).await;
}

async fn check(world: &World, devices: &[Device], acknowledged: &HashMap<CommitId, bool>) {
    let log = server_log(world).await;
    let confirmed: HashSet<CommitId> = log.iter().map(|it| it.commit.id).collect();
    assert_eq!(confirmed.len(), log.len(), "a commit is in the log twice");
    let mut events = HashSet::new();
    assert!(log.iter().flat_map(|it| &it.commit.events).all(|event| events.insert(event.id)));
    let mut next = 1;
    for it in &log {
        assert_eq!(it.first_position, next, "positions have a gap");
        next += it.commit.count();
    }
    let mut rejected = HashSet::new();
    for device in devices {
        assert_eq!(device.confirmed().await, log);
        rejected.extend(device.rejected().await.into_iter().map(|it| it.commit.id));
    }
    assert!(confirmed.is_disjoint(&rejected), "confirmed and rejected");
    for (id, may_be_absorbed) in acknowledged {
        // a quiet command that had nothing left to say is absorbed: the only way to be in neither
        let kept = confirmed.contains(id) || rejected.contains(id);
        assert!(kept || *may_be_absorbed, "commit {id} is lost");
    }
    for device in devices {
        for course in ["0", "1"] {
            let rows = lessons(&device.engine, course).await;
            let unique: HashSet<&String> = rows.iter().collect();
            assert_eq!(unique.len(), rows.len(), "a lesson counted twice");
            let mut sorted = rows.clone();
            sorted.sort();
            assert_eq!(sorted, completed(&device.engine, course).await, "rows and state differ");
            assert_eq!(rows, lessons(&devices[0].engine, course).await, "devices differ");
        }
        assert_eq!(sheet(&device.engine, "e").await, sheet(&devices[0].engine, "e").await);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn devices_and_server_agree_whatever_happened(steps in prop::collection::vec(step(), 1..40)) {
        run(play(steps));
    }
}
