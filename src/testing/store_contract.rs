//! The contract of [`Store`], as tests that any implementation runs; see [`crate::log::store`].

use super::Database;
use crate::log::store::{Batch, EPOCH, Key, Selection, Store, StoreError, Table, Write, Written};
use futures_util::future::join_all;

/// Names every test of the suite to a macro, which makes an entry for each in its own environment.
#[macro_export]
macro_rules! store_contract {
    ($entry:ident) => {
        $entry! {
            a_new_database_is_empty
            a_batch_is_written_whole_and_read_back
            a_batch_of_another_epoch_is_a_collision
            an_add_under_a_taken_key_is_a_collision_and_leaves_nothing
            a_key_that_must_be_absent_guards_the_batch
            a_row_that_must_be_unchanged_guards_the_batch
            writes_of_a_batch_follow_each_other
            rows_come_in_the_order_of_their_keys
            all_selections
            rows_by_the_beginning_of_their_key
            a_batch_without_an_epoch_is_not_guarded_by_it
            large_rows_and_many_rows
            holders_that_write_at_once_are_serialised
            a_read_sees_whole_batches_only
            a_closed_holder_says_so_and_others_go_on
        }
    };
}

fn batch(epoch: u64, writes: Vec<Write>) -> Batch {
    Batch { epoch: Some(epoch), writes, ..Batch::default() }
}

fn row(bytes: &[u8]) -> crate::log::store::Bytes {
    bytes.into()
}

fn add(table: Table, key: impl Into<Key>, bytes: &[u8]) -> Write {
    Write::Add(table, key.into(), row(bytes))
}

async fn load<S: Store>(store: &S, selection: Selection) -> Vec<(Key, Vec<u8>)> {
    let mut loaded = store.load(&[selection]).await.unwrap();
    loaded.rows.remove(0).into_iter().map(|(key, row)| (key, row.to_vec())).collect()
}

async fn keys<S: Store>(store: &S, selection: Selection) -> Vec<Key> {
    load(store, selection).await.into_iter().map(|(key, _)| key).collect()
}

fn numbers(numbers: &[u64]) -> Vec<Key> {
    numbers.iter().map(|number| Key::Number(*number)).collect()
}

/// Nothing is there, and the epoch is 0.
pub async fn a_new_database_is_empty(database: &impl Database) {
    let store = database.holder().await;
    let loaded = store.load(&Table::ALL.map(Selection::All)).await.unwrap();
    assert_eq!(loaded.epoch, 0);
    assert_eq!(loaded.rows.len(), Table::ALL.len());
    assert!(loaded.rows.iter().all(Vec::is_empty));
}

/// Every table, both kinds of keys, an empty row too; another holder sees it.
pub async fn a_batch_is_written_whole_and_read_back(database: &impl Database) {
    let (store, other) = (database.holder().await, database.holder().await);
    let mut writes: Vec<Write> =
        Table::ALL[..4].iter().map(|table| add(*table, 7, table.name().as_bytes())).collect();
    writes.push(add(Table::Rejected, "id", &[]));
    writes.push(add(Table::Meta, "head", &[0, 255, 128]));
    assert_eq!(store.write(batch(0, writes)).await, Ok(Written::Done));
    for table in &Table::ALL[..4] {
        let expected = vec![(Key::Number(7), table.name().as_bytes().to_vec())];
        assert_eq!(load(&other, Selection::All(*table)).await, expected, "{}", table.name());
    }
    assert_eq!(load(&other, Selection::All(Table::Rejected)).await, [("id".into(), vec![])]);
    assert_eq!(load(&other, Selection::All(Table::Meta)).await, [("head".into(), vec![0, 255, 128])]);
}

/// The fence: a writer whose view is of another epoch writes nothing.
pub async fn a_batch_of_another_epoch_is_a_collision(database: &impl Database) {
    let store = database.holder().await;
    let first = Batch { new_epoch: Some(5), ..batch(0, vec![add(Table::Pending, 1, b"a")]) };
    assert_eq!(store.write(first).await, Ok(Written::Done));
    for epoch in [0, 4, 6] {
        let late = batch(epoch, vec![add(Table::Pending, 2, b"b"), Write::Delete(Table::Pending, 1.into())]);
        assert_eq!(store.write(late).await, Ok(Written::Collision));
    }
    let loaded = store.load(&[Selection::All(Table::Pending)]).await.unwrap();
    assert_eq!((loaded.epoch, loaded.rows[0].len()), (5, 1));
    let row = load(&store, Selection::Keys(Table::Meta, vec![EPOCH.into()])).await;
    assert_eq!(row, [(EPOCH.into(), 5_u64.to_le_bytes().to_vec())]);
    assert_eq!(store.write(batch(5, vec![add(Table::Pending, 2, b"b")])).await, Ok(Written::Done));
}

