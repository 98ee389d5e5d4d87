//! Answers of a server that lies, breaks, or is none: the device keeps what it decided, and its log stays readable.

use crate::{Edit, complete, damage, engine, exercise};
use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use std::{
    cell::{Cell, RefCell},
    future::pending,
};
use tidelog::{
    authority::MemoryLog,
    engine::WriteOptions,
    log::{Authority, MemoryStore},
    sync::transport::{Answer, NoAnswer, Transport},
    testing::{NOW, Samples, block_on},
    version::ExpectedVersion,
};
use uuid::Uuid;

/// What becomes of one exchange.
#[derive(Arbitrary, Debug)]
pub enum Fate {
    /// The answer, after some edits.
    Edited(Vec<Edit>),
    /// Another status.
    Status(u16, Vec<Edit>),
    /// Not JSON by its own account.
    Page,
    /// None.
    Lost,
}

/// A device speaks with a server.
#[derive(Arbitrary, Debug)]
pub struct Talk {
    /// Whether the server has archived a stream of others, and whether the one that the device writes to.
    archived: (bool, bool),
    fates: Vec<Fate>,
}

struct Line {
    log: RefCell<MemoryLog>,
    fates: RefCell<std::vec::IntoIter<Fate>>,
    sleeps: Cell<u32>,
}

impl Transport for Line {
    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Answer, NoAnswer> {
        let Some(fate) = self.fates.borrow_mut().next() else { return pending().await };
        let mut answer = self.log.borrow_mut().answer(method, path, body.as_deref(), NOW);
        match fate {
            Fate::Edited(edits) => answer.body = damage(&answer.body, &edits),
            Fate::Status(status, edits) => {
                answer.status = status;
                answer.content_type = "application/problem+json".into();
                answer.body = damage(&answer.body, &edits);
            }
            Fate::Page => answer.content_type = "text/html".into(),
            Fate::Lost => return Err(NoAnswer { timeout: false, reason: "lost".into() }),
        }
        Ok(answer)
    }

    async fn renew_token(&self) -> bool {
        true
    }

    /// No time passes. More waits than there are exchanges to wait for are the end, too.
    async fn sleep(&self, _: u64) {
        self.sleeps.set(self.sleeps.get() + 1);
        if self.sleeps.get() > 100 {
            pending::<()>().await;
        }
    }
}

pub fn answer(Talk { archived, fates }: Talk) {
    let mut log = MemoryLog::new(Uuid::from_u128(7));
    let samples = Samples::new(3);
    let theirs = [
        samples.commit("course-a", ExpectedVersion::Any, 1),
        samples.full_commit("course-b", ExpectedVersion::Any),
    ];
    let offered =
        theirs.into_iter().map(|commit| tidelog::authority::candidate::Candidate::Commit(Box::new(commit)));
    log.push(offered.collect::<Vec<_>>(), NOW).expect("a push");
    for (stream, is_archived) in [("course-b", archived.0), ("course-a", archived.1)] {
        let leaving = log.leaving(stream, "a digest", "an archive").expect("a stream");
        log.archive(if is_archived { vec![leaving] } else { Vec::new() }, NOW);
    }
    let store = MemoryStore::new();
    let engine_now = block_on(engine(store.clone(), Authority::Server, 1)).expect("an empty store");
    let mine: Vec<String> = block_on(async {
        let mut ids = Vec::new();
        for lesson in 0..3 {
            let receipt = engine_now
                .execute("course", "a", complete(&format!("l{lesson}")), WriteOptions::default())
                .await
                .expect("a decision");
            ids.push(receipt.commit_id.to_string());
        }
        ids
    });
    let fates: Vec<_> = fates.into_iter().take(12).collect();
    let line =
        Line { log: RefCell::new(log), fates: RefCell::new(fates.into_iter()), sleeps: Cell::default() };
    let mut pool = LocalPool::new();
    let running = engine_now.clone();
    pool.spawner().spawn_local(async move { running.sync_run(line).await }).expect("a pool that lives");
    // Once all fates are met nothing is ever answered again: that is how it ends.
    pool.run_until_stalled();
    engine_now.close();
    let again = block_on(engine(store, Authority::Server, 2)).expect("the log can be opened again");
    block_on(async {
        let read = exercise(&again).await;
        let rejected = again.rejected().await.expect("rejected commits");
        for id in mine {
            let listed = rejected.iter().any(|it| it.commit_id.to_string() == id);
            assert!(listed || read.commits.contains(&id), "commit {id} is gone");
        }
    });
}
