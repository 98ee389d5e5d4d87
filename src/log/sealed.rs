//! Rows that are not blocks: a checksum, the number of their format, then what they hold.

pub(crate) use super::block::{
    BlockError,
    wire::{Reader, put_bytes, put_id, put_number, put_signed},
};
use super::{block::crc32, store::Bytes};

/// Room for the checksum, then the format.
pub(crate) fn begin(format: u64) -> Vec<u8> {
    let mut out = vec![0; 4];
    put_number(&mut out, format);
    out
}

/// Puts the checksum in front.
pub(crate) fn seal(mut out: Vec<u8>) -> Bytes {
    let checksum = crc32(&[&out[4..]]).to_le_bytes();
    out[..4].copy_from_slice(&checksum);
    out.into()
}

/// What a row of this format holds.
pub(crate) fn unseal(row: &[u8], format: u64) -> Result<Reader<'_>, BlockError> {
    let mut reader = Reader::new(row);
    let checksum = reader.fixed()?;
    if crc32(&[&row[4..]]) != checksum {
        return Err(BlockError::Checksum { part: "row" });
    }
    match reader.number()? {
        found if found == format => Ok(reader),
        found => Err(BlockError::Newer { found: u8::try_from(found).unwrap_or(u8::MAX) }),
    }
}
