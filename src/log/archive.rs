//! Streams that the server has archived, as far as this device knows: their markers, in a row of their own. If it is damaged, they are asked for again.
//! The events that are here stay; such a stream takes no more.

use super::{
    Log, LogError,
    event_log::Inner,
    followed::{put_streams, streams},
    rows::corrupt,
    sealed::{begin, put_bytes, put_number, put_signed, seal, unseal},
    sorted::Sorted,
    store::{Batch, Key, Store, Table, Write, Written},
};
use crate::{
    mistake::{Mistake, made},
    stream::StreamName,
    streams::Streams,
    sync::protocol::{Archived, Cursor},
    time::Timestamp,
};
use std::rc::Rc;

/// The key of the row of `Meta` that holds the markers.
pub(super) const ARCHIVE: &str = "archived";
const FORMAT: u64 = 1;

/// The markers that are here.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// Up to which of the server's markers they are here.
    pub cursor: Cursor,
    /// Of which streams.
    pub of: Streams,
    markers: Sorted<StreamName, Archived>,
}

/// Markers that were asked for.
pub struct Learned {
    /// The markers.
    pub markers: Vec<Archived>,
    /// Up to which they go now.
    pub cursor: Cursor,
    /// The streams that were asked about: of others, nothing is known after this cursor.
    pub of: Streams,
    /// If they are all that the server has of these streams: others that are here count no longer, because the server was restored from a
    /// backup. None if they are added to those that are here.
    pub all_of: Option<Streams>,
}

impl Archive {
    /// The marker of a stream, if it was archived.
    #[must_use]
    pub fn marker(&self, stream: &StreamName) -> Option<&Archived> {
        self.markers.get(stream)
    }

    /// All markers, by stream.
    pub fn markers(&self) -> impl Iterator<Item = &Archived> {
        self.markers.entries().iter().map(|(_, marker)| marker)
    }

    /// Up to which of the server's markers those of these streams are here: the beginning, if some of the streams were not followed when the others were learned.
    #[must_use]
    pub fn cursor_of(&self, streams: &Streams) -> Cursor {
        if self.of.covers(streams) { self.cursor.clone() } else { Cursor::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.markers.len()
    }

    fn row(&self) -> Write {
        let mut out = begin(FORMAT);
        put_bytes(&mut out, self.cursor.0.as_bytes());
        put_streams(&mut out, &self.of);
        put_number(&mut out, self.markers.len() as u64);
        for Archived { stream, version, commits, position, digest, archived_at, archive } in self.markers() {
            put_bytes(&mut out, stream.as_str().as_bytes());
            for number in [*version, *commits, *position] {
                put_number(&mut out, number);
            }
            put_bytes(&mut out, digest.as_bytes());
            put_signed(&mut out, archived_at.0);
            put_bytes(&mut out, archive.as_bytes());
        }
        Write::Put(Table::Meta, ARCHIVE.into(), seal(out))
    }

    pub(super) fn of_row(key: &Key, row: &[u8]) -> Result<Self, LogError> {
        use super::sealed::BlockError;
        let read = || {
            let mut reader = unseal(row, FORMAT)?;
            let cursor = Cursor(reader.text()?.to_owned());
            let mut archive = Self { cursor, of: streams(&mut reader)?, ..Self::default() };
            for _ in 0..reader.number()? {
                let stream = StreamName::parse(reader.text()?);
                let stream = stream
                    .map_err(|_| BlockError::Malformed("the name of an archived stream can't be read"))?;
                let (version, commits, position) = (reader.number()?, reader.number()?, reader.number()?);
                let (digest, archived_at) = (reader.text()?.into(), Timestamp(reader.signed()?));
                let marker = Archived {
                    stream: stream.clone(),
                    version,
                    commits,
                    position,
                    digest,
                    archived_at,
                    archive: reader.text()?.into(),
                };
                archive.markers.insert(stream, marker);
            }
            Ok(archive)
        };
        read().map_err(|error| corrupt(Table::Meta, key, &error))
    }
}

impl<S: Store> Log<S> {
    /// The markers that are here.
    #[must_use]
    pub fn archive(&self) -> Rc<Archive> {
        Rc::clone(&self.inner.view.borrow().archive)
    }

    /// Takes markers, in one transaction: the streams that turned out to be archived. Where one counts no longer and its events are not all here, nothing
    /// counts as here any more, so that all that is followed is fetched once more.
    ///
    /// # Errors
    /// [`LogError`] if storage fails. Nothing is changed then.
    pub async fn learn_archived(&self, learned: Learned) -> Result<Vec<StreamName>, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.learn_archived(&learned).await }).await
    }
}

impl<S: Store> Inner<S> {
    async fn learn_archived(&self, learned: &Learned) -> Result<Vec<StreamName>, LogError> {
        loop {
            let (batch, fresh) = {
                let view = self.view.borrow();
                let before = &view.archive;
                let mut after =
                    Archive { cursor: learned.cursor.clone(), of: learned.of.clone(), ..(**before).clone() };
                let mut record = view.record.clone();
                if let Some(streams) =
                    learned.all_of.as_ref().filter(|_| !made(Mistake::MarkersOutliveRestore))
                {
                    let is_left = |marker: &&Archived| {
                        streams.includes(marker.stream.as_str())
                            && !learned.markers.iter().any(|it| it.stream == marker.stream)
                    };
                    for marker in before.markers().filter(is_left) {
                        after.markers.remove(&marker.stream);
                        if view.index.confirmed_version(&marker.stream) < marker.version {
                            record.followed.here = Streams::none();
                            record.followed.fetching = None;
                        }
                    }
                }
                let mut fresh = Vec::new();
                for marker in &learned.markers {
                    let known = after.markers.insert(marker.stream.clone(), marker.clone());
                    if known.is_none() {
                        fresh.push(marker.stream.clone());
                    }
                }
                let batch = Batch {
                    epoch: Some(view.epoch),
                    new_epoch: Some(view.epoch + 1),
                    writes: vec![after.row(), record.row()],
                    ..Batch::default()
                };
                (batch, fresh)
            };
            let written = self.store.write(batch).await?;
            self.reload().await?;
            if written == Written::Done {
                return Ok(fresh);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_read_back_and_damaged_ones_say_so() {
        let marker = |name: &str, version| Archived {
            stream: StreamName::parse(name).unwrap(),
            version,
            commits: 2,
            position: 900,
            digest: "d1ge57".into(),
            archived_at: Timestamp(-7),
            archive: "2025.sqlite".into(),
        };
        let markers = [marker("course-1", 3), marker("exam-ada-1", 1 << 40)];
        let of = Streams::of(["course", "exam-ada-1"]).unwrap();
        let mut archive = Archive { cursor: Cursor("2-9".into()), of, ..Archive::default() };
        for marker in &markers {
            archive.markers.insert(marker.stream.clone(), marker.clone());
        }
        let Write::Put(Table::Meta, key, row) = archive.row() else { panic!("no row of meta") };
        let again = Archive::of_row(&key, &row).unwrap();
        assert_eq!(
            (again.cursor.clone(), again.of.clone(), again.markers().cloned().collect::<Vec<_>>()),
            (archive.cursor, archive.of, markers.to_vec())
        );
        let mut damaged = row.to_vec();
        damaged[1] ^= 1;
        assert!(matches!(Archive::of_row(&key, &damaged), Err(LogError::Corrupt { .. })));
    }
}
