//! A disk that gives other bytes back than it was given: reading is an error or a log, and nothing worse.

use crate::{complete, engine, exercise};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use tidelog::{
    engine::WriteOptions,
    log::{
        Authority, MemoryStore,
        store::{Batch, Selection, Store, Table, Write, Written},
    },
    testing::block_on,
};

#[derive(Arbitrary, Debug)]
pub struct Damage {
    table: u8,
    row: u8,
    /// Where, how many bytes are cut out, what is put in.
    edits: Vec<(u16, u8, Vec<u8>)>,
    /// Whether the checksums are made right again, so that what lies behind them is reached.
    seals: bool,
    removes: bool,
}

pub fn rows(damages: Vec<Damage>) {
    let store = MemoryStore::new();
    block_on(async {
        let log = engine(store.clone(), Authority::Server, 1).await.expect("an empty store");
        for lesson in 0..4 {
            let id = if lesson % 2 == 0 { "a" } else { "b" };
            log.execute("course", id, complete(&format!("l{lesson}")), WriteOptions::default())
                .await
                .expect("a decision");
        }
        log.close();
        for damage in damages.into_iter().take(4) {
            spoil(&store, damage).await;
        }
        // Without a word of it to anyone, and then again after whatever the first one has written.
        for seed in 2..4 {
            if let Ok(log) = engine(store.clone(), Authority::Server, seed).await {
                exercise(&log).await;
                let _ = log.execute("course", "a", complete("l9"), WriteOptions::default()).await;
                log.close();
            }
        }
    });
}

async fn spoil(store: &MemoryStore, damage: Damage) {
    let table = Table::ALL[usize::from(damage.table) % Table::ALL.len()];
    // A guard that is damaged already lets nobody in.
    let Ok(loaded) = store.load(&[Selection::All(table)]).await else { return };
    let found: Vec<_> = loaded.rows.into_iter().flatten().map(|(key, row)| (key, row.to_vec())).collect();
    let Some((key, mut row)) = found.get(usize::from(damage.row) % found.len().max(1)).cloned() else {
        return;
    };
    for (at, cut, put) in damage.edits.into_iter().take(8) {
        let at = usize::from(at) % (row.len() + 1);
        let end = (at + usize::from(cut)).min(row.len());
        row.splice(at..end, put);
    }
    if damage.seals {
        seal(&mut row);
    }
    let write = match damage.removes {
        true => Write::Delete(table, key),
        false => Write::Put(table, key, row.into()),
    };
    let batch = Batch { epoch: Some(loaded.epoch), writes: vec![write], ..Batch::default() };
    assert_eq!(store.write(batch).await, Ok(Written::Done));
}

/// Makes the checksums of a block right: see the form of a block in `src/log/block/mod.rs`.
fn seal(bytes: &mut [u8]) {
    let Some(length) = bytes.get(6..10).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes)
    else {
        return;
    };
    let Some(end) = (length as usize).checked_add(14).filter(|end| *end <= bytes.len()) else { return };
    let body = crc32fast::hash(&bytes[end..]).to_le_bytes();
    // The directory begins with the length of the body, a number of variable length, and its checksum.
    let at = 15 + bytes[14..end].iter().take_while(|byte| **byte >= 0x80).count();
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&body);
    }
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&bytes[..10]);
    checksum.update(&bytes[14..end]);
    bytes[10..14].copy_from_slice(&checksum.finalize().to_le_bytes());
}
