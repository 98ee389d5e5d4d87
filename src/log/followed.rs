//! Which streams of the server's log this device follows, and how far each of them is here. A part of the row of the head, so that it is
//! written together with the commits and the cursor that it is about.

use super::{
    Log, LogError,
    event_log::Inner,
    rows::{optional, put_optional},
    sealed::{BlockError, Reader, put_bytes, put_number},
    store::{Batch, Store, Written},
};
use crate::{stream::StreamName, streams::Streams, sync::protocol::Cursor};
use std::{rc::Rc, sync::Arc};

/// What a device follows, and what of it is here. The default: everything, as far as the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// What the app wants to follow.
    pub wanted: Streams,
    /// Whether confirmed events of streams that are no longer followed are forgotten.
    pub forget: bool,
    /// The streams whose events up to the cursor are all here. Other streams may be here with their first events: those that were
    /// followed once.
    pub here: Streams,
    /// What stood for the streams that the server lets this client read when `here` was reached.
    pub scope: Option<Arc<str>>,
    /// Streams that are followed by now, and whose past is being fetched.
    pub fetching: Option<Fetching>,
}

/// The past of streams while it is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetching {
    /// The streams that will be here once it is.
    pub streams: Streams,
    /// Those of them that are fetched.
    pub added: Streams,
    /// What stands for the streams that the server lets this client read meanwhile.
    pub scope: Option<Arc<str>>,
    /// Up to which place of the server's log they are here.
    pub cursor: Cursor,
}

impl<S: Store> Log<S> {
    /// What is followed, and what of it is here.
    #[must_use]
    pub fn followed(&self) -> Followed {
        self.inner.view.borrow().record.followed.clone()
    }

    /// A cursor behind which all events stand of these streams that are not here. Where they are single streams that were followed before,
    /// that is one of the checkpoints, otherwise the beginning.
    #[must_use]
    pub fn cursor_before(&self, streams: &Streams) -> Cursor {
        let view = self.inner.view.borrow();
        let Some(names) = streams.names().filter(|names| names.prefixes.is_empty()) else {
            return Cursor::default();
        };
        // a block that holds the stream begins no later than the stream's last event here
        let last = |name: &str| {
            let name = StreamName::parse(name).ok()?;
            view.index.stream_blocks(&name, 0, u64::MAX).last().copied()
        };
        let least = names.exact.iter().map(|name| last(name).unwrap_or_default()).min().unwrap_or_default();
        let checkpoints = view.record.checkpoints.entries();
        let before = checkpoints.iter().rfind(|checkpoint| checkpoint.position < least);
        before.map_or_else(Cursor::default, |checkpoint| checkpoint.cursor.clone())
    }

    /// From now on these streams are to be followed. Nothing is fetched or forgotten by that alone; whether it was a change.
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn follow(&self, wanted: Streams, forget: bool) -> Result<bool, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.follow(wanted, forget).await }).await
    }
}

impl<S: Store> Inner<S> {
    async fn follow(&self, wanted: Streams, forget: bool) -> Result<bool, LogError> {
        loop {
            let (epoch, mut record) = {
                let view = self.view.borrow();
                (view.epoch, view.record.clone())
            };
            if record.followed.wanted == wanted && record.followed.forget == forget {
                return Ok(false);
            }
            record.followed.wanted = wanted.clone();
            record.followed.forget = forget;
            let batch = Batch {
                epoch: Some(epoch),
                new_epoch: Some(epoch + 1),
                writes: vec![record.row()],
                ..Batch::default()
            };
            let written = self.store.write(batch).await?;
            self.reload().await?;
            if written == Written::Done {
                return Ok(true);
            }
        }
    }
}

impl Followed {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_streams(out, &self.wanted);
        out.push(u8::from(self.forget));
        put_streams(out, &self.here);
        put_optional(out, self.scope.as_deref());
        out.push(u8::from(self.fetching.is_some()));
        if let Some(Fetching { streams, added, scope, cursor }) = &self.fetching {
            put_streams(out, streams);
            put_streams(out, added);
            put_optional(out, scope.as_deref());
            put_bytes(out, cursor.0.as_bytes());
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, BlockError> {
        let mut followed = Self {
            wanted: streams(reader)?,
            forget: reader.byte()? != 0,
            here: streams(reader)?,
            scope: optional(reader)?.map(Into::into),
            fetching: None,
        };
        if reader.byte()? != 0 {
            followed.fetching = Some(Fetching {
                streams: streams(reader)?,
                added: streams(reader)?,
                scope: optional(reader)?.map(Into::into),
                cursor: Cursor(reader.text()?.to_owned()),
            });
        }
        Ok(followed)
    }
}

pub(super) fn put_streams(out: &mut Vec<u8>, streams: &Streams) {
    let rules: Option<Vec<String>> = streams.rules().map(Iterator::collect);
    out.push(u8::from(rules.is_some()));
    if let Some(rules) = rules {
        put_number(out, rules.len() as u64);
        for rule in rules {
            put_bytes(out, rule.as_bytes());
        }
    }
}

pub(super) fn streams(reader: &mut Reader<'_>) -> Result<Streams, BlockError> {
    if reader.byte()? == 0 {
        return Ok(Streams::all());
    }
    let rules = (0..reader.count(1)?).map(|_| reader.text()).collect::<Result<Vec<_>, _>>()?;
    Streams::of(rules).map_err(|_| BlockError::Malformed("what is followed can't be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_followed_reads_back() {
        let some = Streams::of(["course", "exam-ada-*", "note-1"]).unwrap();
        let fetching = Fetching {
            streams: Streams::all(),
            added: some.clone(),
            scope: Some("5c09e".into()),
            cursor: Cursor("c7".into()),
        };
        let followed = Followed {
            wanted: Streams::none(),
            forget: true,
            here: some,
            scope: None,
            fetching: Some(fetching),
        };
        for followed in [Followed::default(), followed] {
            let mut out = Vec::new();
            followed.put(&mut out);
            let mut reader = Reader::new(&out);
            assert_eq!(Followed::read(&mut reader), Ok(followed));
            assert!(reader.is_empty());
        }
    }
}
