//! Requests to a server: whatever they hold, the log keeps its order, and what is refused writes nothing.

use crate::{Edit, damage};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use std::collections::{HashMap, HashSet};
use tidelog::{
    authority::MemoryLog,
    id::DeviceId,
    sync::protocol::{PROTOCOL, Page, Problem, Producer, Push, Pushed},
    testing::{NOW, Samples},
    version::ExpectedVersion,
};
use uuid::Uuid;

#[derive(Arbitrary, Debug)]
pub struct Request {
    pulls: bool,
    with_cursor: bool,
    producer: Option<(u64, u64)>,
    edits: Vec<Edit>,
    again: bool,
}

pub fn request(requests: Vec<Request>) {
    let samples = Samples::new(1);
    let mut log = MemoryLog::new(Uuid::from_u128(7));
    for request in requests.into_iter().take(4) {
        let cursor = log.cursor();
        if request.pulls {
            let query = damage(&format!("after={}&limit=2", cursor.0), &request.edits);
            let answer = log.answer("GET", &format!("/events?{query}"), None, NOW);
            match answer.status {
                200 => drop(serde_json::from_str::<Page>(&answer.body).expect("a page")),
                _ => refused(answer.status, &answer.body),
            }
            continue;
        }
        let next =
            log.commits().filter(|it| it.commit.stream.as_str() == "course-a").map(|it| it.commit.count());
        let next = ExpectedVersion::Exact(next.sum());
        let device = DeviceId(Uuid::from_u128(9));
        let push = Push {
            device_id: device,
            producer: request.producer.map(|(epoch, sequence)| Producer { id: device, epoch, sequence }),
            cursor: request.with_cursor.then_some(cursor),
            commits: vec![
                samples.full_commit("course-a", next),
                samples.commit("course-b", ExpectedVersion::Any, 2),
            ],
            protocol: PROTOCOL,
        };
        let body = damage(&serde_json::to_string(&push).expect("JSON"), &request.edits);
        for _ in 0..=u8::from(request.again) {
            let before = log.position();
            let answer = log.answer("POST", "/commits", Some(&body), NOW);
            match answer.status {
                200 => drop(serde_json::from_str::<Pushed>(&answer.body).expect("outcomes")),
                status => {
                    refused(status, &answer.body);
                    assert_eq!(log.position(), before, "a refused push wrote something");
                }
            }
        }
    }
    in_order(&log);
}

fn refused(status: u16, body: &str) {
    assert!((400..500).contains(&status), "status {status}");
    serde_json::from_str::<Problem>(body).expect("a problem");
}

/// Positions and versions follow each other without a gap, and no id is there twice.
fn in_order(log: &MemoryLog) {
    let (mut end, mut versions) = (0, HashMap::new());
    let (mut commits, mut events) = (HashSet::new(), HashSet::new());
    for confirmed in log.commits() {
        assert_eq!(confirmed.first_position, end + 1);
        end = confirmed.last_position();
        let version = versions.entry(confirmed.commit.stream.clone()).or_insert(0);
        assert_eq!(confirmed.first_version, *version + 1);
        *version += confirmed.commit.count();
        assert!(commits.insert(confirmed.commit.id));
        for event in &confirmed.commit.events {
            assert!(events.insert(event.id));
        }
    }
}