/// The batch is taken back whole, whatever came before the add.
pub async fn an_add_under_a_taken_key_is_a_collision_and_leaves_nothing(database: &impl Database) {
    let store = database.holder().await;
    let before =
        vec![add(Table::Confirmed, 1, b"a"), add(Table::Meta, "m", b"old"), add(Table::Pending, 9, b"p")];
    assert_eq!(store.write(batch(0, before)).await, Ok(Written::Done));
    let writes = vec![
        Write::Put(Table::Meta, "m".into(), row(b"new")),
        Write::Delete(Table::Pending, 9.into()),
        add(Table::Confirmed, 2, b"b"),
        add(Table::Confirmed, 1, b"c"),
        add(Table::Confirmed, 3, b"d"),
    ];
    let taken = Batch { new_epoch: Some(1), ..batch(0, writes) };
    assert_eq!(store.write(taken).await, Ok(Written::Collision));
    let selections = [Table::Confirmed, Table::Meta, Table::Pending].map(Selection::All);
    let loaded = store.load(&selections).await.unwrap();
    assert_eq!(loaded.epoch, 0);
    let rows: Vec<Vec<u8>> = loaded.rows.into_iter().flatten().map(|(_, row)| row.to_vec()).collect();
    assert_eq!(rows, [b"a".to_vec(), b"old".to_vec(), b"p".to_vec()]);
}

/// Compare and set: a holder that slept through two changes writes nothing, whatever numbers are free again.
pub async fn a_row_that_must_be_unchanged_guards_the_batch(database: &impl Database) {
    let (store, sleeper) = (database.holder().await, database.holder().await);
    let set = |before: Option<&[u8]>, after: &[u8]| Batch {
        unchanged: vec![(Table::Checkpoints, "c".into(), before.map(row))],
        writes: vec![
            Write::Put(Table::Checkpoints, "c".into(), row(after)),
            Write::Put(Table::ProjectionRows, "r".into(), row(after)),
        ],
        ..Batch::default()
    };
    assert_eq!(store.write(set(None, b"1")).await, Ok(Written::Done));
    assert_eq!(sleeper.write(set(None, b"x")).await, Ok(Written::Collision));
    assert_eq!(store.write(set(Some(b"1"), b"2")).await, Ok(Written::Done));
    for stale in [None, Some(&b"1"[..]), Some(b""), Some(b"22")] {
        assert_eq!(sleeper.write(set(stale, b"x")).await, Ok(Written::Collision), "{stale:?}");
    }
    for table in [Table::Checkpoints, Table::ProjectionRows] {
        assert_eq!(load(&store, Selection::All(table)).await[0].1, b"2");
    }
    assert_eq!(sleeper.write(set(Some(b"2"), b"3")).await, Ok(Written::Done));
    let only_guard = |before: &[u8]| Batch {
        unchanged: vec![(Table::Checkpoints, "c".into(), Some(row(before)))],
        writes: vec![Write::Delete(Table::ProjectionRows, "r".into())],
        ..Batch::default()
    };
    assert_eq!(store.write(only_guard(b"2")).await, Ok(Written::Collision));
    assert_eq!(store.write(only_guard(b"3")).await, Ok(Written::Done));
    assert!(load(&store, Selection::All(Table::ProjectionRows)).await.is_empty());
}

/// `absent` is checked on the database as it was before the batch, and writes nothing itself.
pub async fn a_key_that_must_be_absent_guards_the_batch(database: &impl Database) {
    let store = database.holder().await;
    let guarded = |absent: u64, key: u64| Batch {
        absent: vec![(Table::Pending, absent.into()), (Table::Confirmed, 100.into())],
        ..batch(0, vec![add(Table::Confirmed, key, b"x")])
    };
    assert_eq!(store.write(guarded(5, 1)).await, Ok(Written::Done));
    assert_eq!(store.write(batch(0, vec![add(Table::Pending, 5, b"p")])).await, Ok(Written::Done));
    assert_eq!(store.write(guarded(5, 2)).await, Ok(Written::Collision));
    assert_eq!(store.write(guarded(6, 3)).await, Ok(Written::Done));
    assert_eq!(keys(&store, Selection::All(Table::Confirmed)).await, numbers(&[1, 3]));
    assert_eq!(keys(&store, Selection::All(Table::Pending)).await, numbers(&[5]));
}

