//! Who this database is to a server: the id of its device, how many pushes were sent under it, and the ids it had before.
//!
//! One row of `meta`, compared and set: two tabs never send two pushes under one number, and a copy of the database goes on counting
//! from where the copy was made.

use super::{
    Log, LogError,
    event_log::Inner,
    rows::corrupt,
    sealed::{begin, put_id, put_number, seal, unseal},
    store::{Batch, Bytes, Closing, Key, Selection, Store, StoreError, Table, Write, Written},
};
use crate::{id::DeviceId, version::Position};
use std::rc::Rc;
use uuid::Uuid;

/// The key of the row of `Meta` that holds the identity.
pub(super) const DEVICE: &str = "device";
/// The format of the row.
const FORMAT: u64 = 1;
/// The most earlier ids that are remembered: the oldest are forgotten, and what was decided under them counts as another device's.
const MOST_EARLIER: usize = 64;

/// Who a database is to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The id of the device.
    pub device: DeviceId,
    /// The number of the last push under it; 0 before the first.
    pub pushes: u64,
    /// The ids that it had before, oldest first, each with the position up to which the log was confirmed when it was given up.
    pub earlier: Vec<(DeviceId, Position)>,
}

/// The identity, and the row that it was read from.
#[derive(Clone, Debug)]
pub(super) struct Known {
    identity: Identity,
    row: Option<Bytes>,
}

impl Default for Known {
    fn default() -> Self {
        let device = DeviceId(Uuid::nil());
        Self { identity: Identity { device, pushes: 0, earlier: Vec::new() }, row: None }
    }
}

impl Known {
    fn new(identity: Identity) -> Self {
        let mut out = begin(FORMAT);
        put_id(&mut out, identity.device.0);
        put_number(&mut out, identity.pushes);
        put_number(&mut out, identity.earlier.len() as u64);
        for (device, position) in &identity.earlier {
            put_id(&mut out, device.0);
            put_number(&mut out, *position);
        }
        Self { identity, row: Some(seal(out)) }
    }

    /// Whether no row told who this is.
    pub(super) fn is_nobody(&self) -> bool {
        self.row.is_none()
    }

    pub(super) fn of_row(key: &Key, row: Bytes) -> Result<Self, LogError> {
        let read = || {
            let mut reader = unseal(&row, FORMAT)?;
            let mut identity = Identity { device: DeviceId(reader.id()?), pushes: 0, earlier: Vec::new() };
            // a row from before pushes were counted ends here
            if reader.remaining() > 0 {
                identity.pushes = reader.number()?;
                for _ in 0..reader.count(17)? {
                    identity.earlier.push((DeviceId(reader.id()?), reader.number()?));
                }
            }
            Ok(identity)
        };
        let identity = read().map_err(|error| corrupt(Table::Meta, key, &error))?;
        Ok(Self { identity, row: Some(row) })
    }

    /// The write that puts `next` in the place of this one, and nothing if this one is not what is stored.
    fn replace(&self, next: &Self) -> Batch {
        let row = next.row.clone().unwrap_or_default();
        Batch {
            unchanged: vec![(Table::Meta, DEVICE.into(), self.row.clone())],
            writes: vec![Write::Put(Table::Meta, DEVICE.into(), row)],
            ..Batch::default()
        }
    }
}

impl<S: Store> Log<S> {
    /// The id of this device: the one stored, else `fresh`, which is then stored. Two tabs at once agree on one.
    ///
    /// # Errors
    /// [`LogError`] if storage fails or the stored id can't be read.
    pub async fn device_id(&self, fresh: DeviceId) -> Result<DeviceId, LogError> {
        loop {
            if let Some(known) = self.inner.read_identity().await? {
                return Ok(known.identity.device);
            }
            let first = Known::new(Identity { device: fresh, pushes: 0, earlier: Vec::new() });
            if self.inner.store.write(Known::default().replace(&first)).await? == Written::Done {
                self.inner.know(first);
                return Ok(fresh);
            }
        }
    }

