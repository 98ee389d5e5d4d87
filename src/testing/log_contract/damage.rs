//! Rows that do not hold what was written: named, and the rest stays readable.

use super::{all, append, check, open};
use crate::{
    commit::{Policy, Reason, RejectedCommit},
    log::{
        AppendError, Applied, Authority, Change, Draft, Log, LogError, Place, Query,
        store::{Key, Store, Table},
    },
    testing::{Database, NOW, Samples, flip_bit, overwrite, rows, stream},
    version::ExpectedVersion::Any,
};

/// Three blocks of some size, the middle one of stream b alone; the keys of the blocks.
async fn three_blocks<D: Database>(database: &D, samples: &Samples) -> Vec<Key> {
    let log = open(database, Authority::Device).await;
    for name in ["a-1", "b-1", "a-1"] {
        append(&log, Draft { commit: samples.commit_of(name, Any, 70, 300), policy: Policy::Keep }).await;
    }
    log.close();
    rows(&database.holder().await, Table::Confirmed).await.into_iter().map(|(key, _)| key).collect()
}

fn names<T: std::fmt::Debug>(result: Result<T, LogError>, table: Table, key: &Key) -> bool {
    match result {
        Err(LogError::Corrupt { table: its_table, key: its_key, .. }) => {
            (its_table, &its_key) == (table, key)
        }
        other => panic!("{other:?}"),
    }
}