/// Applied in order: a key deleted first may be added again.
pub async fn writes_of_a_batch_follow_each_other(database: &impl Database) {
    let store = database.holder().await;
    assert_eq!(store.write(batch(0, vec![add(Table::Pending, 1, b"old")])).await, Ok(Written::Done));
    let writes = vec![
        Write::Delete(Table::Pending, 1.into()),
        Write::Delete(Table::Pending, 44.into()),
        add(Table::Pending, 1, b"new"),
        Write::Put(Table::Pending, 2.into(), row(b"first")),
        Write::Put(Table::Pending, 2.into(), row(b"second")),
        add(Table::Pending, 3, b"short-lived"),
        Write::Delete(Table::Pending, 3.into()),
    ];
    assert_eq!(store.write(batch(0, writes)).await, Ok(Written::Done));
    let rows = load(&store, Selection::All(Table::Pending)).await;
    assert_eq!(rows, [(1.into(), b"new".to_vec()), (2.into(), b"second".to_vec())]);
}

/// Numbers as numbers, up to the largest that JavaScript holds exactly.
pub async fn rows_come_in_the_order_of_their_keys(database: &impl Database) {
    let store = database.holder().await;
    let max = crate::version::MAX_SAFE_INTEGER;
    let writes = [300, 2, max, 10, 255, 256, 1, 1 << 40].map(|key| add(Table::Confirmed, key, b"x"));
    assert_eq!(store.write(batch(0, writes.to_vec())).await, Ok(Written::Done));
    let sorted = numbers(&[1, 2, 10, 255, 256, 300, 1 << 40, max]);
    assert_eq!(keys(&store, Selection::All(Table::Confirmed)).await, sorted);
}

/// Each selection by itself, and several at once from one moment.
pub async fn all_selections(database: &impl Database) {
    let store = database.holder().await;
    let mut writes: Vec<Write> =
        (1..=12_u64).map(|key| add(Table::Confirmed, key * 10, &[key as u8])).collect();
    for key in [20, 30, 70, 120, 999] {
        writes.push(add(Table::ConfirmedDirectory, key, b"d"));
    }
    assert_eq!(store.write(batch(0, writes)).await, Ok(Written::Done));
    let without = || Selection::Without(Table::Confirmed, Table::ConfirmedDirectory);
    let cases = [
        (Selection::All(Table::Pending), vec![]),
        (Selection::From(Table::Confirmed, 0), (1..=12).map(|key| key * 10).collect()),
        (Selection::From(Table::Confirmed, 110), vec![110, 120]),
        (Selection::From(Table::Confirmed, 111), vec![120]),
        (Selection::From(Table::Confirmed, 121), vec![]),
        (Selection::From(Table::Pending, 1), vec![]),
        (without(), vec![10, 40, 50, 60, 80, 90, 100, 110]),
        (Selection::Without(Table::Pending, Table::PendingDirectory), vec![]),
        (
            Selection::Without(Table::Confirmed, Table::PendingDirectory),
            (1..=12).map(|key| key * 10).collect(),
        ),
        (Selection::Keys(Table::Confirmed, numbers(&[50, 51, 10, 0, 120])), vec![50, 10, 120]),
        (Selection::Keys(Table::Confirmed, vec![]), vec![]),
    ];
    for (selection, expected) in cases.clone() {
        let shown = format!("{selection:?}");
        assert_eq!(keys(&store, selection).await, numbers(&expected), "{shown}");
    }
    let selections: Vec<_> = cases.iter().map(|(selection, _)| selection.clone()).collect();
    let loaded = store.load(&selections).await.unwrap();
    for (rows, (selection, expected)) in loaded.rows.iter().zip(&cases) {
        assert_eq!(rows.len(), expected.len(), "{selection:?}");
    }
    assert_eq!(load(&store, without()).await[2], (50.into(), vec![5]), "the row belongs to its key");
}

/// A prefix ends in the separator, so that a name is not taken for another that begins with it.
pub async fn rows_by_the_beginning_of_their_key(database: &impl Database) {
    let store = database.holder().await;
    let table = Table::ProjectionRows;
    let texts = [
        "a\0",
        "a\0\u{1}",
        "a\0b",
        "a\0b\0c",
        "a\0\u{e000}",
        "a\0\u{ffff}",
        "a\0\u{1f642}",
        "ab\0a",
        "a",
        "b\0",
    ];
    let written = texts.map(|key| add(table, key, key.as_bytes()));
    assert_eq!(store.write(batch(0, written.to_vec())).await, Ok(Written::Done));
    let found = async |prefix: &str| {
        let mut found = load(&store, Selection::Prefix(table, prefix.into())).await;
        assert!(found.iter().all(|(key, row)| key.to_string().as_bytes() == row), "{found:?}");
        found.sort(); // texts beyond U+FFFF may stand elsewhere
        found.into_iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        found("a\0").await,
        ["a\0", "a\0\u{1}", "a\0b", "a\0b\0c", "a\0\u{e000}", "a\0\u{ffff}", "a\0\u{1f642}"]
    );
    assert_eq!(found("a\0b\0").await, ["a\0b\0c"]);
    assert_eq!(found("c\0").await, [""; 0]);
    let writes = vec![
        add(table, "a\0new", b"x"),
        Write::DeletePrefix(table, "a\0".into()),
        Write::DeletePrefix(table, "nobody\0".into()),
        add(table, "a\0last", b"a\0last"),
    ];
    assert_eq!(store.write(batch(0, writes)).await, Ok(Written::Done));
    assert_eq!(found("a\0").await, ["a\0last"]);
    assert_eq!(found("ab\0").await, ["ab\0a"]);
    let undone = vec![Write::DeletePrefix(table, "ab\0".into()), add(table, "a\0last", b"taken")];
    assert_eq!(store.write(batch(0, undone)).await, Ok(Written::Collision));
    assert_eq!(found("ab\0").await, ["ab\0a"]);
}