    /// The id of this device as this holder knows it; nil before [`Log::device_id`].
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.inner.view.borrow().identity.identity.device
    }

    /// Who this database is to a server, as this holder knows it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.inner.view.borrow().identity.identity.clone()
    }

    /// Whether an id is, or was, that of this device.
    #[must_use]
    pub fn is_own(&self, device: DeviceId) -> bool {
        self.was_own(device, 0)
    }

    /// Whether an id was that of this device and of no other when the log reached a position: what stands under it further on was
    /// recorded by a copy, or here before that was known.
    #[must_use]
    pub fn was_own(&self, device: DeviceId, at: Position) -> bool {
        let Identity { device: now, earlier, .. } = &self.inner.view.borrow().identity.identity;
        *now == device || earlier.iter().any(|(id, until)| *id == device && at <= *until)
    }

    /// Counts a push, durably: who sends it, and under which number.
    ///
    /// # Errors
    /// [`LogError`] if storage fails.
    pub async fn count_push(&self) -> Result<Identity, LogError> {
        loop {
            let known = Rc::clone(&self.inner.view.borrow().identity);
            let pushes = known.identity.pushes + 1;
            let next = Known::new(Identity { pushes, ..known.identity.clone() });
            if self.inner.store.write(known.replace(&next)).await? == Written::Done {
                let identity = next.identity.clone();
                self.inner.know(next);
                return Ok(identity);
            }
            self.inner.stored_identity().await?;
        }
    }

    /// Takes a fresh id for this device, which counts its pushes from the beginning, if the last push was still the one that `sent`
    /// names: somebody else has pushed under the same id. False if another tab has pushed, or taken another id, since.
    ///
    /// # Errors
    /// [`LogError`] if storage fails. The id is the old one then.
    pub async fn rename(&self, sent: (DeviceId, u64), fresh: DeviceId) -> Result<bool, LogError> {
        let inner = Rc::clone(&self.inner);
        self.inner.take_turn(async move { inner.rename(sent, fresh).await }).await
    }
}

impl<S: Store> Inner<S> {
    fn know(&self, known: Known) {
        self.view.borrow_mut().identity = Rc::new(known);
    }

    async fn read_identity(&self) -> Result<Option<Known>, LogError> {
        let stored = Selection::Keys(Table::Meta, vec![DEVICE.into()]);
        let rows = self.store.load(&[stored]).await?.rows.into_iter().next();
        let Some((key, row)) = rows.and_then(|rows| rows.into_iter().next()) else { return Ok(None) };
        let known = Known::of_row(&key, row)?;
        self.know(known.clone());
        Ok(Some(known))
    }

    /// The identity as it is stored.
    async fn stored_identity(&self) -> Result<Known, LogError> {
        let gone = StoreError::Closed { why: Closing::Deleted };
        self.read_identity().await?.ok_or_else(|| gone.into())
    }

    async fn rename(&self, sent: (DeviceId, u64), fresh: DeviceId) -> Result<bool, LogError> {
        loop {
            self.refresh().await?;
            let known = self.stored_identity().await?;
            let Identity { device, pushes, mut earlier } = known.identity.clone();
            if (device, pushes) != sent {
                return Ok(false);
            }
            let (epoch, position) = {
                let view = self.view.borrow();
                (view.epoch, view.head().position)
            };
            earlier.push((device, position));
            let forgotten = earlier.len().saturating_sub(MOST_EARLIER);
            earlier.drain(..forgotten);
            let next = Known::new(Identity { device: fresh, pushes: 0, earlier });
            // a new epoch: other tabs look anew, and learn of it
            let batch = Batch { epoch: Some(epoch), new_epoch: Some(epoch + 1), ..known.replace(&next) };
            if self.store.write(batch).await? == Written::Done {
                self.reload().await?;
                self.know(next);
                return Ok(true);
            }
        }
    }
}
