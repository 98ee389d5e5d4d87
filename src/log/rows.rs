//! The rows that are not blocks: a checksum, then what they hold.

use super::{
    Authority, Checkpoint, LogError,
    block::{Block, Packer, Region, Standing},
    checkpoints::Checkpoints,
    followed::Followed,
    sealed::{BlockError, Reader, begin, put_bytes, put_id, put_number, put_signed, seal, unseal},
    store::{Key, Table, Write},
};
use crate::{
    commit::{Policy, Reason, RejectedCommit},
    id::CommitId,
    sync::protocol::Cursor,
    time::Timestamp,
    version::Position,
};
use std::sync::Arc;

/// The key of the row of `Meta` that holds [`HeadRecord`].
pub(super) const HEAD: &str = "head";
/// The format of the rows.
const FORMAT: u64 = 1;

/// What the log knows that does not follow from its blocks. Written with every change that touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeadRecord {
    pub(super) authority: Authority,
    pub(super) revision: u64,
    /// No sequence below this is ever given again, though its row may be gone.
    pub(super) next_sequence: u64,
    pub(super) cursor: Cursor,
    pub(super) log_id: Option<Arc<str>>,
    /// The cursors on the way here.
    pub(super) checkpoints: Checkpoints,
    /// The position that was left as it was each time that confirmed events changed behind it otherwise than at the end.
    pub(super) rewinds: Vec<Position>,
    pub(super) followed: Followed,
}

impl HeadRecord {
    pub(super) fn new(authority: Authority) -> Self {
        Self {
            authority,
            revision: 0,
            next_sequence: 1,
            cursor: Cursor::default(),
            log_id: None,
            checkpoints: Checkpoints::default(),
            rewinds: Vec::new(),
            followed: Followed::default(),
        }
    }

    /// The row that holds it.
    pub(super) fn row(&self) -> Write {
        let mut out = begin(FORMAT);
        out.push(match self.authority {
            Authority::Device => 0,
            Authority::Server => 1,
        });
        put_number(&mut out, self.revision);
        put_number(&mut out, self.next_sequence);
        put_bytes(&mut out, self.cursor.0.as_bytes());
        put_optional(&mut out, self.log_id.as_deref());
        let checkpoints = self.checkpoints.entries();
        put_number(&mut out, checkpoints.len() as u64);
        for Checkpoint { position, cursor } in checkpoints {
            put_number(&mut out, *position);
            put_bytes(&mut out, cursor.0.as_bytes());
        }
        put_number(&mut out, self.rewinds.len() as u64);
        for position in &self.rewinds {
            put_number(&mut out, *position);
        }
        self.followed.put(&mut out);
        Write::Put(Table::Meta, HEAD.into(), seal(out))
    }

    /// Reads the row.
    pub(super) fn of_row(key: &Key, row: &[u8]) -> Result<Self, LogError> {
        let read = || {
            let mut reader = unseal(row, FORMAT)?;
            let mut record = Self {
                authority: if reader.byte()? == 0 { Authority::Device } else { Authority::Server },
                revision: reader.number()?,
                next_sequence: reader.number()?,
                cursor: Cursor(reader.text()?.to_owned()),
                log_id: optional(&mut reader)?.map(Into::into),
                checkpoints: Checkpoints::default(),
                rewinds: Vec::new(),
                followed: Followed::default(),
            };
            // a row from before checkpoints were kept ends here
            if reader.remaining() > 0 {
                for _ in 0..reader.count(2)? {
                    let position = reader.number()?;
                    record.checkpoints.note(position, &Cursor(reader.text()?.to_owned()));
                }
                for _ in 0..reader.count(1)? {
                    record.rewinds.push(reader.number()?);
                }
            }
            if reader.remaining() > 0 {
                record.followed = Followed::read(&mut reader)?;
            }
            Ok(record)
        };
        read().map_err(|error| corrupt(Table::Meta, key, &error))
    }
}

/// The key of a rejected commit.
pub(super) fn rejected_key(id: CommitId) -> Key {
    Key::Text(id.to_string().into())
}

/// How the keys of orphans begin.
const ORPHAN: &str = "orphan-";

/// The key of a commit of another device that can't be brought back: in the table of rejected commits, but not one of them.
pub(super) fn orphan_key(id: CommitId) -> Key {
    Key::Text(format!("{ORPHAN}{id}").into())
}

/// The commit that the key of an orphan names; none if it is another key.
pub(super) fn orphan_of_key(key: &Key) -> Option<CommitId> {
    let Key::Text(text) = key else { return None };
    text.strip_prefix(ORPHAN)?.parse().ok()
}

/// The row that keeps a rejected commit: why and when, then a block that holds it.
pub(super) fn rejected_row(rejected: &RejectedCommit, key: Key) -> Write {
    let RejectedCommit { commit, reason, rejected_at } = rejected;
    let mut out = begin(FORMAT);
    put_signed(&mut out, rejected_at.0);
    put_bytes(&mut out, reason.code.as_bytes());
    put_bytes(&mut out, reason.message.as_bytes());
    put_optional(&mut out, reason.detail.as_deref());
    out.push(u8::from(reason.builds_on.is_some()));
    if let Some(id) = reason.builds_on {
        put_id(&mut out, id.0);
    }
    let mut packer = Packer::single(Region::Pending);
    packer.push(1, Standing::Pending { policy: Policy::Keep, reoffered: false }, commit);
    for block in packer.finish() {
        out.extend_from_slice(&block.bytes);
    }
    Write::Put(Table::Rejected, key, seal(out))
}

/// Reads the row of a rejected commit.
pub(super) fn rejected_of_row(key: &Key, row: &[u8]) -> Result<RejectedCommit, LogError> {
    let read = || {
        let mut reader = unseal(row, FORMAT)?;
        let rejected_at = Timestamp(reader.signed()?);
        let (code, message) = (reader.text()?.into(), reader.text()?.to_owned());
        let detail = optional(&mut reader)?.map(str::to_owned);
        let builds_on = if reader.byte()? == 0 { None } else { Some(CommitId(reader.id()?)) };
        let reason = Reason { code, message, detail, builds_on };
        let block = Block::open(reader.take(reader.remaining())?.into(), Region::Pending)?;
        let record = block.records().next().ok_or(BlockError::CutShort)??;
        Ok(RejectedCommit { commit: record.decode()?.commit, reason, rejected_at })
    };
    read().map_err(|error| corrupt(Table::Rejected, key, &error))
}

pub(super) fn corrupt(table: Table, key: &Key, error: &BlockError) -> LogError {
    LogError::Corrupt { table, key: key.clone(), reason: error.to_string() }
}

pub(super) fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_bytes(out, text.as_bytes());
    }
}

pub(super) fn optional<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, BlockError> {
    if reader.byte()? == 0 { Ok(None) } else { reader.text().map(Some) }
}