/// What is derived from confirmed commits is guarded by its own keys.
pub async fn a_batch_without_an_epoch_is_not_guarded_by_it(database: &impl Database) {
    let store = database.holder().await;
    let first = Batch { new_epoch: Some(7), ..batch(0, vec![add(Table::Pending, 1, b"a")]) };
    assert_eq!(store.write(first).await, Ok(Written::Done));
    let derived =
        || Batch { writes: vec![add(Table::Checkpoints, "progress\0n1", b"x")], ..Batch::default() };
    assert_eq!(store.write(derived()).await, Ok(Written::Done));
    assert_eq!(store.write(derived()).await, Ok(Written::Collision));
    assert_eq!(store.load(&[]).await.unwrap().epoch, 7);
}

/// A row of some megabytes, and a thousand rows in a batch.
pub async fn large_rows_and_many_rows(database: &impl Database) {
    let store = database.holder().await;
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut writes = vec![add(Table::Confirmed, 1, &large)];
    writes.extend((1..=1_000_u64).map(|key| add(Table::Pending, key, &key.to_le_bytes())));
    assert_eq!(store.write(batch(0, writes)).await, Ok(Written::Done));
    assert_eq!(load(&store, Selection::All(Table::Confirmed)).await[0].1, large);
    let rows = load(&store, Selection::All(Table::Pending)).await;
    assert_eq!(rows.len(), 1_000);
    assert!(
        rows.iter().all(|(key, row)| *key == Key::Number(u64::from_le_bytes(row[..].try_into().unwrap())))
    );
}

/// Of many batches that add the same key, one is written; and an epoch moves on once.
pub async fn holders_that_write_at_once_are_serialised(database: &impl Database) {
    let mut holders = Vec::new();
    for _ in 0..5 {
        holders.push(database.holder().await);
    }
    let same_key = holders.iter().map(|holder| holder.write(batch(0, vec![add(Table::Pending, 1, b"x")])));
    let written = join_all(same_key).await;
    assert_eq!(written.iter().filter(|written| **written == Ok(Written::Done)).count(), 1, "{written:?}");
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let same_epoch = holders.iter().zip(10_u64..).map(|(holder, key)| {
        holder.write(Batch { new_epoch: Some(1), ..batch(0, vec![add(Table::Pending, key, b"x")]) })
    });
    let written = join_all(same_epoch).await;
    assert_eq!(written.iter().filter(|written| **written == Ok(Written::Done)).count(), 1, "{written:?}");
    assert_eq!(keys(&holders[0], Selection::All(Table::Pending)).await.len(), 2);
}

/// While batches of two rows are written, every read sees as many rows of one table as of the other.
pub async fn a_read_sees_whole_batches_only(database: &impl Database) {
    let (writer, reader) = (database.holder().await, database.holder().await);
    let writes = async {
        for key in 1..=20_u64 {
            let both = vec![add(Table::Confirmed, key, b"c"), add(Table::Pending, key, b"p")];
            assert_eq!(writer.write(batch(0, both)).await, Ok(Written::Done));
        }
    };
    let reads = async {
        for _ in 0..20 {
            let both = [Table::Confirmed, Table::Pending].map(Selection::All);
            let loaded = reader.load(&both).await.unwrap();
            assert_eq!(loaded.rows[0].len(), loaded.rows[1].len());
        }
    };
    futures_util::future::join(writes, reads).await;
    assert_eq!(keys(&reader, Selection::All(Table::Pending)).await.len(), 20);
}

/// Closing is for one holder.
pub async fn a_closed_holder_says_so_and_others_go_on(database: &impl Database) {
    let (closed, other) = (database.holder().await, database.holder().await);
    closed.close();
    closed.close();
    assert!(matches!(closed.load(&[]).await, Err(StoreError::Closed { .. })));
    let write = batch(0, vec![add(Table::Pending, 1, b"x")]);
    assert!(matches!(closed.write(write.clone()).await, Err(StoreError::Closed { .. })));
    assert_eq!(other.write(write).await, Ok(Written::Done));
}