/// Everything that can be read, going on beyond what can't.
async fn readable<S: Store>(log: &Log<S>, backwards: bool) -> usize {
    let query = Query { backwards, ..Query::default() };
    let (mut count, mut from) = (0, if backwards { Place::END } else { Place::START });
    loop {
        match log.read(&query, from, 40).await {
            Ok(page) => {
                count += page.events.len();
                let Some(next) = page.next else { return count };
                from = next;
            }
            Err(LogError::Corrupt { table, key, .. }) => {
                from = log.place_beyond(table, &key, backwards).unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// A bit flipped in the body: the directory still tells the versions, so that appends go on.
pub async fn a_damaged_body_is_named_and_the_rest_is_readable(database: &impl Database) {
    let samples = Samples::default();
    let keys = three_blocks(database, &samples).await;
    flip_bit(&database.holder().await, Table::Confirmed, &keys[1], 0.7).await;
    let log = open(database, Authority::Device).await;
    assert_eq!(log.load(&stream("a-1"), 0).await.unwrap().len(), 140);
    assert_eq!(log.version(&stream("b-1")), 70);
    assert!(names(log.load(&stream("b-1"), 0).await, Table::Confirmed, &keys[1]));
    assert_eq!(append(&log, samples.any("b-1")).await, 71);
    assert_eq!(log.load(&stream("b-1"), 70).await.unwrap().len(), 1, "what comes after it is readable");
    assert!(names(log.load(&stream("b-1"), 69).await, Table::Confirmed, &keys[1]));
    let corrupt = log.corrupt();
    assert_eq!(corrupt.len(), 1);
    assert_eq!((corrupt[0].0, &corrupt[0].1), (Table::Confirmed, &keys[1]));
    assert_eq!((readable(&log, false).await, readable(&log, true).await), (141, 141));
    while log.merge().await.unwrap() {}
    assert_eq!(rows(&database.holder().await, Table::Confirmed).await.len(), 4, "merging leaves it alone");
}

/// A small block whose directory is damaged: nobody knows which streams it holds.
pub async fn an_unreadable_block_is_named_and_nothing_is_appended(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    for n in 0..5 {
        append(&log, samples.draft(&format!("a-{n}"), Any, 2)).await;
    }
    log.close();
    let key = Key::Number(5);
    flip_bit(&database.holder().await, Table::Confirmed, &key, 0.1).await;
    let log = open(database, Authority::Device).await;
    assert_eq!(log.load(&stream("a-4"), 0).await.unwrap().len(), 2);
    let refused = log.append(vec![samples.any("a-9")], vec![], NOW).await;
    let Err(AppendError::Log(refused)) = refused else { panic!("{refused:?}") };
    assert!(names::<()>(Err(refused), Table::Confirmed, &key));
    assert_eq!((readable(&log, false).await, readable(&log, true).await), (8, 8));
    assert_eq!(log.corrupt().len(), 1);
    // The last block of all is damaged.
    flip_bit(&database.holder().await, Table::Confirmed, &Key::Number(9), 0.0).await;
    let log = open(database, Authority::Device).await;
    assert_eq!((readable(&log, false).await, readable(&log, true).await), (6, 6));
    assert_eq!(log.corrupt().len(), 2);
}

/// A directory row is only a copy.
pub async fn a_damaged_directory_is_read_from_its_block(database: &impl Database) {
    let samples = Samples::default();
    let keys = three_blocks(database, &samples).await;
    flip_bit(&database.holder().await, Table::ConfirmedDirectory, &keys[1], 0.5).await;
    let log = open(database, Authority::Device).await;
    assert_eq!(all(&log).await.len(), 210);
    let corrupt = log.corrupt();
    assert_eq!((corrupt[0].0, &corrupt[0].1), (Table::ConfirmedDirectory, &keys[1]));
    append(&log, samples.any("b-1")).await;
    check(database, &log).await;
    // Both are damaged.
    flip_bit(&database.holder().await, Table::Confirmed, &keys[1], 0.0).await;
    let log = open(database, Authority::Device).await;
    let refused = log.append(vec![samples.any("b-1")], vec![], NOW).await;
    assert!(matches!(refused, Err(AppendError::Log(LogError::Corrupt { .. }))), "{refused:?}");
    assert_eq!(log.load(&stream("a-1"), 0).await.unwrap().len(), 140);
}

/// A row is gone, with its directory or without.
pub async fn a_missing_row_is_named(database: &impl Database) {
    let samples = Samples::default();
    let keys = three_blocks(database, &samples).await;
    overwrite(&database.holder().await, Table::Confirmed, &keys[0], None).await;
    let log = open(database, Authority::Device).await;
    assert!(names(log.load(&stream("a-1"), 0).await, Table::Confirmed, &keys[0]));
    assert_eq!(log.load(&stream("b-1"), 0).await.unwrap().len(), 70);
    assert_eq!(log.load(&stream("a-1"), 70).await.unwrap().len(), 70);
    assert_eq!(readable(&log, false).await, 140);
    overwrite(&database.holder().await, Table::ConfirmedDirectory, &keys[0], None).await;
    let log = open(database, Authority::Device).await;
    assert!(
        names(log.load(&stream("a-1"), 0).await, Table::Confirmed, &keys[2]),
        "the block before which versions are missing"
    );
    assert_eq!((log.version(&stream("a-1")), readable(&log, true).await), (140, 140));
}

/// Written by a newer app in another tab: this one must not judge versions any more.
pub async fn a_block_of_a_newer_format_is_named(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    append(&log, samples.any("a-1")).await;
    append(&log, samples.any("a-2")).await;
    let store = database.holder().await;
    let (key, mut row) = rows(&store, Table::Confirmed).await.remove(1);
    row[4] = 9;
    overwrite(&store, Table::Confirmed, &key, Some(row)).await;
    let log = open(database, Authority::Device).await;
    let refused = log.append(vec![samples.any("a-1")], vec![], NOW).await.unwrap_err().to_string();
    assert!(refused.contains("format is 9") && refused.contains("update the app"), "{refused}");
    assert_eq!(log.load(&stream("a-1"), 0).await.unwrap().len(), 1);
}

/// Without its head a log can't say who its authority is: it does not open.
pub async fn a_damaged_head_is_named(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Device).await;
    append(&log, samples.any("a-1")).await;
    let key = Key::from("head");
    flip_bit(&database.holder().await, Table::Meta, &key, 0.5).await;
    let opened = Log::open(database.holder().await, Authority::Device).await;
    assert!(names(opened, Table::Meta, &key));
}

/// The others stay on the list.
pub async fn a_damaged_rejected_commit_is_named(database: &impl Database) {
    let samples = Samples::default();
    let log = open(database, Authority::Server).await;
    let drafts: Vec<_> = (0..2).map(|_| samples.any("a-1")).collect();
    log.append(drafts.clone(), vec![], NOW).await.unwrap();
    let rejected = |(draft, sequence): (&Draft, u64)| {
        let reason =
            Reason { code: "domain".into(), message: "no".to_owned(), detail: None, builds_on: None };
        (sequence, RejectedCommit { commit: draft.commit.clone(), reason, rejected_at: NOW })
    };
    let rejected = drafts.iter().zip(1..).map(rejected).collect();
    assert_eq!(
        log.apply(Change { seen: log.head(), rejected, ..Change::default() }).await,
        Ok(Applied::Done)
    );
    let id = drafts[0].commit.id;
    let key = Key::from(&*id.to_string());
    flip_bit(&database.holder().await, Table::Rejected, &key, 0.5).await;
    let left = log.rejected().await.unwrap();
    assert_eq!((left.len(), left[0].commit.id), (1, drafts[1].commit.id));
    assert_eq!((log.corrupt()[0].0, &log.corrupt()[0].1), (Table::Rejected, &key));
    assert_eq!(log.head().rejected, 2, "it still waits: it can be discarded");
    assert_eq!(log.discard(id).await, Ok(true));
}
