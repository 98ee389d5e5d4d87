//! Storage that fails, answers that are lost, callers and tabs that go away.

use super::{append, check, open, told};
use crate::{
    log::{AppendError, Authority, Draft, Log, LogError, store::StoreError},
    testing::{Database, Fault, FaultyStore, NOW, Samples, stream},
    version::ExpectedVersion::{Any, Exact},
};
use futures_util::{
    FutureExt,
    future::{Either, join, join_all, select},
};
use std::pin::pin;

/// The error reaches every append that was written together; nothing of it stays; the next one goes well.
pub async fn a_full_disk_fails_the_append_and_nothing_else(database: &impl Database) {
    let samples = Samples::default();
    let (store, faults) = FaultyStore::new(database.holder().await);
    let log = Log::open(store, Authority::Device).await.unwrap();
    append(&log, samples.any("a-1")).await;
    faults.plan(Fault::Refused(StoreError::QuotaExceeded));
    faults.plan(Fault::Refused(StoreError::QuotaExceeded));
    let drafts: Vec<_> = (0..10).map(|_| samples.any("a-1")).collect();
    faults.hold();
    let appends = join_all(drafts.into_iter().map(|draft| log.append(vec![draft], vec![], NOW)));
    let (answers, ()) = join(appends, async { faults.release() }).await;
    let quota = Err(AppendError::Log(LogError::Store(StoreError::QuotaExceeded)));
    assert!(answers.iter().all(|answer| *answer == quota), "{answers:?}");
    assert_eq!(log.version(&stream("a-1")), 1);
    assert_eq!(append(&log, samples.draft("a-1", Exact(1), 1)).await, 2);
    faults.plan(Fault::Refused(StoreError::QuotaExceeded));
    assert_eq!(
        log.apply(crate::log::Change { seen: log.head(), ..Default::default() }).await,
        Err(LogError::Store(StoreError::QuotaExceeded))
    );
    told(&log).await;
    assert_eq!(open(database, Authority::Device).await.head(), log.head());
}

/// The store wrote, lost the answer and wrote again: the collision is with ourselves.
pub async fn an_append_whose_answer_was_lost_is_there_once(database: &impl Database) {
    let samples = Samples::default();
    for authority in [Authority::Device, Authority::Server] {
        let (store, faults) = FaultyStore::new(database.holder().await);
        let log = Log::open(store, authority).await.unwrap();
        let before = log.version(&stream("a-1"));
        for expected in [Exact(before), Any] {
            faults.plan(Fault::Repeated);
            append(&log, samples.draft("a-1", expected, 2)).await;
        }
        assert_eq!(log.version(&stream("a-1")), before + 4);
        faults.plan(Fault::Denied(StoreError::Failed { reason: "the connection was lost".to_owned() }));
        let denied = log.append(vec![samples.any("a-1")], vec![], NOW).await;
        assert!(matches!(denied, Err(AppendError::Log(_))), "{denied:?}");
        assert_eq!(
            append(&log, samples.any("a-1")).await,
            before + 6,
            "it was written after all, and is found"
        );
        assert_eq!(open(database, authority).await.head(), log.head());
    }
}

/// An append that is dropped while it is written, first or last in line.
pub async fn a_caller_that_goes_away_harms_nobody(database: &impl Database) {
    let samples = Samples::default();
    let (store, faults) = FaultyStore::new(database.holder().await);
    let log = Log::open(store, Authority::Device).await.unwrap();
    faults.set_yields(true);
    let mut first = Box::pin(log.append(vec![samples.any("a-1")], vec![], NOW));
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(log.append(vec![samples.any("a-2")], vec![], NOW));
    assert!((&mut second).now_or_never().is_none());
    let third = log.append(vec![samples.any("a-3")], vec![], NOW);
    drop(first);
    drop(second);
    third.await.unwrap();
    assert_eq!(log.version(&stream("a-1")), 1, "it had begun");
    assert_eq!(log.version(&stream("a-2")), 0, "it had not");
    // Everybody goes away in the middle of a write; whoever comes next finds it done.
    assert!(log.append(vec![samples.any("a-4")], vec![], NOW).now_or_never().is_none());
    append(&log, samples.any("a-5")).await;
    assert_eq!(log.version(&stream("a-4")), 1);
    let merge = log.merge();
    assert_eq!(merge.await, Ok(false));
    check(database, &open(database, Authority::Device).await).await;
}

/// Killed before or after its write reached the disk: what was promised is there, what is there is whole.
pub async fn a_tab_that_dies_loses_nothing_it_had_promised(database: &impl Database) {
    let samples = Samples::default();
    let (mut promised, mut unknown) = (0, 0);
    for round in 0..12_u64 {
        let (store, faults) = FaultyStore::new(database.holder().await);
        let log = Log::open(store, Authority::Server).await.unwrap();
        faults.set_yields(true);
        for _ in 0..round % 3 {
            faults.plan(Fault::None);
        }
        let fault = if round % 2 == 0 { Fault::DeathBefore } else { Fault::DeathAfter };
        if fault == Fault::DeathAfter {
            unknown += 3;
        }
        faults.plan(fault);
        loop {
            let drafts: Vec<Draft> = vec![samples.draft("a-1", Any, 1), samples.draft("b-1", Any, 2)];
            let append = pin!(log.append(drafts, vec![], NOW));
            match select(append, pin!(faults.death())).await {
                Either::Left((answer, _)) => answer.unwrap(),
                Either::Right(_) => break,
            };
            promised += 3;
        }
        let after = open(database, Authority::Server).await;
        assert_eq!(after.head().pending_events, promised + unknown, "round {round}");
        check(database, &after).await;
    }
}
