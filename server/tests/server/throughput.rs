//! A measurement, run by hand:
//! `cargo test --release -p tidelog-server --test server -- --ignored --nocapture throughput`

use crate::{kit::*, process::Process};
use std::time::Instant;
use tidelog::{
    sync::protocol::{Cursor, MAX_PAGE_EVENTS, MAX_PUSH_COMMITS},
    version::ExpectedVersion::Any,
};

const COMMITS: usize = 82_000;
const STREAMS: usize = 1_800;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn throughput() {
    let folder = tempfile::tempdir().unwrap();
    throughput_of(Process::start(&folder.path().join("logs.sqlite"), &[]).await).await;
}

mod postgres {
    use crate::{postgres::Cluster, process::Process};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "a measurement, not a check"]
    async fn throughput() {
        let database = Cluster::shared().database().await;
        super::throughput_of(Process::start(&database.url, &[]).await).await;
    }
}

async fn throughput_of(server: Process) {
    let commits: Vec<_> = (0..COMMITS).map(|n| commit(&format!("learner-{}", n % STREAMS), Any, 1)).collect();
    let bodies: Vec<_> = commits
        .chunks(MAX_PUSH_COMMITS)
        .map(|chunk| serde_json::to_vec(&push(chunk.to_vec())).unwrap())
        .collect();
    let bytes: usize = bodies.iter().map(Vec::len).sum();

    let begun = Instant::now();
    for body in bodies {
        let request = server.client.commits().header("content-type", "application/json").body(body);
        request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    }
    report("pushed, 1,000 commits at a time", COMMITS, bytes, begun);

    let begun = Instant::now();
    let (mut cursor, mut bytes, mut up_to_date) = (Cursor::default(), 0, false);
    while !up_to_date {
        let request = server.client.events(&format!("?after={}&limit={MAX_PAGE_EVENTS}", cursor.0));
        let page = request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        bytes += page.len();
        let page: Rest = serde_json::from_slice(&page).unwrap();
        (cursor, up_to_date) = (page.cursor, page.up_to_date);
    }
    report("pulled, 1,000 events at a time", COMMITS, bytes, begun);

    let begun = Instant::now();
    for commit in &commits[..500] {
        server.client.push(std::slice::from_ref(commit)).await;
    }
    report("pushed again one by one (duplicates)", 500, 0, begun);

    let begun = Instant::now();
    for n in 0..500 {
        server.client.push(&[commit(&format!("learner-{n}"), Any, 1)]).await;
    }
    report("pushed one by one", 500, 0, begun);
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rest {
    cursor: Cursor,
    up_to_date: bool,
}

fn report(what: &str, events: usize, bytes: usize, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{what}: {events} events in {seconds:.2} s, {:.0} per second, {megabytes:.1} MB",
        events as f64 / seconds
    );
}
