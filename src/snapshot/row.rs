//! Snapshots as rows: a checksum, what the snapshot is of, then the state as JSON, perhaps compressed.

use super::Fingerprint;
use crate::{
    id::EventId,
    log::{
        sealed::{BlockError, begin, put_bytes, put_id, put_number, put_signed, seal, unseal},
        store::{Bytes, Key, SEPARATOR},
    },
    stream::StreamName,
    time::Timestamp,
    version::Version,
};
use serde::Serialize;
use std::rc::Rc;

const FORMAT: u64 = 1;
/// The state stands in the row as it is.
const PLAIN: u8 = 0;
/// The state is compressed.
const COMPRESSED: u8 = 1;

/// A snapshot as the app sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotInfo {
    /// The stream.
    pub stream: StreamName,
    /// The version of the state: the number of confirmed events that made it.
    pub version: Version,
    /// When it was taken, by this device's clock.
    pub taken_at: Timestamp,
    /// The size of the state in bytes of JSON.
    pub size: u64,
    /// The bytes it takes in storage.
    pub stored: u64,
    /// Whether today's code made it. If not, it is not used.
    pub current: bool,
}

/// What begins the keys of an aggregate's snapshots.
pub(crate) fn prefix_of_aggregate(aggregate: &str) -> Rc<str> {
    format!("{aggregate}{SEPARATOR}").into()
}

/// What begins the keys of a stream's snapshots.
pub(crate) fn prefix(stream: &StreamName) -> Rc<str> {
    format!("{}{SEPARATOR}{}{SEPARATOR}", stream.aggregate(), stream.id()).into()
}

/// The key of a snapshot. Keys of a stream are in the order of their versions.
pub(crate) fn key(stream: &StreamName, version: Version) -> Key {
    Key::Text(format!("{}{version:016x}", prefix(stream)).into())
}

/// A snapshot as its row holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) version: Version,
    /// The event with this version.
    pub(crate) event: EventId,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) taken_at: Timestamp,
    /// The size of the state in bytes of JSON.
    pub(crate) size: u64,
    pub(crate) is_compressed: bool,
    pub(crate) state: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn encode(&self, stream: &StreamName) -> Bytes {
        let mut out = begin(FORMAT);
        put_bytes(&mut out, stream.as_str().as_bytes());
        put_number(&mut out, self.version);
        put_id(&mut out, self.event.0);
        put_number(&mut out, self.fingerprint.0);
        put_signed(&mut out, self.taken_at.0);
        put_number(&mut out, self.size);
        out.push(if self.is_compressed { COMPRESSED } else { PLAIN });
        out.extend_from_slice(self.state);
        seal(out)
    }

    /// Reads the row of a stream. Any bytes give a snapshot or an error.
    pub(crate) fn decode(row: &'a [u8], stream: &StreamName) -> Result<Self, BlockError> {
        let mut reader = unseal(row, FORMAT)?;
        if reader.text()? != stream.as_str() {
            return Err(BlockError::Malformed("it belongs to another stream"));
        }
        let snapshot = Self {
            version: reader.number()?,
            event: EventId(reader.id()?),
            fingerprint: Fingerprint(reader.number()?),
            taken_at: Timestamp(reader.signed()?),
            size: reader.number()?,
            is_compressed: reader.byte()? != PLAIN,
            state: reader.take(reader.remaining())?,
        };
        if snapshot.version == 0 {
            return Err(BlockError::Malformed("its version is 0; the first is 1"));
        }
        Ok(snapshot)
    }
}

/// Which rows of a stream go when one of `version` is written: those that can't be used, and those beyond the last `keep`. One
/// of a higher version stays: another tab, which is ahead of this one, has just taken it.
pub(crate) fn surplus(
    rows: &[(Key, Bytes)],
    stream: &StreamName,
    version: Version,
    fingerprint: Fingerprint,
    keep: usize,
) -> Vec<Key> {
    let mut kept = 1;
    let mut gone = Vec::new();
    for (key, row) in rows.iter().rev() {
        match Row::decode(row, stream) {
            Ok(row) if row.fingerprint == fingerprint && row.version > version => {}
            Ok(row) if row.fingerprint == fingerprint && row.version < version && kept < keep => kept += 1,
            _ => gone.push(key.clone()),
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn stream() -> StreamName {
        StreamName::parse("course-algebra-1").unwrap()
    }

    fn row(version: Version, fingerprint: u64) -> (Key, Bytes) {
        let row = Row {
            version,
            event: EventId(Uuid::from_u128(7)),
            fingerprint: Fingerprint(fingerprint),
            taken_at: Timestamp(-5),
            size: 2,
            is_compressed: false,
            state: b"{}",
        };
        let bytes = row.encode(&stream());
        assert_eq!(Row::decode(&bytes, &stream()), Ok(row));
        (key(&stream(), version), bytes)
    }

    #[test]
    fn any_change_of_a_row_is_noticed() {
        let (_, bytes) = row(300, u64::MAX);
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x10;
            assert!(Row::decode(&changed, &stream()).is_err(), "byte {at}");
            assert!(Row::decode(&bytes[..at], &stream()).is_err(), "cut at {at}");
        }
        let other = StreamName::parse("course-algebra-2").unwrap();
        assert!(Row::decode(&bytes, &other).is_err());
    }

    #[test]
    fn keys_are_in_the_order_of_versions_and_of_one_stream() {
        let mut keys: Vec<_> = [3, 20, 100, 1 << 40].map(|version| key(&stream(), version)).into();
        assert!(keys.is_sorted());
        keys.push(key(&StreamName::parse("course-algebra-10").unwrap(), 1));
        let Key::Text(last) = &keys[4] else { panic!("a text") };
        assert!(!last.starts_with(&*prefix(&stream())));
        assert!(last.starts_with(&*prefix_of_aggregate("course")));
    }

    #[test]
    fn the_last_ones_that_fit_are_kept() {
        let mut damaged = row(60, 1);
        damaged.1 = b"damaged".as_slice().into();
        let rows = [row(10, 1), row(20, 1), row(30, 2), row(40, 1), row(50, 1), damaged, row(70, 1)];
        let gone = |version, keep| -> Vec<usize> {
            let gone = surplus(&rows, &stream(), version, Fingerprint(1), keep);
            (0..rows.len()).filter(|at| gone.contains(&rows[*at].0)).collect()
        };
        assert_eq!(gone(80, 1), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(gone(80, 3), [0, 1, 2, 3, 5]);
        assert_eq!(gone(80, 9), [2, 5]);
        // 70 is of a tab that is ahead; 50 is written anew
        assert_eq!(gone(50, 2), [0, 1, 2, 4, 5]);
    }
}
